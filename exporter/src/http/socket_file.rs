//! File of a unix socket: created, replaced if its owner died, and removed at the end.

use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use ictus::host::Descriptor;
use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, chmodat, flock, linkat, open, statat, unlinkat},
    net::{AddressFamily, SocketAddrUnix},
};
use socket2::{Domain, SockAddr, Socket, Type};

use super::listen::{listen_at, socket};

/// Connecting requires write permission: for the owner, and for the group that the directory may
/// assign.
const MODE: Mode = Mode::from_raw_mode(0o660);
/// Number of attempts to lock the directory, and the pause after each.
const MAX_ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// The socket's name in the private directory in which it is created.
const NEW: &str = "s";

/// Removes the file when dropped, unless another file has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Listens on a path. A socket on which no process listens is replaced.
///
/// Returns `AddrInUse` if a process listens on the socket. A file that is not a socket is kept, and
/// the error is `AlreadyExists`.
///
/// The socket is created in a private directory next to the path, and linked to the path when it is
/// complete. So no mode is ever set through the path, which other users of the directory could have
/// replaced.
pub(super) fn bind(path: &Path) -> io::Result<(Descriptor, SocketFile)> {
    let parent = parent(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    // Clients must be able to connect to the path, whose length is limited.
    SocketAddrUnix::new(path)?;
    let _turn = lock_directory(path);
    if exists(path)? {
        if !is_stale(path)? {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let mut builder = tempfile::Builder::new();
    let private = builder.prefix(".i").rand_bytes(3).permissions(Permissions::from_mode(0o700));
    let private = private.tempdir_in(parent).map_err(without_path)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (parent, directory) =
        (open(parent, flags - OFlags::NOFOLLOW, Mode::empty())?, open(private.path(), flags, Mode::empty())?);
    let listening = socket(AddressFamily::UNIX)?;
    let address = SocketAddrUnix::new(private.path().join(NEW)).or_else(|_| {
        // The path is a little too long: use a shorter one to the same file.
        SocketAddrUnix::new(format!("/proc/self/fd/{}/{NEW}", directory.as_raw_fd()))
    });
    rustix::net::bind(listening.get()?, &address?)?;
    // Relative to the opened directory: another directory may have its name by now.
    let made = || {
        // Set explicitly, because the umask usually removes the group's permissions.
        chmodat(directory.as_fd(), NEW, MODE, AtFlags::empty())?;
        listen_at(listening.get()?)?;
        let file = statat(directory.as_fd(), NEW, AtFlags::SYMLINK_NOFOLLOW)?;
        linkat(directory.as_fd(), NEW, parent.as_fd(), name, AtFlags::empty())?;
        Ok((file.st_dev, file.st_ino))
    };
    let made: io::Result<_> = made();
    let _ = unlinkat(directory.as_fd(), NEW, AtFlags::empty());
    Ok((listening, SocketFile { path: path.to_owned(), identity: made? }))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the system's error without the random name of the private directory.
fn without_path(error: io::Error) -> io::Error {
    error.kind().into()
}

/// Locks the directory against other starting servers, so that no server replaces the socket that
/// another one has just created in place of a dead one. Any process that may read the directory
/// could hold the lock, so the wait is bounded.
fn lock_directory(path: &Path) -> Option<File> {
    let directory = File::open(parent(path)).ok()?;
    for _ in 0..MAX_ATTEMPTS {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(directory),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => thread::sleep(PAUSE),
            Err(_) => return None,
        }
    }
    None
}

/// Returns whether the path is a socket on which no process listens.
fn is_stale(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Connecting to a socket whose queue is full would block otherwise.
    socket.set_nonblocking(true)?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    Ok(connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|status| identity(&status) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::net::{UnixListener, UnixStream},
        sync::Barrier,
        thread,
    };

    use super::bind;

    /// Of several servers that find a dead socket concurrently, exactly one replaces it; the others
    /// must not replace the new one.
    #[test]
    fn one_of_many_servers_takes_over() {
        const STARTERS: usize = 4;
        let directory = tempfile::tempdir().unwrap();
        for round in 0..200 {
            let path = directory.path().join(round.to_string());
            drop(UnixListener::bind(&path).unwrap());
            let barrier = Barrier::new(STARTERS);
            let start = || {
                barrier.wait();
                bind(&path).ok()
            };
            let bound: Vec<_> = thread::scope(|scope| {
                let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
                starters.into_iter().filter_map(|starter| starter.join().unwrap()).collect()
            });
            assert_eq!(bound.len(), 1, "round {round}");
            UnixStream::connect(&path).unwrap();
        }
    }
}
