//! Host names by which clients may call the endpoint.
//!
//! A web page in a browser of this machine can make its own name resolve to 127.0.0.1. It could then
//! read an endpoint there as if the endpoint were its own server (DNS rebinding). The requests of
//! such a page carry that name in `Host`. Therefore an endpoint on a loopback address accepts only
//! addresses, `localhost` and the configured names.

use std::net::IpAddr;

use hyper::{HeaderMap, Response, StatusCode, Uri, Version, body::Bytes, header::HOST, http::uri::Authority};

use super::{address::BoundAddress, response, route};

/// The host names that an endpoint accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hosts {
    is_restricted: bool,
    names: Vec<String>,
}

impl Hosts {
    /// Returns the accepted names of an endpoint at an address, configured with these names.
    pub(super) fn at(address: &BoundAddress, names: &[String]) -> Hosts {
        let is_loopback = address.tcp().is_some_and(|address| address.ip().to_canonical().is_loopback());
        let names: Vec<_> = names.iter().map(|name| plain_name(name.trim())).collect();
        Hosts { is_restricted: is_loopback || !names.is_empty(), names }
    }

    /// Returns the response that refuses a request: its host is not accepted, or it does not have
    /// exactly one.
    pub(super) fn refuse(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let mut given = headers.get_all(HOST).iter();
        let (first, second) = (given.next(), given.next());
        let is_missing = first.is_none() && version >= Version::HTTP_11;
        if is_missing || second.is_some() {
            return Some(response::text_response(
                StatusCode::BAD_REQUEST,
                "Bad Request - Send one Host header",
            ));
        }
        let given = first.map(|host| host.to_str().ok().and_then(parse));
        // In a request through a proxy, the target has a host, too.
        let of_target = uri.authority().map(|host| parse(host.as_str()));
        for host in given.into_iter().chain(of_target) {
            let Some(host) = host else {
                return Some(response::text_response(
                    StatusCode::BAD_REQUEST,
                    "Bad Request - Invalid host name",
                ));
            };
            if uri.path() != route::HEALTH && !self.is_allowed(&host) {
                return Some(response::text_response(
                    StatusCode::MISDIRECTED_REQUEST,
                    "Misdirected Request - Use localhost or an address, or start with --allow-host",
                ));
            }
        }
        None
    }

    fn is_allowed(&self, host: &str) -> bool {
        !self.is_restricted
            || host.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.names.iter().any(|name| name == host)
    }
}

/// Returns the name or the address in a Host header; `None` if it is malformed.
fn parse(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok().filter(|_| !host.contains('@'))?;
    let name = plain_name(authority.host());
    (!name.is_empty()).then_some(name)
}

/// Returns the name in lower case, without the brackets of an IPv6 address and the final dot of an
/// absolute name.
fn plain_name(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    inner.unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use hyper::{Request, Version};

    use super::Hosts;
    use crate::http::BoundAddress;

    fn status(hosts: &Hosts, target: &str, lines: &[&str]) -> u16 {
        let mut request = Request::get(target);
        for line in lines {
            request = request.header("host", *line);
        }
        let request = request.body(()).unwrap();
        let refused = hosts.refuse(Version::HTTP_11, request.uri(), request.headers());
        refused.map_or(200, |response| response.status().as_u16())
    }

    fn at(address: &str) -> Hosts {
        Hosts::at(&BoundAddress::Tcp(address.parse().unwrap()), &["Proxy.example".to_owned()][..0])
    }

    #[test]
    fn loopback_endpoint_accepts_local_host_names() {
        for address in ["127.0.0.1:9464", "127.9.9.9:1", "[::1]:9464", "[::ffff:127.0.0.1]:1"] {
            let hosts = at(address);
            for host in
                ["localhost", "LOCALHOST:9464", "a.localhost", "127.0.0.1:9464", "[::1]:9464", "10.1.2.3"]
            {
                assert_eq!(status(&hosts, "/metrics", &[host]), 200, "{host}");
            }
            for host in
                ["evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example"]
            {
                assert_eq!(status(&hosts, "/metrics", &[host]), 421, "{host}");
                assert_eq!(status(&hosts, "/health", &[host]), 200, "{host}");
                let target = format!("http://{host}/metrics");
                assert_eq!(status(&hosts, &target, &["localhost"]), 421, "{target}");
            }
        }
    }

    #[test]
    fn request_needs_one_host() {
        for hosts in [at("127.0.0.1:1"), at("0.0.0.0:1")] {
            assert_eq!(status(&hosts, "/metrics", &[]), 400);
            assert_eq!(status(&hosts, "/health", &["localhost", "localhost"]), 400);
            for host in ["", "a b", "localhost@evil.example", "user:pw@localhost", "a/b", "\u{fc}"] {
                assert_eq!(status(&hosts, "/metrics", &[host]), 400, "{host:?}");
            }
            let request = Request::get("/metrics").body(()).unwrap();
            assert!(hosts.refuse(Version::HTTP_10, request.uri(), request.headers()).is_none());
        }
    }

    #[test]
    fn other_endpoints_accept_all_host_names_by_default() {
        let open = at("0.0.0.0:9464");
        assert_eq!(status(&open, "/metrics", &["metrics.example"]), 200);
        let unix = BoundAddress::Unix("/run/ictus.sock".into());
        assert_eq!(status(&Hosts::at(&unix, &[]), "/metrics", &["anything"]), 200);
        let named =
            Hosts::at(&BoundAddress::Tcp("0.0.0.0:1".parse().unwrap()), &["Metrics.example.".to_owned()]);
        assert_eq!(status(&named, "/metrics", &["metrics.example:80"]), 200);
        assert_eq!(status(&named, "/metrics", &["other.example"]), 421);
    }
}
