//! Bodies that count, cut, drip or end early.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

/// Counts the bytes of a body as they pass, and runs something when it is gone.
pub(crate) struct Metered<B> {
    inner: B,
    count: Arc<AtomicU64>,
    // Dropped with the body, whether it was read to its end or not.
    _at_end: Option<AtEnd>,
}

/// Runs a function when dropped.
pub(crate) struct AtEnd(Option<Box<dyn FnOnce() + Send>>);

impl AtEnd {
    pub(crate) fn new(run: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(run)))
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}

impl<B> Metered<B> {
    pub(crate) fn new(inner: B, count: Arc<AtomicU64>, at_end: Option<AtEnd>) -> Self {
        Self { inner, count, _at_end: at_end }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Metered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.count.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// All bytes of a body; what could not be read is missing.
pub(crate) async fn read(body: Body) -> Bytes {
    body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
}

/// A body whose length is not announced.
pub(crate) fn unsized_body(bytes: Bytes) -> Body {
    Body::from_stream(stream::once(async move { Ok::<_, Infallible>(bytes) }))
}

/// A body that breaks off with an error after these bytes, which cuts the connection (or resets the stream).
pub(crate) fn cut(bytes: Bytes) -> Body {
    let broken = stream::once(async {
        // The bytes before must be on the wire first, or nothing of them arrives.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(stream::once(async move { Ok(bytes) }).chain(broken))
}

/// A body that comes in pieces with a pause before each.
pub(crate) fn drip(bytes: &Bytes, piece: usize, every: Duration) -> Body {
    let piece = piece.max(1);
    let pieces: Vec<Bytes> =
        (0..bytes.len()).step_by(piece).map(|at| bytes.slice(at..bytes.len().min(at + piece))).collect();
    let slow = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(every).await;
        Ok::<_, Infallible>(piece)
    });
    Body::from_stream(slow)
}

/// The same piece so many times between a head and a tail.
pub(crate) fn repeat(head: Bytes, piece: &Bytes, times: u32, tail: Bytes) -> Body {
    let piece = piece.clone();
    let middle = stream::iter((0..times).map(move |_| piece.clone()));
    let all = stream::iter([head]).chain(middle).chain(stream::iter([tail]));
    Body::from_stream(all.map(Ok::<_, Infallible>))
}
