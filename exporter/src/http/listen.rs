//! Creation of listening sockets, as TCP and unix addresses have them in common.

use std::{io, os::fd::BorrowedFd};

use ictus::host::Descriptor;
use rustix::net::{AddressFamily, SocketFlags, SocketType, listen, socket_with, sockopt};

/// Sizes of the kernel's buffers for a response that its client does not read, and for a request's
/// head. They count as memory of the endpoint's control group. The kernel allocates twice that.
const SEND_BUFFER: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 16 * 1024;
/// Maximum number of connections that wait to be accepted; the system has its own bound.
const BACKLOG: i32 = 1024;

/// Creates a socket of an address family, which is closed on exec.
pub(super) fn socket(family: AddressFamily) -> io::Result<Descriptor> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Descriptor::open(|| socket_with(family, SocketType::STREAM, flags, None))
}

/// Starts listening, with bounded kernel buffers for each connection.
pub(super) fn listen_at(socket: BorrowedFd<'_>) -> rustix::io::Result<()> {
    // Connections inherit these sizes. A failure only costs memory.
    let _ = sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER);
    let _ = sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER);
    listen(socket, BACKLOG)
}
