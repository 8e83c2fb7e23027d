//! Sockets whose descriptor numbers are checked before each use, because the host process owns the
//! number space.
//!
//! A host may close all descriptors and open its own files under the same numbers. A forked child
//! must not keep its parent's port. [`Descriptor`] handles both. Writes never raise SIGPIPE, which
//! would end a host without a handler.

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use ictus::host::Descriptor;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrAny, SocketFlags, acceptfrom_with, recv,
    send, sendmsg, shutdown,
};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

/// A socket registered with tokio; closed when the last clone is dropped.
struct Watched(Arc<Descriptor>);

impl AsRawFd for Watched {
    /// Returns -1 if the number belongs to another file by now.
    fn as_raw_fd(&self) -> RawFd {
        self.0.get().map_or(-1, |descriptor| descriptor.as_raw_fd())
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe: the number must stay that of the socket, which is checked here"
)]
fn watch(socket: Arc<Descriptor>, interest: Interest) -> io::Result<AsyncFd<Watched>> {
    AsyncFd::with_interest(Watched(socket), interest)
}

/// A listening socket.
pub(super) struct ListeningSocket(AsyncFd<Watched>);

impl ListeningSocket {
    /// Registers a socket that already listens and does not block. Must be called inside a runtime.
    pub(super) fn new(socket: Arc<Descriptor>) -> io::Result<ListeningSocket> {
        watch(socket, Interest::READABLE).map(ListeningSocket)
    }

    pub(super) fn descriptor(&self) -> &Arc<Descriptor> {
        &self.0.get_ref().0
    }

    /// Accepts the next connection, and returns it with the client's address, if it has one.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddrAny>)> {
        let (descriptor, client) = self
            .0
            .async_io(Interest::READABLE, |listening| {
                let (listening, mut client) = (listening.0.get()?, None);
                let accepted = Descriptor::open(|| {
                    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                    let (accepted, address) = acceptfrom_with(listening, flags)?;
                    client = address;
                    Ok(accepted)
                })?;
                Ok((accepted, client))
            })
            .await?;
        Ok((Stream(watch(Arc::new(descriptor), Interest::READABLE | Interest::WRITABLE)?), client))
    }
}

/// A connection.
pub(super) struct Stream(AsyncFd<Watched>);

impl Stream {
    /// Returns the descriptor, for one system call.
    pub(super) fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        self.0.get_ref().0.get()
    }

    fn poll_writing(
        &self,
        context: &mut Context<'_>,
        write: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(context))?;
            if let Ok(written) = ready.try_io(|socket| Ok(write(socket.get_ref().0.get()?.as_fd())?)) {
                return Poll::Ready(written);
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(context))?;
            let read = ready.try_io(|socket| {
                let free = buffer.initialize_unfilled();
                Ok(recv(socket.get_ref().0.get()?, free, RecvFlags::empty())?.0)
            });
            if let Ok(read) = read {
                return Poll::Ready(read.map(|bytes| buffer.advance(bytes)));
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |socket| send(socket, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |socket| {
            sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match shutdown(self.descriptor()?, Shutdown::Write) {
            // The client has already disconnected.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}
