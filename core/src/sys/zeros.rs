//! Growth of a file by writing zeros at its end. It works on every file system.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::io::{retry_on_intr, writev};

use super::growth;

static ZEROS: [u8; 4 << 10] = [0; 4 << 10];

/// The number of times that one call writes `ZEROS`. The product is the unit in which files grow, so that
/// each step of growth is one call.
const MAX_SLICES: usize = 64;

/// Commits a file up to `end`. Fails if the disk is full.
///
/// The file must be open for appending, so that no thread overwrites bytes that another thread has
/// committed and used in the meantime. Each write extends the file by the number of bytes that is
/// then counted.
pub(crate) fn append(file: impl AsFd, committed: &AtomicUsize, end: usize) -> io::Result<()> {
    loop {
        let from = committed.load(Ordering::Acquire);
        if end <= from {
            return Ok(());
        }
        let length = (end - from).min(MAX_SLICES * ZEROS.len());
        let mut slices = [IoSlice::new(&ZEROS); MAX_SLICES];
        let last = (length - 1) / ZEROS.len();
        slices[last] = IoSlice::new(&ZEROS[..length - last * ZEROS.len()]);
        let written = retry_on_intr(|| {
            growth::count();
            writev(&file, &slices[..=last])
        })?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        committed.fetch_add(written, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::append;
    use std::{
        fs::OpenOptions,
        os::unix::fs::FileExt,
        sync::atomic::{AtomicUsize, Ordering},
    };

    #[test]
    fn growth_ends_where_it_was_requested() {
        let file = tempfile::tempfile().unwrap();
        let committed = AtomicUsize::new(0);
        for end in [1, 4096, 4097, 8192, (256 << 10) + 8192, (256 << 10) + 8192, (1 << 20) + 5] {
            append(&file, &committed, end).unwrap();
            assert_eq!(committed.load(Ordering::Acquire), end);
            assert_eq!(file.metadata().unwrap().len(), end as u64);
        }
    }

    #[test]
    fn growth_overwrites_no_data() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        let file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        // For writes at given offsets, which a file open for appending does not allow.
        let used = OpenOptions::new().write(true).open(&path).unwrap();
        let committed = AtomicUsize::new(0);
        let claimed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let from = claimed.fetch_add(4096, Ordering::Relaxed);
                        append(&file, &committed, from + 4096).unwrap();
                        used.write_all_at(&[7; 4096], from as u64).unwrap();
                    }
                });
            }
        });
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), committed.load(Ordering::Acquire));
        assert!(bytes[..200 * 4096].iter().all(|&byte| byte == 7));
        assert!(bytes[200 * 4096..].iter().all(|&byte| byte == 0));
    }
}
