//! A copy of a segment: its bytes in a second file of a metrics directory, under the segment's id.
//!
//! Recovery uses copies for memory that other processes do not see, and for a segment whose file
//! was removed. The segment's lanes were taken from all threads before. A thread that was stopped
//! inside an observation may still store to it; a later [`refresh`](SegmentCopy::refresh) copies
//! these stores too.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use rustix::{
    fs::{SeekFrom, seek},
    io::{Errno, pread, pwrite},
};

use super::writer::Segment;
use crate::{
    directory::{
        self, Directory, FileIdentity,
        clock_epoch::{self, Epoch},
    },
    format::{
        header::checksum,
        layout::{Block, Header, LINE, LINE_WORDS, Lines as _, copied, identity},
    },
    sync::{Ordering, fence},
    sys::{self, own_descriptor::OwnDescriptor},
};

/// Lines that are compared and written at once.
const COPY_STEP: u64 = 1024;
/// More blocks than a segment of the maximum size has.
const MAX_BLOCKS: usize = 1 << 18;

/// A file with the bytes of a segment of this process. Readers see its owner as alive until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct SegmentCopy {
    /// Holds the lock that shows that the owner is alive.
    file: OwnDescriptor,
    standing: FileIdentity,
    committed: AtomicUsize,
    /// The directory's epoch of this process's clock.
    epoch: Epoch,
}

/// The parts of a segment that make the rest visible, by their first lines. They are written after
/// the rest.
type Heads = BTreeMap<u64, Vec<u64>>;

impl SegmentCopy {
    /// Copies a segment and publishes the copy to all readers of the directory.
    pub(crate) fn create(into: &Directory, segment: &Arc<Segment>) -> io::Result<SegmentCopy> {
        let id = segment.id;
        let epoch = clock_epoch::join(into)?;
        // Discard the file that a failed copy may have left behind.
        into.discard_new_segment(id);
        let created = into.new_copy(id).and_then(|new| {
            let standing = directory::file_identity(new.get()?)?;
            let copy = SegmentCopy { file: new, standing, committed: AtomicUsize::new(0), epoch };
            copy.refresh(segment)?;
            into.publish_segment(id)?;
            // Before other processes can fold the copy: a reader that still has the removed file of
            // the segment open must not count both.
            segment.supersede();
            Ok(copy)
        });
        if created.is_err() {
            into.discard_new_segment(id);
        }
        created
    }

    /// Copies the changes since the last call. Returns whether anything has changed.
    ///
    /// A reader may run concurrently: data behind a head is written before the head, in the same
    /// order as the segment's writer stored it.
    pub(crate) fn refresh(&self, segment: &Segment) -> io::Result<bool> {
        let heads = self.heads(segment)?;
        // Loaded after the heads: everything that they lead to lies before the cursor.
        let lines = segment.header.cursor.load(Ordering::Acquire);
        let bytes = lines * LINE as u64;
        let file = self.file.get()?;
        // Without holes: a reader spends no more on a file than its size on disk explains.
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut has_changed = bytes > self.committed.load(Relaxed);
        sys::commit(file, &self.committed, bytes)?;
        let mut line = Header::LINES;
        while line < lines {
            let end = match heads.range(line..).next() {
                Some((&head, words)) if head == line => {
                    line += (words.len() / LINE_WORDS) as u64;
                    continue;
                }
                Some((&head, _)) => head.min(lines),
                None => lines,
            };
            let count = COPY_STEP.min(end - line);
            has_changed |= self.write(line, &load(segment, line, count)?)?;
            line += count;
        }
        // Write the blocks, then the header, whose root leads to them.
        for (&line, words) in heads.iter().rev() {
            has_changed |= self.write(line, words)?;
        }
        Ok(has_changed)
    }

    /// Ensures that this process holds the file: opens and locks it again if the host has closed its
    /// descriptor.
    ///
    /// Returns false if other processes have taken the file over since, because the lock ended with
    /// the descriptor. Fails if the file cannot be opened now, or if such a process has locked it.
    pub(crate) fn hold(&mut self, directory: &Directory, id: u64) -> io::Result<bool> {
        if self.file.get().is_ok() {
            return Ok(true);
        }
        let file = match directory.open_copy(id) {
            Ok(file) => file,
            // A process that takes files over writes totals before it removes them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(directory.totals_identity()? == FileIdentity::default());
            }
            Err(error) => return Err(error),
        };
        if directory::file_identity(file.get()?)? == self.standing {
            // At the end of the file, in case it must grow by writing.
            seek(file.get()?, SeekFrom::End(0))?;
            self.file = file;
        }
        Ok(true)
    }

    /// Whether the copy still has its name in the directory.
    pub(crate) fn is_in(&self, directory: &Directory, id: u64) -> bool {
        directory.standing_segment(id).is_ok_and(|standing| standing == self.standing)
    }

    /// Closes its descriptor as a program does that closes every number.
    #[cfg(test)]
    pub(crate) fn close_as_the_host(&self) {
        sys::own_descriptor::tests::close_as_the_host(&self.file);
    }

    /// Returns the header, as it is in the copy, and the blocks.
    fn heads(&self, segment: &Segment) -> io::Result<Heads> {
        let mut heads = Heads::new();
        let mut header = load(segment, 0, Header::LINES)?;
        let mut line = segment.header.root.load(Ordering::Acquire);
        header[std::mem::offset_of!(Header, root) / 8] = line;
        header[copied::WORD] = copied::COPY;
        header[identity::EPOCH] = u64::from(self.epoch.number);
        header[identity::CLOCK] = self.epoch.fingerprint;
        header[identity::CHECKSUM] = checksum(&header[..identity::WORDS]);
        heads.insert(0, header);
        while line != 0 && heads.len() < MAX_BLOCKS {
            let block = load(segment, line, Block::LINES)?;
            let previous = block[0];
            heads.insert(line, block);
            line = previous;
        }
        Ok(heads)
    }

    /// Writes the words that differ from those of the file. Returns whether any did.
    fn write(&self, line: u64, words: &[u64]) -> io::Result<bool> {
        let file = self.file.get()?;
        let mut present = vec![0; words.len()];
        let offset = line * LINE as u64;
        let mut read = 0;
        let bytes = bytemuck::cast_slice_mut::<u64, u8>(&mut present);
        while read < bytes.len() {
            match pread(file, &mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let differs = |at: &usize| present[*at] != words[*at];
        let (Some(first), Some(last)) =
            ((0..words.len()).find(differs), (0..words.len()).rev().find(differs))
        else {
            return Ok(false);
        };
        let bytes = bytemuck::cast_slice::<u64, u8>(&words[first..=last]);
        let offset = offset + first as u64 * 8;
        let mut written = 0;
        while written < bytes.len() {
            match pwrite(file, &bytes[written..], offset + written as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

fn load(segment: &Segment, line: u64, count: u64) -> io::Result<Vec<u64>> {
    let mut loaded = Vec::with_capacity(count as usize * LINE_WORDS);
    let mut append = |line, count| {
        let words = segment.words(line, count)?;
        loaded.extend(words.iter().map(|word| word.load(Ordering::Relaxed)));
        Some(())
    };
    // One by one if a part of the mapping ends between them.
    append(line, count)
        .or_else(|| (line..line + count).try_for_each(|line| append(line, 1)))
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    fence(Ordering::Acquire);
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use std::{fs, io, sync::Arc};

    use rustix::fs::{FlockOperation, flock};

    use super::SegmentCopy;
    use crate::{
        directory::{Directory, access::MetricsPath},
        segment::writer::Segment,
    };

    fn copied() -> (tempfile::TempDir, Directory, SegmentCopy, u64) {
        let parent = tempfile::tempdir().unwrap();
        let directory = MetricsPath::new(parent.path()).create_or_open().unwrap();
        let segment = Arc::new(Segment::anonymous().unwrap());
        let copy = SegmentCopy::create(&directory, &segment).unwrap();
        (parent, directory, copy, segment.id)
    }

    #[test]
    fn copy_whose_descriptor_the_host_closed_is_locked_again() {
        let (_parent, directory, mut copy, id) = copied();
        copy.close_as_the_host();
        assert!(copy.hold(&directory, id).unwrap());
        copy.file.get().unwrap();
        let other = directory.open_to_grow(id).unwrap();
        let locked = flock(other.get().unwrap(), FlockOperation::NonBlockingLockExclusive);
        assert_eq!(locked.map_err(io::Error::from).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn copy_is_taken_over_only_by_a_process_that_has_written_totals() {
        let (parent, directory, mut copy, id) = copied();
        copy.close_as_the_host();
        let other = directory.open_to_grow(id).unwrap();
        flock(other.get().unwrap(), FlockOperation::NonBlockingLockExclusive).unwrap();
        // Locked: the outcome is not known yet.
        assert_eq!(copy.hold(&directory, id).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        directory.remove_segment(id).unwrap();
        // A cleaner of temporary files: the caller writes another copy.
        assert!(copy.hold(&directory, id).unwrap() && !copy.is_in(&directory, id));
        fs::write(parent.path().join("ictus/totals"), "").unwrap();
        assert!(!copy.hold(&directory, id).unwrap());
    }
}
