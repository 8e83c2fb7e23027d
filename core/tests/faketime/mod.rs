//! Shared memory that libfaketime leaves behind when its process is killed.

use std::{fs, path::Path};

/// Removes the shared memory of processes that have ended. A new process with the same number would
/// find it, and not start.
pub(crate) fn remove_stale() {
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process =
            ["faketime_shm_", "sem.faketime_sem_"].iter().find_map(|prefix| name.strip_prefix(prefix));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Another test may remove it at the same time.
            let _ = fs::remove_file(entry.path());
        }
    }
}
