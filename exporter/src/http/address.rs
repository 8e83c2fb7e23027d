//! Where an endpoint listens.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
};

use crate::error::{Error, Result};

/// What a socket's path starts with where addresses are spelled.
const UNIX: &str = "unix:";

/// An address that clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The file of a unix socket.
    Unix(PathBuf),
}

impl BoundAddress {
    /// The IP address and the port, where it has any.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            BoundAddress::Tcp(address) => Some(*address),
            BoundAddress::Unix(_) => None,
        }
    }
}

impl fmt::Display for BoundAddress {
    /// As [`ListenAddress`] is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundAddress::Tcp(address) => address.fmt(f),
            BoundAddress::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Where a [`Server`](super::Server) is to listen: an address, or a host that has several, of which
/// the first that can be bound is served.
///
/// ```
/// use ictus_exporter::http::{BoundAddress, ListenAddress};
///
/// let socket: ListenAddress = "unix:/run/ictus/metrics.sock".parse()?;
/// assert_eq!(socket, BoundAddress::Unix("/run/ictus/metrics.sock".into()).into());
/// for tcp in ["127.0.0.1:9464", "[::]:9464", "localhost:0", ":9464"] {
///     tcp.parse::<ListenAddress>()?;
/// }
/// assert!("9464".parse::<ListenAddress>().is_err());
/// # Ok::<(), ictus_exporter::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    addresses: Vec<BoundAddress>,
    allowed_hosts: Vec<String>,
}

impl ListenAddress {
    /// Never none.
    pub(super) fn addresses(&self) -> &[BoundAddress] {
        &self.addresses
    }

    /// Names by which clients may call it, besides addresses and `localhost`. Where none are given, an endpoint on
    /// a loopback address answers to no other, so that no web page can read it by a name of its own (DNS
    /// rebinding), and an endpoint elsewhere answers to all.
    #[must_use]
    pub fn with_allowed_hosts(mut self, names: impl IntoIterator<Item = String>) -> ListenAddress {
        self.allowed_hosts = names.into_iter().filter(|name| !name.trim().is_empty()).collect();
        self
    }

    pub(super) fn allowed_hosts(&self) -> &[String] {
        &self.allowed_hosts
    }
}

impl From<BoundAddress> for ListenAddress {
    fn from(address: BoundAddress) -> ListenAddress {
        ListenAddress { addresses: vec![address], allowed_hosts: Vec::new() }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> ListenAddress {
        BoundAddress::Tcp(address).into()
    }
}

impl FromStr for ListenAddress {
    type Err = Error;

    /// `HOST:PORT`, or `:PORT` for all interfaces (IPv4), the host being a name, an IPv4 address or an IPv6 address in brackets, or
    /// `unix:PATH`. Looks names up. [`Error::BoundAddress`] where it is neither, or the host is not known.
    fn from_str(given: &str) -> Result<ListenAddress> {
        let refused =
            |why: &dyn fmt::Display| Error::BoundAddress { given: given.to_owned(), why: why.to_string() };
        if let Some(path) = given.strip_prefix(UNIX) {
            return match path {
                "" => Err(refused(&"the path is empty")),
                path if path.starts_with('~') => Err(refused(&"only a shell expands `~`")),
                path => Ok(BoundAddress::Unix(path.into()).into()),
            };
        }
        // As servers of Prometheus's world take it: a port of every interface.
        let every = given.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
        let found = every.as_deref().unwrap_or(given).to_socket_addrs().map_err(|error| refused(&error))?;
        let addresses: Vec<_> = found.map(BoundAddress::Tcp).collect();
        if addresses.is_empty() {
            return Err(refused(&"this host has no address"));
        }
        Ok(ListenAddress { addresses, allowed_hosts: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::{BoundAddress, ListenAddress};

    #[test]
    fn an_address_is_parsed_as_it_is_spelled() {
        for given in ["127.0.0.1:9464", "0.0.0.0:0", "[::1]:9464", "[::]:1", "unix:/run/a b.sock", "unix:x"] {
            let listen: ListenAddress = given.parse().unwrap();
            let [address] = listen.addresses() else { panic!("{listen:?}") };
            assert_eq!(address.to_string(), given);
            assert_eq!(address.tcp().is_none(), given.starts_with("unix:"));
        }
    }

    #[test]
    fn a_host_has_all_its_addresses() {
        let listen: ListenAddress = "localhost:9464".parse().unwrap();
        let all = listen.addresses();
        assert!(!all.is_empty());
        assert!(
            all.iter().all(|address| matches!(address, BoundAddress::Tcp(ip) if ip.port() == 9464)),
            "{all:?}"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for given in
            ["", "9464", ":9464x", "127.0.0.1", "::1:9464:", "127.0.0.1:65536", "unix:", "/run/x.sock"]
        {
            let error = given.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:9464") && error.contains("unix:/"), "{given}: {error}");
        }
    }
}
