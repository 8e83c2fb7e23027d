//! Listener: a bound TCP or unix socket that yields connections.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Weak},
};

use ictus::host::Descriptor;
use rustix::net::{AddressFamily, SocketAddrAny, bind, getsockname, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    address::{BoundAddress, ListenAddress},
    listen::{listen_at, socket},
    slots::Peer,
    socket::ListeningSocket,
    socket_file::{self, SocketFile},
};
use crate::error::{Error, Result};

/// A byte stream of a connection: plain or TLS.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

pub(super) struct Listener {
    /// Dropped first: a server that starts in between finds no file, instead of one whose owner is
    /// ending.
    _file: Option<SocketFile>,
    socket: ListeningSocket,
}

impl Listener {
    /// Binds the first address that works, and returns it, with the actual port if port 0 was
    /// requested. Must be called inside a runtime.
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

    /// Returns the listening socket, which is open for as long as this listener exists.
    pub(super) fn descriptor(&self) -> Weak<Descriptor> {
        Arc::downgrade(self.socket.descriptor())
    }

    /// Returns whether the host has closed the socket.
    pub(super) fn is_closed(&self) -> bool {
        self.socket.descriptor().get().is_err()
    }

    /// Accepts a connection, and returns it with the peer of its client.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn ByteStream>, Peer)> {
        let (stream, client) = self.socket.accept().await?;
        let client = client.and_then(|client| SocketAddr::try_from(client).ok());
        if client.is_some() {
            // Without TCP_NODELAY a kept connection may wait for an acknowledgement. A failure has
            // no other effect.
            let _ = sockopt::set_tcp_nodelay(stream.descriptor()?, true);
        }
        Ok((Box::new(stream), client.map_or_else(Peer::default, |client| Peer::from_ip(client.ip()))))
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<(Descriptor, SocketAddr)> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family)?;
    // Allows a restarted server to bind the port immediately.
    sockopt::set_socket_reuseaddr(socket.get()?, true)?;
    bind(socket.get()?, &SocketAddrAny::from(address))?;
    listen_at(socket.get()?)?;
    let bound = SocketAddr::try_from(getsockname(socket.get()?)?)?;
    Ok((socket, bound))
}
