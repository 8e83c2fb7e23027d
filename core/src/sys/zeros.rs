//! Growth of a file by writing zeros at its end. It works on every file system.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::io::{retry_on_intr, write};

use super::growth;

/// The unit in which files grow, so that each step of growth is one call.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

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
        let length = (end - from).min(ZEROS.len());
        let written = retry_on_intr(|| {
            growth::count();
            write(&file, &ZEROS[..length])
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
