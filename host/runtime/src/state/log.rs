//! One connection's file: what it holds, and one record more at its end.
//!
//! Decided here: what is read when. Opening reads the tables of all records and the values of none, but for a last record without its
//! seal, which a death may have cut. A value is read when it is asked for, and held against its hash. Decided here, too: when the file
//! is worn and to be written anew. Not decided here: who may read or write now (`directory`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::record::{self, HEAD_BYTES, Hash, Item, SEAL_BYTES, START_BYTES, Start};
use super::room::{Held, Room};
use super::{Key, Put, Value};

/// What a file is read by where records are small: a pull that found nothing new leaves 150 bytes.
const AHEAD_BYTES: u64 = 16 << 10;

/// How much of a file may be of no more use, beside as much as is of use.
const MOST_GARBAGE: u64 = 1 << 20;

/// Records that whoever opens the file reads in 0.4 ms: a pull that finds nothing new leaves one each time.
const MOST_RECORDS: u64 = 1_000;
/// One more for so many bytes that are of use: what writing the file anew costs each of these commits, if they are small.
const BYTES_A_RECORD: u64 = 16 << 10;

/// One connection's file, as far as it has been read.
#[derive(Debug)]
pub(super) struct Log {
    number: u64,
    /// The end of the last whole record, where the next one goes, over the seal.
    end: u64,
    records: u64,
    room: Room<Place>,
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    at: u64,
    hash: Hash,
}

/// What the head and the table of a record say.
struct Record {
    items: Vec<Item>,
    /// Where its values begin.
    values: u64,
    end: u64,
}

impl Log {
    /// What the file holds, given what was known of it.
    pub(super) fn refresh(known: Option<Self>, file: &mut File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut start = [0; START_BYTES];
        file.read_exact(&mut start).map_err(|_| damaged(0))?;
        let number = match record::parse_start(&start) {
            Start::Number(number) => number,
            Start::Older => return Err(older()),
            Start::Damaged => return Err(damaged(0)),
        };
        let length = file.metadata()?.len();
        let mut log = match known {
            Some(log) if log.number == number && log.end <= length => log,
            _ => Self { number, end: START_BYTES as u64, records: 0, room: Room::default() },
        };
        // Every record is longer than the seal that it is written over.
        if length != log.end + SEAL_BYTES as u64 {
            log.read_on(&mut Ahead { file, length, from: 0, bytes: Vec::new() })?;
        }
        Ok(log)
    }

    pub(super) fn room(&self) -> &Room<Place> {
        &self.room
    }

    /// Whether it is better written anew: more than half of it (and a MiB) is no longer needed, or it is many small records.
    pub(super) fn is_worn(&self) -> bool {
        let needed = self.room.bytes();
        self.end > 2 * needed + MOST_GARBAGE || self.records > MOST_RECORDS + needed / BYTES_A_RECORD
    }

    pub(super) fn value(&self, file: &mut File, key: &Key) -> io::Result<Option<Value>> {
        let Some(held) = self.room.get(key) else { return Ok(None) };
        Ok(Some(Value { bytes: read_value(file, held)?, version: held.version }))
    }

    /// One record at the end, over the seal and whatever broken record is there.
    pub(super) fn append(&mut self, file: &mut File, writes: &[Put]) -> io::Result<()> {
        if writes.is_empty() {
            // It would be a seal.
            return Ok(());
        }
        let items: Vec<Item> = writes.iter().map(|put| self.item(put)).collect();
        let mut bytes = record::encode(&items);
        let values = self.end + bytes.len() as u64;
        writes.iter().filter_map(|put| put.bytes.as_ref()).for_each(|value| bytes.extend_from_slice(value));
        file.set_len(self.end)?;
        file.seek(SeekFrom::Start(self.end))?;
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data()) {
            // If this fails too, what was written is a broken record at the end, or a whole one that no one was told of.
            _ = file.set_len(self.end);
            return Err(error);
        }
        self.take(Record { items, values, end: self.end + bytes.len() as u64 });
        // The commit is made: without its seal the record is only looked at once more.
        _ = file.write_all(&record::seal());
        Ok(())
    }

    /// Writes what is of use, as one record of a new file. Fails at a value that is damaged: it is not to be thrown away.
    pub(super) fn copy(&self, file: &mut File, to: &mut File, number: u64) -> io::Result<()> {
        let puts = self.room.iter().map(|(key, held)| Item::Put {
            key: key.clone(),
            version: held.version,
            size: held.size,
            hash: held.place.hash,
        });
        let items: Vec<Item> = std::iter::once(Item::Floor { version: self.room.floor() }).chain(puts).collect();
        to.write_all(record::start(number).as_bytes())?;
        to.write_all(&record::encode(&items))?;
        for (_, held) in self.room.iter() {
            to.write_all(&read_value(file, held)?)?;
        }
        // Whoever sees the file sees it after all of it is on disk.
        to.write_all(&record::seal())
    }

    fn item(&self, put: &Put) -> Item {
        let key = put.key.clone();
        match &put.bytes {
            None => Item::Remove { key },
            Some(bytes) => {
                let (version, size) = (self.room.next_version(&key), bytes.len() as u64);
                Item::Put { key, version, size, hash: record::hash(bytes) }
            }
        }
    }

    /// Takes every whole record behind the last one.
    fn read_on(&mut self, ahead: &mut Ahead<'_>) -> io::Result<()> {
        let mut last = None;
        loop {
            let at = last.as_ref().map_or(self.end, |record: &Record| record.end);
            match Record::read(ahead, at)? {
                Next::Record(next) => last.replace(next).into_iter().for_each(|whole| self.take(whole)),
                Next::Seal => break,
                Next::Nothing => {
                    last = last.map(|last| last.unless_cut(ahead)).transpose()?.flatten();
                    break;
                }
            }
        }
        last.into_iter().for_each(|whole| self.take(whole));
        Ok(())
    }

    fn take(&mut self, record: Record) {
        let mut at = record.values;
        for item in record.items {
            match item {
                Item::Put { key, version, size, hash } => {
                    self.room.insert(key, Held { version, size, place: Place { at, hash } });
                    at += size;
                }
                Item::Remove { key } => self.room.remove(&key),
                Item::Floor { version } => self.room.raise_floor(version),
            }
        }
        self.end = record.end;
        self.records += 1;
    }
}

/// What stands at a place in the file.
enum Next {
    Record(Record),
    /// All before it is on disk, and nothing behind it was ever confirmed.
    Seal,
    /// The end, or a record that was cut.
    Nothing,
}

impl Record {
    /// Of the values, only that they have their place.
    fn read(ahead: &mut Ahead<'_>, at: u64) -> io::Result<Next> {
        let Some(left) = (ahead.length - at).checked_sub(HEAD_BYTES as u64) else { return Ok(Next::Nothing) };
        let head: [u8; HEAD_BYTES] = ahead.get(at, HEAD_BYTES as u64)?.try_into().map_err(io::Error::other)?;
        let table = at + HEAD_BYTES as u64;
        let Some(lengths) = record::lengths(&head) else {
            // It may be one that was cut, in a file whose length was set before it was filled.
            return if is_zero_to_the_end(ahead.file, table)? { Ok(Next::Nothing) } else { Err(damaged(at)) };
        };
        if left.checked_sub(lengths.table).and_then(|left| left.checked_sub(lengths.values)).is_none() {
            return Ok(Next::Nothing);
        }
        let values = table + lengths.table;
        let end = values + lengths.values;
        let items = record::decode(&head, ahead.get(table, lengths.table)?);
        match items {
            Some(items) if end == table && items.is_empty() => Ok(Next::Seal),
            Some(items) => Ok(Next::Record(Self { items, values, end })),
            // Of the last one not all may have reached the disk.
            None if is_zero_to_the_end(ahead.file, end)? => Ok(Next::Nothing),
            None => Err(damaged(at)),
        }
    }

    /// Itself, if all of its values are whole.
    fn unless_cut(self, ahead: &mut Ahead<'_>) -> io::Result<Option<Self>> {
        let mut at = self.values;
        for item in &self.items {
            let Item::Put { size, hash, .. } = item else { continue };
            if record::hash(&read_at(ahead.file, at, *size)?) != *hash {
                return if is_zero_to_the_end(ahead.file, self.end)? { Ok(None) } else { Err(damaged(at)) };
            }
            at += size;
        }
        Ok(Some(self))
    }
}

/// A file that is read forwards, by more than is asked for if that is little.
struct Ahead<'a> {
    file: &'a mut File,
    length: u64,
    from: u64,
    bytes: Vec<u8>,
}

impl Ahead<'_> {
    /// So many bytes from there; the file has them.
    fn get(&mut self, at: u64, count: u64) -> io::Result<&[u8]> {
        let is_read = at >= self.from && at + count <= self.from + self.bytes.len() as u64;
        if !is_read {
            self.bytes = read_at(self.file, at, count.max(AHEAD_BYTES.min(self.length - at)))?;
            self.from = at;
        }
        let skipped = usize::try_from(at - self.from).map_err(io::Error::other)?;
        let count = usize::try_from(count).map_err(io::Error::other)?;
        Ok(&self.bytes[skipped..][..count])
    }
}

fn read_value(file: &mut File, held: &Held<Place>) -> io::Result<Vec<u8>> {
    let Place { at, hash } = held.place;
    let bytes = read_at(file, at, held.size)?;
    if record::hash(&bytes) == hash { Ok(bytes) } else { Err(damaged(at)) }
}

fn read_at(file: &mut File, at: u64, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn is_zero_to_the_end(file: &mut File, from: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(from))?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(true),
            count if buffer[..count].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

fn damaged(at: u64) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file is damaged at byte {at}; restore it from a backup"))
}

fn older() -> io::Error {
    let sentence = "the file was written by an older version; use that one, or move the file away and configure anew";
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

// The counts are of Linux. In one condition, clippy would not see that these are tests.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// By this thread, so far.
    fn bytes_read() -> u64 {
        let counts = fs::read_to_string("/proc/thread-self/io").unwrap();
        let count = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        count.parse().unwrap()
    }

    fn put(number: usize, size: usize, expected: u64) -> Put {
        Put { key: Key::parse(&format!("shard-{number}")).unwrap(), bytes: Some(vec![7; size]), expected }
    }

    /// Without its syncs.
    fn write(file: &mut File, commits: impl IntoIterator<Item = Put>) -> Log {
        let log = Log::refresh(None, file).unwrap();
        let records = commits.into_iter().flat_map(|put| {
            let mut record = record::encode(&[log.item(&put)]);
            record.extend(put.bytes.unwrap());
            record
        });
        let bytes: Vec<u8> = records.chain(record::seal()).collect();
        file.seek(SeekFrom::Start(log.end)).unwrap();
        file.write_all(&bytes).unwrap();
        Log::refresh(None, file).unwrap()
    }

    fn new_file() -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(record::start(1).as_bytes()).unwrap();
        file
    }

    /// A pull that finds nothing new leaves 150 bytes, and 7,000 of them were read by whoever came next.
    #[test]
    fn a_file_of_many_small_commits_is_worn() {
        let table = [
            ("small ones", 1_000, 0, false),
            ("one more", 1_001, 0, true),
            ("a room of ten MB is written anew more rarely", 1_600, 10_000_000, false),
            ("but it is", 1_700, 10_000_000, true),
        ];
        for (what, commits, size, worn) in table {
            let large = (size > 0).then(|| put(1, size, 0));
            let small = (0..commits - usize::from(size > 0)).map(|_| put(0, 73, 0));
            let log = write(&mut new_file(), large.into_iter().chain(small));
            assert_eq!(log.is_worn(), worn, "{what}");
        }
    }

    /// It once read and hashed all of it: at 10,000 files half a megabyte, for a pull that asks for two small values.
    #[test]
    fn opening_reads_the_tables_and_no_value() {
        let mut file = new_file();
        let mut log = Log::refresh(None, &mut file).unwrap();
        let shards: Vec<_> = (0..100).map(|number| put(number, 50_000, 0)).collect();
        log.append(&mut file, &shards).unwrap();
        for version in 0..20 {
            log.append(&mut file, &[put(100, 30, version)]).unwrap();
        }
        let begun = bytes_read();
        let log = Log::refresh(None, &mut file).unwrap();
        let opening = bytes_read() - begun;
        assert!(opening < 3 * AHEAD_BYTES, "{opening} bytes of {}", log.end);
        let begun = bytes_read();
        let value = log.value(&mut file, &Key::parse("shard-7").unwrap()).unwrap().unwrap();
        let asking = bytes_read() - begun;
        assert!(value.bytes == [7; 50_000] && asking < 51_000, "{asking} bytes");
        let begun = bytes_read();
        Log::refresh(Some(log), &mut file).unwrap();
        let again = bytes_read() - begun;
        assert!(again < 500, "{again} bytes to see that nothing is new");
    }
}
