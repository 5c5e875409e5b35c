//! A webhook receiver on loopback that keeps every byte and answers what it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the receiver does with a delivery.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Answers with this status and text.
    Answers(u16, &'static str),
    /// Reads and never answers.
    Hangs,
    /// Closes the connection without an answer.
    Cuts,
}

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let manner = Arc::new(Mutex::new(Manner::Answers(200, "thanks")));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (answers, keeps) = (Arc::clone(&manner), Arc::clone(&received));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manner = answers.lock().unwrap().clone();
                tokio::spawn(serve(stream, manner, Arc::clone(&keeps)));
            }
        });
        Self { url, manner, received }
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, keeps: Arc<Mutex<Vec<Received>>>) {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&part[..count]);
        if let Some(received) = parse(&bytes) {
            keeps.lock().unwrap().push(received);
            break;
        }
    }
    match manner {
        Manner::Answers(status, text) => {
            let answer =
                format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nx-kept-by: receiver\r\n\r\n{text}", text.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Manner::Hangs => tokio::time::sleep(Duration::from_secs(60)).await,
        Manner::Cuts => {}
    }
}

fn parse(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let received =
        Received { head: String::from_utf8_lossy(&bytes[..end]).into_owned(), body: bytes[end + 4..].to_vec() };
    let length: usize = received.header("content-length")?.parse().ok()?;
    (received.body.len() >= length).then_some(received)
}
