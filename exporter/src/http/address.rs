//! Addresses that an endpoint listens on: an IP address and a port, or the file of a unix socket.
//!
//! Host names are resolved when a [`ListenAddress`] is parsed; the server binds the first address
//! that works.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
};

use crate::error::{Error, Reason, Result};

/// The prefix of a unix socket's path in the textual form of an address.
const UNIX: &str = "unix:";

/// An address that clients connect to. A later version may add kinds of addresses.
///
/// ```
/// use ictus_exporter::http::BoundAddress;
///
/// let address = BoundAddress::Tcp(([127, 0, 0, 1], 9464).into());
/// assert_eq!(address.to_string(), "127.0.0.1:9464");
/// assert_eq!(BoundAddress::Unix("/run/ictus.sock".into()).to_string(), "unix:/run/ictus.sock");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BoundAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The file of a unix socket.
    Unix(PathBuf),
}

impl BoundAddress {
    /// Returns the IP address and the port; `None` for a unix socket.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            BoundAddress::Tcp(address) => Some(*address),
            BoundAddress::Unix(_) => None,
        }
    }
}

impl fmt::Display for BoundAddress {
    /// Formats the address as [`ListenAddress`] parses it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundAddress::Tcp(address) => address.fmt(f),
            BoundAddress::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// The address that a [`Server`](super::Server) listens on. A host name may have several addresses;
/// the server binds the first one that works.
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenAddress {
    addresses: Vec<BoundAddress>,
    allowed_hosts: Vec<String>,
}

impl ListenAddress {
    /// Returns the addresses, at least one.
    pub(super) fn addresses(&self) -> &[BoundAddress] {
        &self.addresses
    }

    /// Sets names by which clients may call the endpoint, in addition to addresses and `localhost`.
    ///
    /// Without any names, an endpoint on a loopback address accepts no other name in `Host`. So no
    /// web page can read the endpoint through a name in the page's domain (DNS rebinding). An
    /// endpoint on any other address accepts all names by default.
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

    /// Parses `HOST:PORT`, `:PORT` for all IPv4 interfaces, or `unix:PATH`. The host is a name, an
    /// IPv4 address, or an IPv6 address in brackets. Names are resolved.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if the text is not an address, or the host is unknown.
    fn from_str(given: &str) -> Result<ListenAddress> {
        if let Some(path) = given.strip_prefix(UNIX) {
            return match path {
                "" => Err(Error::address(given, "the path is empty")),
                path if path.starts_with('~') => Err(Error::address(given, "only a shell expands `~`")),
                path => Ok(BoundAddress::Unix(path.into()).into()),
            };
        }
        // `:PORT` is common among Prometheus exporters: the port on every interface.
        let every = given.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
        let resolved = every.as_deref().unwrap_or(given).to_socket_addrs();
        let resolved = resolved.map_err(|error| Error::address(given, Reason::from_system(error, "")))?;
        let addresses: Vec<_> = resolved.map(BoundAddress::Tcp).collect();
        if addresses.is_empty() {
            return Err(Error::address(given, "the host name resolves to no address"));
        }
        Ok(ListenAddress { addresses, allowed_hosts: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::{BoundAddress, ListenAddress};

    #[test]
    fn address_is_parsed_in_every_form() {
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
    fn invalid_address_is_refused_with_an_example() {
        for given in
            ["", "9464", ":9464x", "127.0.0.1", "::1:9464:", "127.0.0.1:65536", "unix:", "/run/x.sock"]
        {
            let error = given.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:9464") && error.contains("unix:/"), "{given}: {error}");
        }
    }
}
