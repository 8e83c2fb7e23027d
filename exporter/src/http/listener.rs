//! A bound socket, whatever its kind.

use std::{
    io,
    net::SocketAddr,
    os::fd::BorrowedFd,
    sync::{Arc, Weak},
};

use ictus::host::Descriptor;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    address::{BoundAddress, ListenAddress},
    places::Peer,
    socket::ListeningSocket,
    socket_file::{self, SocketFile},
};
use crate::error::{Error, Result};

/// What connections are read from and written to.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// What the kernel keeps of a response that its client does not read, and of a request's head: it is memory of
/// the endpoint's control group. The kernel takes twice that.
const SEND_BUFFER: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 16 * 1024;
/// Connections that wait to be accepted; the system has a bound of its own.
const BACKLOG: i32 = 1024;

pub(super) struct Listener {
    /// The file goes first: who starts in between finds none, instead of one that is dying.
    _file: Option<SocketFile>,
    socket: ListeningSocket,
}

impl Listener {
    /// Binds the first address that can be bound, and says which: with the port that was found, where
    /// port 0 was asked for. Needs to be inside of a runtime.
    pub(super) fn bind(listen: &ListenAddress) -> Result<(Listener, BoundAddress)> {
        let mut failed = None;
        for address in listen.addresses() {
            match Listener::bind_one(address) {
                Ok(bound) => return Ok(bound),
                Err(source) => failed = Some(Error::Bind { address: address.clone(), source }),
            }
        }
        Err(failed.unwrap_or_else(|| Error::Start(io::ErrorKind::AddrNotAvailable.into())))
    }

    fn bind_one(address: &BoundAddress) -> io::Result<(Listener, BoundAddress)> {
        let (socket, file, address) = match address {
            BoundAddress::Tcp(address) => {
                let (socket, address) = bind_tcp(*address)?;
                (socket, None, BoundAddress::Tcp(address))
            }
            BoundAddress::Unix(path) => {
                let (socket, file) = socket_file::bind(path)?;
                (socket, Some(file), address.clone())
            }
        };
        Ok((Listener { _file: file, socket: ListeningSocket::new(Arc::new(socket))? }, address))
    }

    /// The listening socket, which is open for as long as this lives.
    pub(super) fn descriptor(&self) -> Weak<Descriptor> {
        Arc::downgrade(self.socket.descriptor())
    }

    /// Whether the host has closed the socket.
    pub(super) fn is_closed(&self) -> bool {
        self.socket.descriptor().get().is_err()
    }

    /// A connection, and where its client is.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn ByteStream>, Peer)> {
        let (stream, client) = self.socket.accept().await?;
        let client = client.and_then(|client| SocketAddr::try_from(client).ok());
        if client.is_some() {
            // Without it a kept connection may wait for an acknowledgement; a failure costs only that.
            let _ = sockopt::set_tcp_nodelay(stream.descriptor()?, true);
        }
        Ok((Box::new(stream), client.map_or_else(Peer::default, |client| Peer::from_ip(client.ip()))))
    }
}

/// A socket of that family; of this process alone.
pub(super) fn socket(family: AddressFamily) -> io::Result<Descriptor> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Descriptor::open(|| socket_with(family, SocketType::STREAM, flags, None))
}

/// Lets clients connect, with what the kernel keeps for each of them.
pub(super) fn listen_at(socket: BorrowedFd<'_>) -> rustix::io::Result<()> {
    // Connections inherit these. A failure costs only memory.
    let _ = sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER);
    let _ = sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER);
    listen(socket, BACKLOG)
}

fn bind_tcp(address: SocketAddr) -> io::Result<(Descriptor, SocketAddr)> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family)?;
    // A port can be bound again at once.
    sockopt::set_socket_reuseaddr(socket.get()?, true)?;
    bind(socket.get()?, &SocketAddrAny::from(address))?;
    listen_at(socket.get()?)?;
    let bound = SocketAddr::try_from(getsockname(socket.get()?)?)?;
    Ok((socket, bound))
}
