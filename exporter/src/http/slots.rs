//! Connection slots: limits the number of an endpoint's connections, in total and for each peer.
//!
//! If the limit is reached, a new connection replaces the one that has made no progress for the
//! longest time. That connection is idle, or its client neither sends nor reads. So slow clients
//! cannot keep others from connecting.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{task::AbortHandle, time::Instant};

/// Maximum number of connections: half of the 1,024 descriptors that a process usually has.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// Maximum number of connections of one peer.
pub(super) const MAX_CONNECTIONS_PER_PEER: usize = MAX_CONNECTIONS / 2;

/// The origin of a connection: an IPv4 address, or the network (/64) of an IPv6 address. It is
/// `None` at a unix socket, whose clients are all on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Peer(Option<IpAddr>);

impl Peer {
    pub(super) fn from_ip(ip: IpAddr) -> Peer {
        Peer(Some(match ip.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
            v4 => v4,
        }))
    }

    /// Returns whether several clients may have the same peer, in which case the limit of one peer
    /// does not apply.
    pub(super) fn is_shared(self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V4(ip)) => ip.fmt(f),
            Some(IpAddr::V6(network)) => write!(f, "{network}/64"),
            None => f.write_str("a client at the unix socket"),
        }
    }
}

/// The progress of a connection.
#[derive(Debug)]
pub(super) struct Progress {
    start: Instant,
    /// Milliseconds from the start to the last progress: a head arrived, or bytes of a response were
    /// sent.
    last: AtomicU64,
    /// Whether a response is being prepared: then the client waits for the server.
    is_answering: AtomicBool,
}

impl Progress {
    pub(super) fn new(start: Instant) -> Progress {
        let progress = Progress { start, last: AtomicU64::default(), is_answering: AtomicBool::default() };
        progress.advance();
        progress
    }

    pub(super) fn advance(&self) {
        self.last.store(self.start.elapsed().as_millis() as u64, Relaxed);
    }

    /// Marks a response as being prepared, until the mark is dropped.
    pub(super) fn answering(self: &Arc<Progress>) -> Answering {
        self.advance();
        self.is_answering.store(true, Relaxed);
        Answering(self.clone())
    }
}

pub(super) struct Answering(Arc<Progress>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Relaxed);
        self.0.advance();
    }
}

/// The slots of one server; clones share them.
#[derive(Clone, Default)]
pub(super) struct Slots(Arc<Mutex<PlaceCounts>>);

#[derive(Default)]
struct PlaceCounts {
    next: u64,
    connections: Vec<Connection>,
}

struct Connection {
    id: u64,
    peer: Peer,
    progress: Arc<Progress>,
    /// `None` until the connection is served.
    abort: Option<AbortHandle>,
}

/// A slot, released when dropped.
pub(super) struct Slot {
    slots: Slots,
    id: u64,
}

/// The result of admitting a connection.
pub(super) enum Admission {
    Free(Slot),
    /// Another connection was closed in exchange.
    Exchanged(Slot),
    /// No connection can be closed, because each is being answered.
    Refused,
}

impl Slots {
    pub(super) fn admit(&self, peer: Peer, progress: &Arc<Progress>) -> Admission {
        let mut state = self.state();
        let of_peer = state.connections.iter().filter(|connection| connection.peer == peer).count();
        let exchanged = if !peer.is_shared() && of_peer >= MAX_CONNECTIONS_PER_PEER {
            Some(peer)
        } else if state.connections.len() >= MAX_CONNECTIONS {
            state.busiest_peer()
        } else {
            None
        };
        if let Some(peer) = exchanged
            && !state.close_stalest(peer)
        {
            return Admission::Refused;
        }
        let id = state.next;
        state.next += 1;
        state.connections.push(Connection { id, peer, progress: progress.clone(), abort: None });
        let slot = Slot { slots: self.clone(), id };
        if exchanged.is_some() { Admission::Exchanged(slot) } else { Admission::Free(slot) }
    }

    /// Allows a connection to be closed in exchange for a new one.
    pub(super) fn served_by(&self, id: u64, abort: AbortHandle) {
        let mut state = self.state();
        if let Some(connection) = state.connections.iter_mut().find(|connection| connection.id == id) {
            connection.abort = Some(abort);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state().connections.len()
    }

    fn state(&self) -> MutexGuard<'_, PlaceCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlaceCounts {
    fn busiest_peer(&self) -> Option<Peer> {
        let count = |peer| self.connections.iter().filter(|connection| connection.peer == peer).count();
        self.connections.iter().map(|connection| connection.peer).max_by_key(|&peer| count(peer))
    }

    /// Closes the connection of a peer that has made no progress for the longest time. Returns false
    /// if each of the peer's connections is being answered.
    fn close_stalest(&mut self, peer: Peer) -> bool {
        let of_peer = self.connections.iter().enumerate().filter(|(_, connection)| {
            let is_answering = connection.progress.is_answering.load(Relaxed);
            connection.peer == peer && connection.abort.is_some() && !is_answering
        });
        let stalest =
            of_peer.min_by_key(|(_, connection)| (connection.progress.last.load(Relaxed), connection.id));
        let Some((index, _)) = stalest else { return false };
        if let Some(abort) = self.connections.swap_remove(index).abort {
            abort.abort();
        }
        true
    }
}

impl Slot {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        state.connections.retain(|connection| connection.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc, time::Duration};

    use tokio::{
        runtime::Builder,
        task::JoinSet,
        time::{Instant, sleep},
    };

    use super::{Admission, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_PEER, Peer, Progress, Slot, Slots};

    fn peer(network: u8, host: u8) -> Peer {
        Peer::from_ip([192, 0, network, host].into())
    }

    struct Endpoint {
        slots: Slots,
        served: JoinSet<Slot>,
        start: Instant,
    }

    impl Endpoint {
        /// Connects and waits. Returns whether the connection replaced another one; `None` if it was
        /// refused.
        fn connect(&mut self, peer: Peer) -> (Option<bool>, Arc<Progress>) {
            let progress = Arc::new(Progress::new(self.start));
            let (slot, exchanged) = match self.slots.admit(peer, &progress) {
                Admission::Free(slot) => (slot, false),
                Admission::Exchanged(slot) => (slot, true),
                Admission::Refused => return (None, progress),
            };
            let id = slot.id();
            let abort = self.served.spawn(async move {
                pending::<()>().await;
                slot
            });
            self.slots.served_by(id, abort);
            (Some(exchanged), progress)
        }
    }

    fn with_endpoint(test: impl AsyncFnOnce(&mut Endpoint)) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (slots, served, start) = (Slots::default(), JoinSet::new(), Instant::now());
            test(&mut Endpoint { slots, served, start }).await;
        });
    }

    #[test]
    fn one_address_gets_half_of_the_connections() {
        with_endpoint(async |endpoint| {
            for _ in 0..MAX_CONNECTIONS_PER_PEER {
                assert_eq!(endpoint.connect(peer(2, 1)).0, Some(false));
            }
            for _ in 0..1_000 {
                assert_eq!(endpoint.connect(peer(2, 1)).0, Some(true));
            }
            assert_eq!(endpoint.slots.len(), MAX_CONNECTIONS_PER_PEER);
            assert_eq!(endpoint.connect(peer(2, 2)).0, Some(false));
        });
    }

    #[test]
    fn stalest_connection_of_the_busiest_address_is_evicted() {
        with_endpoint(async |endpoint| {
            let (_, first) = endpoint.connect(peer(2, 1));
            sleep(Duration::from_millis(5)).await;
            let (_, second) = endpoint.connect(peer(2, 1));
            sleep(Duration::from_millis(5)).await;
            first.advance();
            for host in 0..=255 {
                endpoint.connect(peer(1, host));
                endpoint.connect(peer(0, host));
            }
            assert_eq!(endpoint.slots.len(), MAX_CONNECTIONS);
            let admitted = |progress: &Arc<Progress>| {
                let state = endpoint.slots.state();
                state.connections.iter().any(|connection| Arc::ptr_eq(&connection.progress, progress))
            };
            // The peer with two connections has more than the others, which have one each.
            assert!(!admitted(&second));
        });
    }

    #[test]
    fn active_connection_is_not_evicted() {
        with_endpoint(async |endpoint| {
            let answering: Vec<_> =
                (0..MAX_CONNECTIONS_PER_PEER).map(|_| endpoint.connect(peer(2, 1)).1.answering()).collect();
            assert_eq!(endpoint.connect(peer(2, 1)).0, None);
            drop(answering);
            assert_eq!(endpoint.connect(peer(2, 1)).0, Some(true));
        });
    }

    #[test]
    fn ipv6_addresses_of_one_network_are_one_peer() {
        let peer = |ip: &str| Peer::from_ip(ip.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }
}
