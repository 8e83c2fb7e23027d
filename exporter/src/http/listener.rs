//! A bound socket, whatever its kind.

use std::{io, net};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};

use super::{
    address::{Address, Listen},
    places::Peer,
    socket_file::{self, SocketFile},
};
use crate::error::{Error, Result};

/// What connections are read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What the kernel keeps of a response that its client does not read, and of a request's head: it is memory of
/// the endpoint's control group. The kernel takes twice that.
const SEND_BUFFER: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 16 * 1024;

pub(super) enum Listener {
    Tcp(TcpListener),
    /// The file goes first: who starts in between finds none, instead of one that is dying.
    Unix {
        _file: SocketFile,
        listener: UnixListener,
    },
}

impl Listener {
    /// Binds the first address that can be bound, and says which: with the port that was found, where
    /// port 0 was asked for. Needs to be inside of a runtime.
    pub(super) fn bind(listen: &Listen) -> Result<(Listener, Address)> {
        let mut failed = None;
        for address in listen.addresses() {
            match bind(address) {
                Ok(bound) => return Ok(bound),
                Err(source) => failed = Some(Error::Bind { address: address.clone(), source }),
            }
        }
        Err(failed.unwrap_or_else(|| Error::Start(io::ErrorKind::AddrNotAvailable.into())))
    }

    /// A connection, and where its client is.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Duplex>, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                // Without it a kept connection may wait for an acknowledgement; a failure costs only that.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer::from_ip(client.ip())))
            }
            Listener::Unix { listener, .. } => Ok((Box::new(listener.accept().await?.0), Peer::default())),
        }
    }
}

fn bind(address: &Address) -> io::Result<(Listener, Address)> {
    match address {
        Address::Tcp(address) => {
            // The standard library sets SO_REUSEADDR: a port can be bound again at once.
            let listener = net::TcpListener::bind(address)?;
            bound_buffers(&SockRef::from(&listener));
            listener.set_nonblocking(true)?;
            let address = Address::Tcp(listener.local_addr()?);
            Ok((Listener::Tcp(TcpListener::from_std(listener)?), address))
        }
        Address::Unix(path) => {
            let (listener, file) = socket_file::bind(path)?;
            bound_buffers(&SockRef::from(&listener));
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            Ok((Listener::Unix { _file: file, listener }, address.clone()))
        }
    }
}

/// Of the listening socket: connections inherit them. A failure costs only memory.
fn bound_buffers(listener: &SockRef<'_>) {
    let _ = listener.set_send_buffer_size(SEND_BUFFER);
    let _ = listener.set_recv_buffer_size(RECEIVE_BUFFER);
}
