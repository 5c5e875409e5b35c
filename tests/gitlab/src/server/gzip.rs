//! Compression as the nginx of an Omnibus installation does it, and the gzip bomb.

use std::io::Write;

use axum::body::Body;
use bytes::Bytes;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc, FlushCompress};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body as _;

use super::body;

/// Types that are compressed.
const TYPES: [&str; 3] = ["application/json", "text/plain", "text/html"];
/// Bodies below this size go out as they are. nginx's own default is 20 bytes; a packet is a fairer line.
const MIN_BYTES: u64 = 256;
/// One mebibyte.
const MIB: usize = 1 << 20;

/// Compresses the answer if the client takes it, the type is a text and the whole body is at hand.
pub(crate) async fn compress(request: &HeaderMap, response: Response<Body>) -> Response<Body> {
    if !wanted(request) || !worth_it(&response) {
        return response;
    }
    let (mut parts, plain) = response.into_parts();
    let plain = body::read(plain).await;
    let Ok(packed) = tokio::task::block_in_place(|| gzip(&plain)) else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("Origin, Accept-Encoding"));
    Response::from_parts(parts, body::unsized_body(Bytes::from(packed)))
}

fn wanted(request: &HeaderMap) -> bool {
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("gzip"));
    request.get_all(header::ACCEPT_ENCODING).iter().any(accepts)
}

fn worth_it(response: &Response<Body>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    response.body().size_hint().exact().is_some_and(|size| size >= MIN_BYTES)
        && TYPES.iter().any(|known| kind.starts_with(known))
        && !response.headers().contains_key(header::CONTENT_ENCODING)
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// A gzip stream of so many MiB of spaces, at about a thousandth of the size and with a right checksum.
pub(crate) fn bomb(mib: u32) -> Body {
    let spaces = vec![b' '; MIB];
    // A full flush ends on a byte and forgets the window, so the piece can be repeated.
    let mut packed = flate2::Compress::new(Compression::best(), false);
    let mut piece = Vec::with_capacity(MIB);
    let _ = packed.compress_vec(&spaces, &mut piece, FlushCompress::Full);
    let mut one = Crc::new();
    one.update(&spaces);
    let mut all = Crc::new();
    (0..mib).for_each(|_| all.combine(&one));
    let head = Bytes::from_static(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    let mut tail = vec![3, 0];
    tail.extend(all.sum().to_le_bytes());
    tail.extend(all.amount().to_le_bytes());
    body::repeat(head, &Bytes::from(piece), mib, Bytes::from(tail))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn a_bomb_is_a_valid_gzip_stream_of_the_promised_size() {
        let packed = body::read(bomb(8)).await;
        assert!(packed.len() < 100_000, "{}", packed.len());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len(), 8 * MIB);
    }
}
