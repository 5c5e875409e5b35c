//! What is saved of the ledger as a whole: the commit, the selection, and a checksum of every shard.

use super::coding::{Reader, checksum, put_number, put_text};
use super::{FORMAT, INDEX_KEY, LedgerError, MAX_BITS};
use crate::fingerprint::Fingerprint;

pub(super) struct Index {
    pub(super) head: Option<String>,
    pub(super) selection: Option<Fingerprint>,
    pub(super) checksums: Vec<[u8; 8]>,
}

impl Index {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        put_text(&mut bytes, self.head.as_deref().unwrap_or_default().as_bytes());
        put_text(&mut bytes, self.selection.as_ref().map_or(&[], |selection| selection.as_bytes()));
        put_number(&mut bytes, self.checksums.len());
        bytes.extend(self.checksums.iter().flatten());
        bytes.extend(checksum(&bytes));
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_format(INDEX_KEY, bytes)?;
        Index::decode_fields(bytes).ok_or_else(|| LedgerError::Damaged(INDEX_KEY.to_owned()))
    }

    fn decode_fields(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        if checksum(content) != *sum {
            return None;
        }
        let mut fields = Reader(&content[1..]);
        let head = Some(String::from_utf8(fields.text()?.to_vec()).ok()?).filter(|head| !head.is_empty());
        let selection = <[u8; 20]>::try_from(fields.text()?).ok().map(Fingerprint::from_bytes);
        let count = fields.number()?;
        if !count.is_power_of_two() || count > 1 << MAX_BITS {
            return None;
        }
        let checksums = (0..count).map(|_| fields.array()).collect::<Option<_>>()?;
        fields.0.is_empty().then_some(Index { head, selection, checksums })
    }
}

pub(super) fn check_format(key: &str, bytes: &[u8]) -> Result<(), LedgerError> {
    match bytes.first() {
        Some(&FORMAT) => Ok(()),
        Some(&format) => Err(LedgerError::Format { key: key.to_owned(), format }),
        None => Err(LedgerError::Damaged(key.to_owned())),
    }
}
