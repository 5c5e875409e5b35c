//! Undoing `content-encoding: gzip`, a piece at a time and bounded.
//!
//! A few compressed bytes can become a thousand times as many, so input is fed in small steps and the output of each step is
//! handed on before the next. Beyond 4 MiB the ratio is watched too. A reply that claims gzip and is plain (it does not begin
//! with gzip's two magic bytes) is handed on as it is: nothing is decoded, so nothing can be wrong with it that could not be
//! wrong with any plain reply, and its bytes are counted alike.

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use thiserror::Error;

/// Input of one step: at deflate's best ratio of 1,032 it becomes 4 MiB.
pub(super) const STEP: usize = 4 * 1024;
/// Text of programs and JSON shrinks to a tenth, long runs to a hundredth; more than that is meant to hurt.
const MAX_RATIO: u64 = 250;
/// Below this the ratio is nobody's business: a page of one repeated line may well reach it.
const RATIO_FROM: u64 = 4 << 20;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What is wrong with a compressed reply.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GzipError {
    /// Not gzip behind its first bytes, or the checksum is wrong, or it ends early.
    #[error("the compressed reply is damaged")]
    Damaged,
    /// Grows too much.
    #[error("the compressed reply grows more than {MAX_RATIO}-fold")]
    Bomb,
}

/// Decodes one reply.
pub(super) struct Decoder {
    state: State,
    fed: u64,
    made: u64,
}

enum State {
    /// As the server said: no encoding.
    Plain,
    /// Gzip was claimed; so many bytes have been seen.
    Claimed(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Decoder {
    pub(super) fn plain() -> Self {
        Self { state: State::Plain, fed: 0, made: 0 }
    }

    pub(super) fn gzip() -> Self {
        Self { state: State::Claimed(Vec::new()), fed: 0, made: 0 }
    }

    /// Decodes at most [`STEP`] bytes off `input`; what comes out may be empty.
    pub(super) fn step(&mut self, input: &mut Bytes) -> Result<Bytes, GzipError> {
        if matches!(self.state, State::Plain) {
            return Ok(std::mem::take(input));
        }
        let piece = input.split_to(input.len().min(STEP));
        if let State::Claimed(seen) = &mut self.state {
            seen.extend_from_slice(&piece);
            let seen = std::mem::take(seen);
            return self.begin(seen);
        }
        self.decode(&piece)
    }

    /// What is left when the input has ended.
    pub(super) fn finish(&mut self) -> Result<Bytes, GzipError> {
        match &mut self.state {
            State::Plain => Ok(Bytes::new()),
            State::Claimed(seen) => Ok(std::mem::take(seen).into()),
            State::Gzip(decoder) => {
                decoder.try_finish().map_err(|_| GzipError::Damaged)?;
                self.take()
            }
        }
    }

    fn begin(&mut self, seen: Vec<u8>) -> Result<Bytes, GzipError> {
        if seen.len() < MAGIC.len() {
            self.state = State::Claimed(seen);
            return Ok(Bytes::new());
        }
        if !seen.starts_with(&MAGIC) {
            self.state = State::Plain;
            return Ok(seen.into());
        }
        self.state = State::Gzip(Box::new(MultiGzDecoder::new(Vec::new())));
        self.decode(&seen)
    }

    fn decode(&mut self, piece: &[u8]) -> Result<Bytes, GzipError> {
        if let State::Gzip(decoder) = &mut self.state {
            decoder.write_all(piece).and_then(|()| decoder.flush()).map_err(|_| GzipError::Damaged)?;
        }
        self.fed += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.take()
    }

    fn take(&mut self) -> Result<Bytes, GzipError> {
        let State::Gzip(decoder) = &mut self.state else { return Ok(Bytes::new()) };
        let made = std::mem::take(decoder.get_mut());
        self.made += u64::try_from(made.len()).unwrap_or(u64::MAX);
        if self.made > RATIO_FROM && self.made / self.fed.max(1) > MAX_RATIO {
            return Err(GzipError::Bomb);
        }
        Ok(made.into())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(encoded: &[u8], piece: usize) -> Result<Vec<u8>, GzipError> {
        let (mut decoder, mut out) = (Decoder::gzip(), Vec::new());
        for piece in encoded.chunks(piece) {
            let mut piece = Bytes::copy_from_slice(piece);
            while !piece.is_empty() {
                out.extend_from_slice(&decoder.step(&mut piece)?);
            }
        }
        out.extend_from_slice(&decoder.finish()?);
        Ok(out)
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back_in_any_pieces(bytes: Vec<u8>, piece in 1_usize..64) {
            prop_assert_eq!(decode(&gzip(&bytes), piece), Ok(bytes));
        }

        #[test]
        fn a_reply_that_only_claims_to_be_gzip_is_handed_on(bytes in proptest::collection::vec(32_u8..127, 0..64), piece in 1_usize..9) {
            prop_assert_eq!(decode(&bytes, piece), Ok(bytes));
        }

        #[test]
        fn a_reply_that_is_cut_is_damaged(bytes in proptest::collection::vec(any::<u8>(), 1..64), cut in 1_usize..18) {
            let encoded = gzip(&bytes);
            prop_assert_eq!(decode(&encoded[..encoded.len() - cut], 7), Err(GzipError::Damaged));
        }
    }

    #[test]
    fn a_bomb_is_noticed_before_it_has_grown() {
        let encoded = gzip(&vec![0; 64 << 20]);
        let (mut decoder, mut out) = (Decoder::gzip(), 0);
        let mut input = Bytes::from(encoded);
        let error = loop {
            match decoder.step(&mut input) {
                Ok(made) => out += made.len(),
                Err(error) => break error,
            }
        };
        assert_eq!(error, GzipError::Bomb);
        assert!(out <= 8 << 20, "{out}");
    }

    #[test]
    fn bytes_behind_the_end_are_damage() {
        let mut encoded = gzip(b"x");
        encoded.extend_from_slice(b"tail");
        assert_eq!(decode(&encoded, 7), Err(GzipError::Damaged));
        assert_eq!(decode(&[gzip(b"x"), gzip(b"y")].concat(), 7), Ok(b"xy".to_vec()), "two members are one reply");
    }
}
