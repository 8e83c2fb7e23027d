//! Linux: `fallocate`, the kernel's choice of clock, `/proc`, the types of file systems.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    os::fd::AsFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::{
    fs::{FallocateFlags, fallocate, fstatfs},
    io::{Errno, retry_on_intr},
    mm::{Advice, MapFlags},
    time::{ClockId, clock_gettime},
};

use super::{file_size, growth, zeros};

/// Reserves address space, which takes no memory until it is used.
pub(crate) const MAP_RESERVE: MapFlags = MapFlags::NORESERVE;
/// Maps only free addresses, and fails otherwise.
pub(crate) const AT_FREE_ADDRESSES: MapFlags = MapFlags::FIXED_NOREPLACE;
/// Makes the memory zero in a forked child.
pub(crate) const WIPED_IN_CHILDREN: Option<Advice> = Some(Advice::LinuxWipeOnFork);
/// Removes the mapping in a forked child. A file's lock then lives exactly as long as the owner's
/// mapping, independently of its descriptors.
pub(crate) const KEPT_FROM_CHILDREN: Option<Advice> = Some(Advice::LinuxDontFork);

/// Commits a file up to `end`. Several threads may call this at once, because committing twice
/// changes nothing. On file systems without `fallocate` (ext2, ext3, ramfs, and overlays on them),
/// writes zeros.
pub(crate) fn commit(file: impl AsFd, committed: &AtomicUsize, end: usize) -> io::Result<()> {
    let from = committed.load(Ordering::Acquire);
    if end <= from {
        return Ok(());
    }
    file_size::check(end)?;
    let allocated = retry_on_intr(|| {
        growth::count();
        fallocate(&file, FallocateFlags::empty(), from as u64, (end - from) as u64)
    });
    match allocated {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return zeros::append(file, committed, end),
        allocated => allocated?,
    }
    committed.fetch_max(end, Ordering::Release);
    Ok(())
}

/// Returns whether a process maps a file of that name; false if `/proc` does not show it.
pub(crate) fn maps_file(process: u32, name: &str) -> bool {
    let Ok(maps) = fs::File::open(format!("/proc/{process}/maps")) else { return false };
    BufReader::new(maps).split(b'\n').map_while(Result::ok).any(|line| {
        // The whole file name: another name may end with the same characters.
        let path = line.strip_suffix(b" (deleted)").unwrap_or(&line);
        path.strip_suffix(name.as_bytes()).is_some_and(|folder| folder.ends_with(b"/"))
    })
}

/// Returns whether the kernel uses the processor's counter as its clock.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_invariant_tsc() -> bool {
    const FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    fs::read_to_string(FILE).is_ok_and(|source| source.trim() == "tsc")
}

/// Returns the boot's random id, or `None` if `/proc` does not show it.
pub(crate) fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    supported_type(id.trim())
}

/// Returns the time namespace, or `None` if `/proc` does not show it.
pub(crate) fn time_namespace() -> Option<String> {
    supported_type(fs::read_link("/proc/self/ns/time").ok()?.to_str()?)
}

fn supported_type(text: &str) -> Option<String> {
    let is_word = !text.is_empty() && !text.contains(char::is_whitespace);
    is_word.then(|| text.to_owned())
}

/// Returns the nanoseconds since the system was started, including those in which it slept.
pub(crate) fn since_boot() -> Option<u64> {
    let time = clock_gettime(ClockId::Boottime);
    Some((time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64))
}

/// Returns the name of the file system of a file, if shared memory or locks are not reliable on it.
pub(crate) fn unsupported_file_system(file: impl AsFd) -> io::Result<Option<&'static str>> {
    Ok(unsupported(fstatfs(file)?.f_type as u32))
}

/// Returns whether a file may have fewer blocks than contents because its file system compresses:
/// ZFS and bcachefs.
pub(crate) fn compresses(file: impl AsFd) -> bool {
    fstatfs(file).is_ok_and(|system| matches!(system.f_type as u32, 0x2FC1_2FC1 | 0xCA45_1A4E))
}

/// Returns the name of a rejected file system, by the magic number of `statfs`.
fn unsupported(kind: u32) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "NFS",
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => "SMB (CIFS)",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{compresses, unsupported, unsupported_file_system};
    use std::fs::File;

    #[test]
    fn file_systems_without_shared_memory_or_locks_are_refused() {
        // From linux/magic.h; SMB's second number is from fs/smb.
        let magics = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x6573_5546];
        let names = ["NFS", "SMB (CIFS)", "SMB (CIFS)", "SMB (CIFS)", "9p", "FUSE"];
        assert_eq!(magics.map(unsupported), names.map(Some));
        // tmpfs, ext4, xfs, btrfs, overlayfs, zfs, ramfs, f2fs.
        for good in [
            0x0102_1994,
            0xEF53,
            0x5846_5342,
            0x9123_683E,
            0x794C_7630,
            0x2FC1_2FC1,
            0x8584_58F6,
            0xF2F5_2010,
        ] {
            assert_eq!(unsupported(good), None);
        }
        assert_eq!(unsupported_file_system(File::open("/dev/shm").unwrap()).unwrap(), None);
        assert!(!compresses(File::open("/dev/shm").unwrap()));
        assert_eq!(unsupported_file_system(File::open("/proc").unwrap()).unwrap(), None);
    }
}
