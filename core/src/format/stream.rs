//! A stream of numbers and strings, native-endian: writes and reads the totals file in pieces, with
//! its length and checksum.

use std::io::{self, Read, Write};

/// Bytes that are written, read and checksummed at once.
const PIECE: usize = 64 << 10;

/// A writer that buffers, counts and checksums its bytes.
pub(crate) struct Output<W> {
    into: W,
    piece: Vec<u8>,
    length: u64,
    checksum: crc32fast::Hasher,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(into: W) -> Output<W> {
        Output { into, piece: Vec::with_capacity(PIECE), length: 0, checksum: crc32fast::Hasher::new() }
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.length += self.piece.len() as u64;
        self.checksum.update(&self.piece);
        self.into.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    pub(crate) fn number(&mut self, number: u32) -> io::Result<()> {
        self.bytes(&number.to_ne_bytes())
    }

    pub(crate) fn word(&mut self, word: u64) -> io::Result<()> {
        self.bytes(&word.to_ne_bytes())
    }

    pub(crate) fn string(&mut self, string: &str) -> io::Result<()> {
        self.number(string.len() as u32)?;
        self.bytes(string.as_bytes())
    }

    pub(crate) fn strings(&mut self, strings: &[String]) -> io::Result<()> {
        self.number(strings.len() as u32)?;
        strings.iter().try_for_each(|string| self.string(string))
    }

    /// Writes the rest of the buffer. Returns the number of bytes written and their checksum.
    pub(crate) fn finish(mut self) -> io::Result<(u64, crc32fast::Hasher)> {
        self.flush()?;
        Ok((self.length, self.checksum))
    }
}

/// A reader of a known number of bytes. Each method returns none if the bytes end too early.
pub(crate) struct Input<R> {
    from: R,
    piece: Vec<u8>,
    /// Bytes of the piece that were consumed.
    taken: usize,
    /// Bytes after the piece that were not read yet.
    unread: u64,
    checksum: crc32fast::Hasher,
    failed: Option<io::Error>,
}

impl<R: Read> Input<R> {
    /// Returns a reader of the next `length` bytes of a source.
    pub(crate) fn new(from: R, length: u64) -> Input<R> {
        let (piece, checksum) = (Vec::new(), crc32fast::Hasher::new());
        Input { from, piece, taken: 0, unread: length, checksum, failed: None }
    }

    /// Returns a reader of the following `length` bytes, with a separate checksum.
    pub(crate) fn rest(self, length: u64) -> Input<R> {
        Input::new(self.from, length)
    }

    /// Returns the number of bytes that were not consumed.
    pub(crate) fn left(&self) -> u64 {
        self.unread + (self.piece.len() - self.taken) as u64
    }

    /// Reads the next piece. Returns false at the end.
    fn next_piece(&mut self) -> bool {
        let length = self.unread.min(PIECE as u64);
        if length == 0 {
            return false;
        }
        self.piece.resize(length as usize, 0);
        self.taken = 0;
        match self.from.read_exact(&mut self.piece) {
            Ok(()) => {
                self.unread -= length;
                self.checksum.update(&self.piece);
                true
            }
            Err(error) => {
                (self.unread, self.failed) = (0, Some(error));
                self.piece.clear();
                false
            }
        }
    }

    fn fill(&mut self, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            if self.taken == self.piece.len() && !self.next_piece() {
                return None;
            }
            let length = into.len().min(self.piece.len() - self.taken);
            let (now, later) = into.split_at_mut(length);
            now.copy_from_slice(&self.piece[self.taken..self.taken + length]);
            self.taken += length;
            into = later;
        }
        Some(())
    }

    fn array<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        if let Some(piece) = self.piece.get(self.taken..self.taken + LENGTH) {
            bytes.copy_from_slice(piece);
            self.taken += LENGTH;
            return Some(bytes);
        }
        self.fill(&mut bytes).map(|()| bytes)
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    pub(crate) fn word(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    pub(crate) fn words<const COUNT: usize>(&mut self) -> Option<[u64; COUNT]> {
        let mut words = [0; COUNT];
        for word in &mut words {
            *word = self.word()?;
        }
        Some(words)
    }

    pub(crate) fn string(&mut self) -> Option<String> {
        let length = u64::from(self.number()?);
        if length > self.left() {
            return None;
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).ok()
    }

    pub(crate) fn strings(&mut self) -> Option<Vec<String>> {
        let count = self.number()?;
        // Collected one by one: if the count is too large, decoding fails at the end of the bytes,
        // before it allocates memory.
        (0..count).map(|_| self.string()).collect()
    }

    /// Returns the checksum of all bytes, consumed or not.
    ///
    /// # Errors
    ///
    /// The errors of the source.
    pub(crate) fn finish(mut self) -> io::Result<crc32fast::Hasher> {
        while self.next_piece() {}
        self.failed.map_or(Ok(self.checksum), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, Output};

    #[test]
    fn written_bytes_are_read_with_the_same_checksum() {
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes);
        output.number(7).unwrap();
        output.strings(&["a".to_owned(), "é".repeat(100_000)]).unwrap();
        output.word(9).unwrap();
        let (length, written) = output.finish().unwrap();
        assert_eq!(length, bytes.len() as u64);
        let mut input = Input::new(&bytes[..], length);
        assert_eq!(input.number(), Some(7));
        assert_eq!(input.strings().unwrap()[1].len(), 200_000);
        // The last word is not consumed, but checksummed.
        assert_eq!(input.left(), 8);
        assert_eq!(input.finish().unwrap().finalize(), written.finalize());
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_before_it_takes_memory() {
        let bytes = [u32::MAX.to_ne_bytes(), [0; 4]].concat();
        assert_eq!(Input::new(&bytes[..], 8).string(), None);
        let mut short = Input::new(&bytes[..], 100);
        assert_eq!(short.words::<3>(), None);
        short.finish().unwrap_err();
    }
}
