//! The file of a unix socket: made, taken over from an owner that died, removed at the end.

use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use socket2::{Domain, SockAddr, Socket, Type};

/// Connecting takes the right to write: the owner, and the group that its directory may give it.
const MODE: u32 = 0o660;
/// How often a starter asks for its turn, and the pause after each.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// Removes the file when dropped, unless somebody has put another one in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Listens on that path. A socket that nobody listens on is replaced; one that is in use is
/// `AddrInUse`, and what is no socket is left alone, as `AlreadyExists`.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let _turn = turn(path);
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path)? => {
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    let identity = identity(&fs::symlink_metadata(path)?);
    let file = SocketFile { path: path.to_owned(), identity };
    // Set, not left to the umask, which usually keeps the group out.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok((listener, file))
}

/// Keeps others that start on a path in the same directory waiting, so that no two take over one
/// dead socket, the second from the first. Whoever may read the directory could keep the lock, so
/// none waits for it for ever.
fn turn(path: &Path) -> Option<File> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(directory).ok()?;
    for _ in 0..TRIES {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(directory),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => thread::sleep(PAUSE),
            Err(_) => return None,
        }
    }
    None
}

/// Whether it is a socket that nobody listens on.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One whose owner has more to accept than it can would be waited for.
    socket.set_nonblocking(true)?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    Ok(connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
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

    /// Of many that find a dead socket at once, one has it: the others must not take it away again.
    #[test]
    fn one_of_many_takes_over() {
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
