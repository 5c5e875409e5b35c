//! The reply's body on its way in: decoded, counted, timed, and without what the guest must not see.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::budget::{CallBudget, Place};
use super::demand::OnItsWay;
use super::error::{SendError, Wait};
use super::gzip::Decoder;
use super::record::Recorder;
use crate::redact::stream::Redactor;

/// A reply's body as the guest reads it. It holds its place in flight until it is read to its end or dropped.
pub struct ReplyBody {
    incoming: Incoming,
    /// Received, not yet decoded.
    encoded: Bytes,
    decoder: Decoder,
    redactor: Redactor,
    ended: bool,
    wire_bytes: u64,
    made_bytes: u64,
    limit: u64,
    between_bytes: Duration,
    idle: Option<Pin<Box<Sleep>>>,
    total: Pin<Box<Sleep>>,
    budget: Arc<CallBudget>,
    recorder: Recorder,
    place: Option<Place>,
    _on_its_way: OnItsWay,
}

/// What bounds a reply.
pub(super) struct Bounds {
    pub(super) limit: u64,
    pub(super) between_bytes: Duration,
    pub(super) deadline: Instant,
    pub(super) budget: Arc<CallBudget>,
    pub(super) place: Place,
    pub(super) on_its_way: OnItsWay,
}

impl ReplyBody {
    pub(super) fn new(
        incoming: Incoming,
        decoder: Decoder,
        redactor: Redactor,
        bounds: Bounds,
        mut recorder: Recorder,
    ) -> Self {
        if incoming.is_end_stream() {
            recorder.done();
        }
        Self {
            incoming,
            encoded: Bytes::new(),
            decoder,
            redactor,
            ended: false,
            wire_bytes: 0,
            made_bytes: 0,
            limit: bounds.limit,
            between_bytes: bounds.between_bytes,
            idle: None,
            total: Box::pin(tokio::time::sleep_until(bounds.deadline)),
            budget: bounds.budget,
            recorder,
            place: Some(bounds.place),
            _on_its_way: bounds.on_its_way,
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, SendError>>> {
        loop {
            // In here, since frames without bytes can come as fast as they are taken.
            if self.total.as_mut().poll(context).is_ready() {
                return Poll::Ready(Some(Err(SendError::Timeout(Wait::Total))));
            }
            let made = if !self.encoded.is_empty() {
                self.decoder.step(&mut self.encoded).map(|made| self.redactor.pass(made))
            } else if self.ended {
                return Poll::Ready(None);
            } else {
                match ready!(self.poll_incoming(context)) {
                    Some(Ok(())) => continue,
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => self.end(),
                }
            };
            match made.map_err(SendError::from).and_then(|made| self.count(made)) {
                Ok(made) if made.is_empty() => {}
                made => return Poll::Ready(Some(made)),
            }
        }
    }

    /// The last of the decoder, and what the redactor held back.
    fn end(&mut self) -> Result<Bytes, super::gzip::GzipError> {
        self.ended = true;
        let last = self.decoder.finish()?;
        Ok(self.redactor.finish(last))
    }

    fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<(), SendError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            let between_bytes = self.between_bytes;
            let idle = self.idle.get_or_insert_with(|| Box::pin(tokio::time::sleep(between_bytes)));
            ready!(idle.as_mut().poll(context));
            return Poll::Ready(Some(Err(SendError::Timeout(Wait::NextBytes))));
        };
        self.idle = None;
        match frame {
            None => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(SendError::from_hyper(&error)))),
            // Trailers are dropped: nothing that the connector needs stands there.
            Some(Ok(frame)) => Poll::Ready(Some(frame.into_data().map_or(Ok(()), |data| self.receive(data)))),
        }
    }

    /// Bytes on the wire are bounded too: a stream of empty deflate blocks decodes to nothing, for ever.
    fn receive(&mut self, data: Bytes) -> Result<(), SendError> {
        self.wire_bytes = self.wire_bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        self.encoded = data;
        if self.wire_bytes > self.limit { Err(SendError::ReplyTooLarge { limit: self.limit }) } else { Ok(()) }
    }

    fn count(&mut self, made: Bytes) -> Result<Bytes, SendError> {
        let length = u64::try_from(made.len()).unwrap_or(u64::MAX);
        self.made_bytes = self.made_bytes.saturating_add(length);
        if self.made_bytes > self.limit {
            return Err(SendError::ReplyTooLarge { limit: self.limit });
        }
        self.budget.count_down(length)?;
        self.recorder.received(made.len());
        Ok(made)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let piece = ready!(self.poll_piece(context));
        match &piece {
            None => self.recorder.done(),
            Some(Err(error)) => self.recorder.failed(error),
            Some(Ok(_)) => {}
        }
        if !matches!(piece, Some(Ok(_))) {
            self.place = None;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Refuses a reply whose end two programs could see in different places, and a switch to a protocol that nobody asked for.
pub(super) fn check_framing(reply: &Response<Incoming>) -> Result<(), SendError> {
    if reply.status().is_informational() {
        return Err(SendError::Protocol("the server switches to another protocol".to_owned()));
    }
    let mut encodings = reply.headers().get_all(header::TRANSFER_ENCODING).iter();
    let chunked = match (encodings.next(), encodings.next()) {
        (None, _) => return Ok(()),
        (Some(one), None) => one.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if chunked && !reply.headers().contains_key(header::CONTENT_LENGTH) {
        return Ok(());
    }
    Err(SendError::Protocol("the reply says in two ways how long it is".to_owned()))
}

/// The decoder for a reply, whose headers are changed to fit what the guest will read.
pub(super) fn take_encoding(headers: &mut HeaderMap) -> Result<Decoder, SendError> {
    let all: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    let written = all.join(&b", "[..]).to_ascii_lowercase();
    let decoder = match written.trim_ascii() {
        b"" | b"identity" => return Ok(Decoder::plain()),
        b"gzip" | b"x-gzip" => Decoder::gzip(),
        other => return Err(SendError::Encoding(String::from_utf8_lossy(other).chars().take(64).collect())),
    };
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Ok(decoder)
}
