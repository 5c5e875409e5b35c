//! Servers that mean harm by what they answer: everything ends in bounded time and memory, with its own error.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use gitlab_sync_host::http::GzipError;
use gitlab_sync_host::http::error::{SendError, Wait};
use tokio::io::AsyncWriteExt;

use crate::support::{Lab, Server, read_head};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn reply(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}\r\nconnection: close\r\n\r\n").as_bytes(), body].concat()
}

/// A server that sends `head` and then `piece` for ever, every `pause`.
async fn endless(head: &'static str, piece: &'static [u8], pause: Duration) -> Server {
    Server::raw(move |mut stream| async move {
        read_head(&mut stream).await;
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sent = stream.write_all(piece).await;
            tokio::time::sleep(pause).await;
        }
    })
    .await
}

async fn get(server: &Server) -> Result<http::Response<bytes::Bytes>, SendError> {
    let lab = Lab::plain(server);
    lab.get(&lab.call(), "/thing/x").await
}

async fn get_hastily(server: &Server, wait: Wait) -> Result<http::Response<bytes::Bytes>, SendError> {
    let lab = Lab::plain(server).hasty(wait);
    lab.get(&lab.call(), "/thing/x").await
}

#[tokio::test]
async fn gzip_is_undone_and_its_headers_are_gone() {
    let text = "hello ".repeat(10_000);
    for headers in ["content-encoding: gzip", "content-encoding: x-gzip", "Content-Encoding: GZIP"] {
        let body = gzip(text.as_bytes());
        let length = format!("{headers}\r\ncontent-length: {}", body.len());
        let reply = get(&Server::answering(reply(&length, &body)).await).await.unwrap();
        assert_eq!(reply.body(), &text);
        assert!(!reply.headers().contains_key("content-encoding") && !reply.headers().contains_key("content-length"));
    }
}

#[tokio::test]
async fn a_reply_that_only_claims_to_be_gzip_is_read_as_plain() {
    for body in ["", "{", "{\"a\": 1}"] {
        let reply = get(&Server::answering(reply("content-encoding: gzip", body.as_bytes())).await).await.unwrap();
        assert_eq!(reply.body(), body);
    }
}

#[tokio::test]
async fn gzip_bomb_ends_by_decoded_size() {
    let bomb = |size: usize| reply("content-encoding: gzip", &gzip(&vec![0; size]));
    let error = get(&Server::answering(bomb(3 << 20)).await).await.unwrap_err();
    assert!(matches!(error, SendError::ReplyTooLarge { limit: 1_048_576 }), "{error:?}");
    let error = get(&Server::answering(bomb(64 << 20)).await).await.unwrap_err();
    assert!(matches!(error, SendError::Gzip(GzipError::Bomb)), "{error:?}");
}

#[tokio::test]
async fn encodings_that_were_not_asked_for_are_refused() {
    for encoding in ["br", "deflate", "gzip, gzip", "zstd", "gzip\r\ncontent-encoding: gzip"] {
        let headers = format!("content-encoding: {encoding}");
        let error = get(&Server::answering(reply(&headers, b"x")).await).await.unwrap_err();
        assert!(matches!(error, SendError::Encoding(_)), "{encoding}: {error:?}");
    }
}

#[tokio::test]
async fn damaged_gzip_is_an_error_and_not_a_shorter_reply() {
    let whole = gzip(b"hello world");
    let mut flipped = whole.clone();
    let last = flipped.len() - 5;
    flipped[last] ^= 1;
    for body in [&whole[..whole.len() - 1], &whole[..3], &flipped] {
        let error = get(&Server::answering(reply("content-encoding: gzip", body)).await).await.unwrap_err();
        assert!(matches!(error, SendError::Gzip(GzipError::Damaged)), "{error:?}");
    }
}

#[tokio::test]
async fn gzip_that_never_makes_a_byte_ends_too() {
    // An empty stored block, for ever.
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n";
    let server = Server::raw(move |mut stream| async move {
        read_head(&mut stream).await;
        let begin = [head.as_bytes(), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]].concat();
        let blocks = [0, 0, 0, 0xff, 0xff].repeat(10_000);
        let mut sent = stream.write_all(&begin).await;
        while sent.is_ok() {
            sent = stream.write_all(&blocks).await;
        }
    })
    .await;
    let error = get(&server).await.unwrap_err();
    assert!(matches!(error, SendError::ReplyTooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn endless_body_ends_by_size() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"] {
        let error = get(&endless(head, &[b'x'; 65536], Duration::ZERO).await).await.unwrap_err();
        assert!(matches!(error, SendError::ReplyTooLarge { limit: 1_048_576 }), "{error:?}");
    }
}

#[tokio::test]
async fn slow_drip_is_cut_as_a_whole_and_a_stop_between_two_bytes_sooner() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    let error = get_hastily(&endless(head, b"x", Duration::from_millis(50)).await, Wait::Total).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout(Wait::Total)), "{error:?}");
    let error = get_hastily(&endless(head, b"x", Duration::from_secs(60)).await, Wait::NextBytes).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout(Wait::NextBytes)), "{error:?}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let error = get_hastily(&endless("HTTP/1.1 200 OK\r\nx: ", b"x", Duration::from_millis(50)).await, Wait::FirstByte)
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Timeout(Wait::FirstByte)), "{error:?}");
    let error = get(&endless("HTTP/1.1 200 OK\r\nx: ", &[b'x'; 65536], Duration::ZERO).await).await.unwrap_err();
    assert!(matches!(error, SendError::Protocol(_)), "{error:?}");
    let error =
        get_hastily(&endless("", b"HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(20)).await, Wait::FirstByte)
            .await
            .unwrap_err();
    assert!(matches!(error, SendError::Timeout(Wait::FirstByte)), "{error:?}");
    let error = get_hastily(&endless("", b"HTTP/1.1 100 Continue\r\n\r\n", Duration::ZERO).await, Wait::FirstByte)
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Timeout(Wait::FirstByte)), "{error:?}");
    let many = "HTTP/1.1 200 OK\r\n".to_owned() + &"x: y\r\n".repeat(100_000) + "\r\n";
    let error = get(&Server::answering(many).await).await.unwrap_err();
    assert!(matches!(error, SendError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_an_error() {
    let error = get(&Server::answering(reply("content-length: 10", b"hello")).await).await.unwrap_err();
    assert!(matches!(error, SendError::Incomplete), "{error:?}");
    let chunked = reply("transfer-encoding: chunked", b"5\r\nhello\r\n");
    let error = get(&Server::answering(chunked).await).await.unwrap_err();
    assert!(matches!(error, SendError::Incomplete), "{error:?}");
}

#[tokio::test]
async fn what_is_behind_a_body_is_never_the_reply_to_the_next_request() {
    let smuggled =
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsmuggle";
    let server = Server::raw(move |mut stream| async move {
        loop {
            if read_head(&mut stream).await.is_empty() || stream.write_all(smuggled.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let lab = Lab::plain(&server);
    let call = lab.call();
    for _ in 0..20 {
        if let Ok(reply) = lab.get(&call, "/thing/x").await {
            assert_eq!(reply.body(), "hello");
        }
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    for garbage in ["SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 999999 x\r\n\r\n"] {
        let error = get(&Server::answering(garbage).await).await.unwrap_err();
        assert!(matches!(error, SendError::Protocol(_)), "{garbage}: {error:?}");
    }
    let chunked = reply("transfer-encoding: chunked", b"zz\r\nhello\r\n");
    let error = get(&Server::answering(chunked).await).await.unwrap_err();
    assert!(matches!(error, SendError::Protocol(_)), "{error:?}");
    let error = get(&Server::trap().await).await.unwrap_err();
    assert!(matches!(error, SendError::Incomplete | SendError::Protocol(_)), "{error:?}");
}
