//! Reads a long reply ahead of the guest, so that receiving, unpacking and searching it for secrets happens while the guest works on
//! what came before.
//!
//! Decided here: when (a short reply is not worth a task), how much is held (some pieces, each of at most what one read of the
//! connection brings, 400 kB), and for how many replies of a call at once, so that no guest can have more held by leaving replies
//! unread. The task ends with the body that the guest holds.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

/// From so many bytes on it is read ahead.
const LONG: usize = 256 << 10;
/// Pieces that wait for the guest.
const PIECES: usize = 8;
/// Replies of one call that are read ahead at once.
const REPLIES: usize = 1;

/// What the replies of one call share.
pub(super) fn readers() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(REPLIES))
}

/// A body that is read ahead once it is long.
pub(super) struct ReadAhead<B: Body> {
    source: Source<B>,
    passed: usize,
    readers: Arc<Semaphore>,
}

type Piece<B> = Result<Frame<<B as Body>::Data>, <B as Body>::Error>;

enum Source<B: Body> {
    Here(B),
    There {
        pieces: mpsc::Receiver<Piece<B>>,
        /// Ended when it is dropped.
        _task: JoinSet<()>,
        _reader: OwnedSemaphorePermit,
    },
    Ended,
}

impl<B> ReadAhead<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    pub(super) fn new(body: B, readers: Arc<Semaphore>) -> Self {
        Self { source: Source::Here(body), passed: 0, readers }
    }

    fn send_ahead(&mut self, reader: OwnedSemaphorePermit) {
        let Source::Here(body) = std::mem::replace(&mut self.source, Source::Ended) else { return };
        let (to, pieces) = mpsc::channel(PIECES);
        let mut task = JoinSet::new();
        task.spawn(carry(body, to));
        self.source = Source::There { pieces, _task: task, _reader: reader };
    }
}

async fn carry<B: Body + Unpin>(mut body: B, to: mpsc::Sender<Piece<B>>) {
    while let Some(piece) = body.frame().await {
        let is_last = piece.is_err();
        if to.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

impl<B> Body for ReadAhead<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece<B>>> {
        if self.passed >= LONG
            && matches!(self.source, Source::Here(_))
            && let Ok(reader) = Arc::clone(&self.readers).try_acquire_owned()
        {
            self.send_ahead(reader);
        }
        let piece = ready!(match &mut self.source {
            Source::Here(body) => Pin::new(body).poll_frame(context),
            Source::There { pieces, .. } => pieces.poll_recv(context),
            Source::Ended => Poll::Ready(None),
        });
        match &piece {
            Some(Ok(frame)) => self.passed += frame.data_ref().map_or(0, Buf::remaining),
            _ => self.source = Source::Ended,
        }
        Poll::Ready(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Pieces of 64 KiB, the last of them an error if that is wanted.
    struct Pieces {
        left: usize,
        fails: bool,
        given: Arc<AtomicUsize>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Piece<Self>>> {
            let Some(left) = self.left.checked_sub(1) else {
                return Poll::Ready(std::mem::take(&mut self.fails).then_some(Err("it broke off")));
            };
            self.left = left;
            let number = self.given.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(Some(Ok(Frame::data(vec![u8::try_from(number % 251).unwrap(); 64 << 10].into()))))
        }
    }

    fn body(count: usize, fails: bool, readers: &Arc<Semaphore>) -> (ReadAhead<Pieces>, Arc<AtomicUsize>) {
        let given = Arc::<AtomicUsize>::default();
        (ReadAhead::new(Pieces { left: count, fails, given: given.clone() }, readers.clone()), given)
    }

    async fn first_bytes(body: &mut ReadAhead<Pieces>) -> (Vec<u8>, bool) {
        let mut seen = Vec::new();
        loop {
            match body.frame().await {
                None => return (seen, true),
                Some(Err(_)) => return (seen, false),
                Some(Ok(frame)) => seen.push(frame.into_data().unwrap()[0]),
            }
        }
    }

    #[tokio::test]
    async fn all_of_it_comes_in_order_and_an_error_in_its_place() {
        for (count, fails) in [(0, false), (1, false), (3, true), (4, false), (5, true), (100, false), (100, true)] {
            let readers = readers();
            let (mut body, _) = body(count, fails, &readers);
            let expected: Vec<u8> = (0..count).map(|number| u8::try_from(number).unwrap()).collect();
            assert_eq!(first_bytes(&mut body).await, (expected, !fails), "{count} pieces");
            assert!(body.frame().await.is_none());
            assert_eq!(readers.available_permits(), REPLIES, "another may be read ahead now");
        }
    }

    #[tokio::test]
    async fn no_more_is_held_than_some_pieces_of_one_reply() {
        let readers = readers();
        let bodies: Vec<_> = (0..4).map(|_| body(1_000, false, &readers)).collect();
        let mut ahead = 0;
        let mut held = Vec::new();
        for (mut body, given) in bodies {
            for _ in 0..10 {
                body.frame().await.unwrap().unwrap();
            }
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            ahead += given.load(Ordering::SeqCst) - 10;
            held.push((body, given));
        }
        assert!((1..=PIECES + 1).contains(&ahead), "{ahead} pieces");
        // What the guest drops is not read on.
        let (first, given) = held.swap_remove(0);
        drop(first);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(given.load(Ordering::SeqCst) <= 10 + PIECES + 1);
        assert_eq!(readers.available_permits(), REPLIES);
    }
}
