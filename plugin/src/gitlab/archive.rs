//! All files of a commit as one stream, for a cold start.
//!
//! Asked as plain tar: nothing needs inflating here, and what travels is compressed by the transport. Git's attributes can leave
//! files out of an archive or change them in it, so nothing of it counts before its blob id was checked; what is missing is
//! fetched one by one.

use crate::request::Target;

const BLOCK: usize = 512;
/// Of a name in an extended header; git has no longer paths.
const MAX_NAME: u64 = 64 * 1024;

/// The archive of a commit. LFS files come as the pointers that the tree's ids are of.
pub fn target(project: u64, commit: &str) -> Target {
    Target::project(project, "repository/archive.tar").query("sha", commit).query("include_lfs_blobs", "false")
}

/// Takes a tar stream in pieces of any length and gives out regular files.
#[derive(Default)]
pub struct Tar {
    buffer: Vec<u8>,
    state: State,
    /// From an extended header, for the next entry.
    long_name: Option<String>,
    finished: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Header,
    /// Bytes of a content that are still to come, with those of its padding after it.
    Content { kind: Kind, left: u64, padding: u64 },
}

enum Kind {
    /// A file that is wanted.
    File(String),
    /// `x`: fields for the next entry.
    Extended,
    /// `L`: the next entry's name.
    LongName,
    /// Everything else.
    Passed,
}

/// Not a tar stream, or one that broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the archive is damaged")]
pub struct Damaged;

impl Tar {
    /// Reads on. `wants` is asked for each file's path below the archive's top folder and its size; `found` gets its content.
    pub fn read(
        &mut self,
        mut bytes: &[u8],
        wants: &dyn Fn(&str, u64) -> bool,
        found: &mut dyn FnMut(String, Vec<u8>),
    ) -> Result<(), Damaged> {
        while !bytes.is_empty() && !self.finished {
            bytes = match &mut self.state {
                State::Header => self.header(bytes, wants, found)?,
                State::Content { kind: Kind::Passed, left: 0, padding } => {
                    let skipped = (*padding).min(bytes.len() as u64);
                    *padding -= skipped;
                    if *padding == 0 {
                        self.state = State::Header;
                    }
                    &bytes[skipped as usize..]
                }
                State::Content { kind, left, .. } => {
                    let taken = (*left).min(bytes.len() as u64) as usize;
                    if !matches!(kind, Kind::Passed) {
                        self.buffer.extend_from_slice(&bytes[..taken]);
                    }
                    *left -= taken as u64;
                    if *left == 0 {
                        self.end_of_content(found)?;
                    }
                    &bytes[taken..]
                }
            };
        }
        Ok(())
    }

    /// Whether the stream's end mark was read.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn header<'b>(
        &mut self,
        bytes: &'b [u8],
        wants: &dyn Fn(&str, u64) -> bool,
        found: &mut dyn FnMut(String, Vec<u8>),
    ) -> Result<&'b [u8], Damaged> {
        let taken = (BLOCK - self.buffer.len()).min(bytes.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == BLOCK {
            let block = std::mem::take(&mut self.buffer);
            self.entry(&block, wants)?;
            if matches!(self.state, State::Content { left: 0, .. }) {
                self.end_of_content(found)?;
            }
        }
        Ok(&bytes[taken..])
    }

    fn entry(&mut self, block: &[u8], wants: &dyn Fn(&str, u64) -> bool) -> Result<(), Damaged> {
        if block.iter().all(|byte| *byte == 0) {
            self.finished = true;
            return Ok(());
        }
        let size = number(&block[124..136])?;
        check_sum(block)?;
        let kind = match block[156] {
            b'0' | 0 => {
                let name = self.long_name.take().map_or_else(|| short_name(block), Ok)?;
                let path = name.split_once('/').map_or("", |(_, path)| path);
                if wants(path, size) { Kind::File(path.to_owned()) } else { Kind::Passed }
            }
            b'x' if size <= MAX_NAME => Kind::Extended,
            b'L' if size <= MAX_NAME => Kind::LongName,
            b'g' => Kind::Passed,
            _ => {
                self.long_name = None;
                Kind::Passed
            }
        };
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.state = State::Content { kind, left: size, padding };
        Ok(())
    }

    fn end_of_content(&mut self, found: &mut dyn FnMut(String, Vec<u8>)) -> Result<(), Damaged> {
        let content = std::mem::take(&mut self.buffer);
        let State::Content { kind, padding, .. } = std::mem::take(&mut self.state) else { return Ok(()) };
        match kind {
            Kind::File(path) => found(path, content),
            Kind::Extended => self.long_name = extended_path(&content)?.or(self.long_name.take()),
            Kind::LongName => {
                let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
                self.long_name = Some(text(&content[..end])?);
            }
            Kind::Passed => {}
        }
        if padding > 0 {
            self.state = State::Content { kind: Kind::Passed, left: 0, padding };
        }
        Ok(())
    }
}

/// Octal digits, ended by a space or a zero; or, for sizes beyond 8 GB, big-endian with the top bit set, which no file here has.
fn number(field: &[u8]) -> Result<u64, Damaged> {
    let digits = field.iter().skip_while(|byte| **byte == b' ').take_while(|byte| !matches!(byte, b' ' | 0));
    digits.into_iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'7' => Ok(number * 8 + u64::from(digit - b'0')),
        _ => Err(Damaged),
    })
}

/// The sum of the header's bytes, with the sum itself read as spaces.
fn check_sum(block: &[u8]) -> Result<(), Damaged> {
    let sum = &block[148..156];
    if number(sum)? == sum_of(block) + 8 * u64::from(b' ') - sum_of(sum) { Ok(()) } else { Err(Damaged) }
}

/// Of whole words, so that four bytes are added at a time. A block is too short for four sums of 16 bits to run over.
fn sum_of(bytes: &[u8]) -> u64 {
    const EVERY_OTHER: u64 = 0x00ff_00ff_00ff_00ff;
    let (words, _) = bytes.as_chunks();
    let sums = words.iter().fold(0, |sums, word| {
        let word = u64::from_le_bytes(*word);
        sums + (word & EVERY_OTHER) + (word >> 8 & EVERY_OTHER)
    });
    (0..4).map(|place| sums >> (16 * place) & 0xffff).sum()
}

fn short_name(block: &[u8]) -> Result<String, Damaged> {
    let field = |range: std::ops::Range<usize>| {
        let bytes = &block[range];
        text(&bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())])
    };
    let (prefix, name) = (field(345..500)?, field(0..100)?);
    Ok(if prefix.is_empty() { name } else { format!("{prefix}/{name}") })
}

/// The `path` of records such as `27 path=top/docs/a.md\n`, each with its own length in front.
fn extended_path(mut records: &[u8]) -> Result<Option<String>, Damaged> {
    let mut path = None;
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ').ok_or(Damaged)?;
        let length: usize = text(&records[..space])?.parse().map_err(|_| Damaged)?;
        let record = records.get(space + 1..length.saturating_sub(1)).ok_or(Damaged)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(text(value)?);
        }
        records = records.get(length..).ok_or(Damaged)?;
    }
    Ok(path)
}

/// A name that is not UTF-8 becomes one that no file is wanted under.
fn text(bytes: &[u8]) -> Result<String, Damaged> {
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(kind: u8, name: &str, prefix: &str, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = kind;
        block[148..156].copy_from_slice(b"        ");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend_from_slice(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    fn archive() -> Vec<u8> {
        let long = format!("top-main-abc/{}/é.md", "d".repeat(120));
        let record = format!("{} path={long}\n", long.len() + 10);
        [
            entry(b'g', "pax_global_header", "", b"52 comment=0123456789012345678901234567890123456789\n"),
            entry(b'5', "top-main-abc/", "", b""),
            entry(b'0', "top-main-abc/a.md", "", b"a\n"),
            entry(b'0', "top-main-abc/empty.md", "", b""),
            entry(b'x', "x", "", record.as_bytes()),
            entry(b'0', "cut", "", &[7; 1_000]),
            entry(b'2', "top-main-abc/link.md", "", b""),
            entry(b'0', "b.md", "top-main-abc/docs", &[9; 512]),
            entry(b'0', "top-main-abc/unwanted.bin", "", &[1; 600]),
            vec![0; 2 * BLOCK],
        ]
        .concat()
    }

    type Files = Vec<(String, Vec<u8>)>;

    fn read(pieces: &[&[u8]]) -> Result<(Files, bool), Damaged> {
        let mut tar = Tar::default();
        let mut files = Vec::new();
        for piece in pieces {
            tar.read(piece, &|path, _| !path.ends_with(".bin"), &mut |path, content| files.push((path, content)))?;
        }
        Ok((files, tar.is_finished()))
    }

    #[test]
    fn files_come_out_below_the_top_folder_with_long_and_split_names() {
        let (files, finished) = read(&[&archive()]).unwrap();
        let names: Vec<(String, usize)> = files.iter().map(|(path, content)| (path.clone(), content.len())).collect();
        let long = format!("{}/é.md", "d".repeat(120));
        assert_eq!(names, [("a.md".into(), 2), ("empty.md".into(), 0), (long, 1_000), ("docs/b.md".into(), 512)]);
        assert!(finished);
    }

    #[test]
    fn a_stream_that_breaks_off_is_not_finished_and_a_damaged_header_is_told() {
        let archive = archive();
        let (_, finished) = read(&[&archive[..archive.len() - 2 * BLOCK]]).unwrap();
        assert!(!finished);
        let mut damaged = archive;
        damaged[BLOCK * 2 + 3] ^= 1;
        assert_eq!(read(&[&damaged]), Err(Damaged));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_stream_is_cut(cuts in proptest::collection::vec(0..4_608_usize, 0..40)) {
            let archive = archive();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(archive.len())).collect();
            cuts.extend([0, archive.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &archive[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[&archive]));
        }

        #[test]
        fn any_bytes_are_taken_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = read(&[&bytes]);
        }
    }
}
