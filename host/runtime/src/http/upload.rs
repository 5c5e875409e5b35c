//! The request's body on its way out: counted, bounded, and watched for progress.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::budget::CallBudget;
use super::error::SendError;

/// A body as it comes from the guest.
pub type GuestBody = UnsyncBoxBody<Bytes, SendError>;

/// A body as it goes to the server: of a known length, so that a cut one never looks complete.
pub(super) struct Upload {
    /// None when this is dropped.
    body: Option<GuestBody>,
    left: u64,
    budget: Arc<CallBudget>,
    progress: Arc<Progress>,
}

/// How far an upload is. The clock of the first byte starts at the last piece that went out.
pub(super) struct Progress {
    begun: Instant,
    last_millis: AtomicU64,
    sent: AtomicU64,
    complete: AtomicBool,
}

impl Upload {
    pub(super) fn new(body: GuestBody, length: u64, budget: Arc<CallBudget>, progress: Arc<Progress>) -> Self {
        if length == 0 {
            progress.complete.store(true, Ordering::Relaxed);
        }
        Self { body: Some(body), left: length, budget, progress }
    }

    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn take(&mut self, frame: &Frame<Bytes>) -> Result<(), SendError> {
        // Trailers were not part of what was decided.
        let data = frame.data_ref().ok_or(SendError::RequestBody)?;
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(SendError::RequestBody)?;
        self.budget.count_up(length)?;
        self.progress.moved(length, self.left == 0);
        Ok(())
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let frame = match ready!(self.poll_body(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None if self.left == 0 => return Poll::Ready(None),
            None => return Poll::Ready(Some(Err(SendError::RequestBody))),
        };
        Poll::Ready(Some(self.take(&frame).map(|()| frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.body.as_ref().is_none_or(GuestBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Drop for Upload {
    /// The client lets a body go with its last byte. A guest that has not yet said that this was all would see a stream that closed
    /// on it, as if its body had been cut, so the end is waited for; it comes with the end of the call at the latest.
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| self.left == 0 && !body.is_end_stream());
        if let (Some(mut body), Ok(runtime)) = (body, Handle::try_current()) {
            runtime.spawn(async move { body.frame().await.map(drop) });
        }
    }
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            last_millis: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            complete: AtomicBool::new(false),
        }
    }

    /// Starts the clock anew.
    pub(super) fn touch(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last_millis.load(Ordering::Relaxed))
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    fn moved(&self, bytes: u64, complete: bool) {
        self.touch();
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.complete.store(complete, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::budget::Limits;
    use tokio::sync::mpsc;

    /// What a guest writes to, as long as the other end is held.
    struct Written(mpsc::Receiver<&'static [u8]>);

    impl Body for Written {
        type Data = Bytes;
        type Error = SendError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
            self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(Bytes::from_static(bytes)))))
        }
    }

    fn upload(length: u64) -> (mpsc::Sender<&'static [u8]>, Upload) {
        let (guest, receiver) = mpsc::channel(2);
        let budget = Arc::new(CallBudget::new(Limits::default()));
        (guest, Upload::new(Written(receiver).boxed_unsync(), length, budget, Arc::new(Progress::new())))
    }

    /// Under load, a guest that flushed after its last byte was told that the stream had closed.
    #[tokio::test]
    async fn a_stream_stays_open_until_the_guest_ends_it_when_all_of_it_was_taken() {
        let (guest, mut upload) = upload(3);
        guest.send(b"abc").await.unwrap();
        assert_eq!(upload.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        drop(upload);
        tokio::task::yield_now().await;
        assert!(!guest.is_closed());
        guest.send(b"more than it said").await.unwrap();
        guest.closed().await;
    }

    #[tokio::test]
    async fn a_stream_closes_when_nobody_takes_the_rest() {
        let (guest, mut upload) = upload(6);
        guest.send(b"abc").await.unwrap();
        upload.frame().await.unwrap().unwrap();
        drop(upload);
        assert!(guest.is_closed());
    }
}
