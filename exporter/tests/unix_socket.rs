//! The endpoint at a Unix socket: the owner of its file, and the users that may connect.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]
mod http_client;
mod terminal;

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use http_client::ask_on;
use ictus_exporter::{
    Error, Source,
    http::{BoundAddress, Server},
};

const TEXT: &str = "up 1.0\n";

fn serve(path: &Path) -> Result<Server, Error> {
    Server::start(Source::from_fn(|_| TEXT.to_owned()), BoundAddress::Unix(path.to_owned()).into())
}

fn get(path: &Path, target: &str) -> http_client::Response {
    ask_on(UnixStream::connect(path).unwrap(), "GET", target, &[])
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    (directory, path)
}

/// Leaves the socket file of a server that died.
fn abandon(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(UnixStream::connect(path).is_err());
}

#[test]
fn unix_socket_answers_as_a_port_and_ends_with_its_server() {
    let (directory, path) = place();
    let server = serve(&path).unwrap();
    assert_eq!(server.address(), &BoundAddress::Unix(path.clone()));
    assert_eq!(server.address().to_string(), format!("unix:{}", path.display()));
    let answer = get(&path, "/metrics");
    assert_eq!((answer.status, answer.body.as_str()), (200, TEXT));
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(get(&path, "/health").body, "OK");
    server.stop();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    // Another server can create the socket file again.
    drop(serve(&path).unwrap());
    assert!(!path.exists());
}

#[test]
fn owner_and_group_may_connect() {
    let (directory, path) = place();
    // A group other than that of this process, if this user may change a directory's group.
    let given = std::os::unix::fs::chown(directory.path(), None, Some(1)).is_ok();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o2750)).unwrap();
    let _server = serve(&path).unwrap();
    let file = fs::metadata(&path).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o660);
    assert_eq!(file.gid(), fs::metadata(directory.path()).unwrap().gid());
    assert!(!given || file.gid() == 1);
}

#[test]
fn stale_socket_is_replaced() {
    let (_directory, path) = place();
    abandon(&path);
    let server = serve(&path).unwrap();
    assert_eq!(get(&path, "/metrics").body, TEXT);
    server.stop();
    assert!(!path.exists());
}

#[test]
fn error_of_a_used_socket_names_its_remedy() {
    let (_directory, path) = place();
    let first = serve(&path).unwrap();
    let error = serve(&path).unwrap_err();
    assert!(matches!(error, Error::Bind { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()) && text.contains("choose another path"), "{text}");
    assert_eq!(get(&path, "/metrics").body, TEXT);
    drop(first);
    // The owner of the socket has more connections than it accepts, or has another type: the path
    // is in use in both cases.
    let busy = UnixListener::bind(&path).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..200 {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let full = socket.connect(&socket2::SockAddr::unix(&path).unwrap()).is_err();
        waiting.push(socket);
        if full {
            break;
        }
    }
    assert!(serve(&path).unwrap_err().to_string().contains("another process listens there"));
    drop(busy);
    fs::remove_file(&path).unwrap();
    let _datagrams = UnixDatagram::bind(&path).unwrap();
    assert!(serve(&path).unwrap_err().to_string().contains("another process listens there"));
}

#[test]
fn file_that_is_no_socket_is_not_replaced() {
    let (directory, path) = place();
    let refused = || {
        let text = serve(&path).unwrap_err().to_string();
        assert!(text.contains("not a socket") && text.contains("choose another path"), "{text}");
    };
    fs::write(&path, "mine").unwrap();
    refused();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused();
    fs::remove_dir(&path).unwrap();
    let abandoned = directory.path().join("abandoned.sock");
    abandon(&abandoned);
    symlink(&abandoned, &path).unwrap();
    refused();
    assert!(path.is_symlink() && abandoned.exists());
}

#[test]
fn stop_keeps_a_file_that_replaced_the_socket() {
    let (_directory, path) = place();
    let server = serve(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    server.stop();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn missing_directory_is_named() {
    let (directory, _) = place();
    let path = directory.path().join("missing").join("metrics.sock");
    let text = serve(&path).unwrap_err().to_string();
    assert!(text.contains("create its directory"), "{text}");
    let path = directory.path().join("x".repeat(200));
    assert!(matches!(serve(&path), Err(Error::Bind { .. })));
}

#[test]
fn command_replaces_the_socket_of_a_killed_server() {
    let (directory, path) = place();
    let listen = format!("unix:{}", path.display());
    for (signal, code) in [("-KILL", None), ("-TERM", Some(0))] {
        let running = terminal::start("serve", directory.path(), &["--listen", &listen]);
        assert!(running.said.contains(&format!("{listen}, path /metrics")), "{}", running.said);
        assert!(get(&path, "/metrics").body.contains("ictus_series 0.0\n"));
        let mut second = terminal::ictus();
        let second = second.arg("serve").arg(directory.path()).args(["--listen", &listen]).output().unwrap();
        let (failed, _, errors) = terminal::outcome(&second);
        assert_eq!((failed, errors.lines().count()), (Some(1), 1), "{errors}");
        assert!(errors.contains("another process listens there"), "{errors}");
        assert_eq!(running.end(signal).0, code);
        let left = fs::symlink_metadata(&path).is_ok_and(|file| file.file_type().is_socket());
        assert_eq!(left, signal == "-KILL");
    }
}

/// Another user with write access to the directory repeatedly puts a link to a secret file there.
#[test]
fn mode_is_never_set_through_a_link() {
    let (directory, path) = place();
    let secret = directory.path().join("secret");
    fs::write(&secret, "").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let stopped = AtomicBool::new(false);
    let link = directory.path().join("link");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stopped.load(Ordering::Relaxed) {
                let _ = symlink(&secret, &link);
                let _ = fs::rename(&link, &path);
            }
        });
        for _ in 0..300 {
            let _ = fs::remove_file(&path);
            drop(serve(&path));
        }
        stopped.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o7777, 0o600);
    let _ = fs::remove_file(&path);
    let _ = fs::remove_file(&link);
    let server = serve(&path).unwrap();
    assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
    server.stop();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the secret alone");
}
