//! Push to a Prometheus Pushgateway.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::{Method, Uri};

use super::{
    destination::{self, Destination},
    send::send,
};
use crate::{error::Result, query::Query, source::Source};

const PORT: u16 = 9091;

/// Pushes the source's exposition to a Pushgateway, and replaces all metrics of the same group (HTTP
/// PUT).
///
/// A group is identified by a job, and by labels that distinguish it from other groups of the job.
/// The source's view determines the metrics, including gauges of timers' quantiles.
///
/// ```no_run
/// use ictus_exporter::{Source, push::{Destination, push}};
///
/// let source = Source::open("/var/lib/ictus")?;
/// let gateway = Destination::new("http://127.0.0.1:9091");
/// push(&source, &gateway, "nightly-report", &[("shard".into(), "3".into())])?;
/// # Ok::<(), ictus_exporter::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Read`](crate::Error::Read) if the metrics cannot be read.
/// [`Error::Push`](crate::Error::Push) if the address is invalid, or the gateway cannot be reached
/// within ten seconds or refuses the metrics.
pub fn push(source: &Source, gateway: &Destination, job: &str, labels: &[(String, String)]) -> Result<()> {
    let rendered = source.render(&Query::from(source.view()))?;
    let target = target(gateway, job, labels).map_err(|reason| gateway.failed(reason))?;
    let (content_type, body) = (rendered.format().content_type(), rendered.bytes().clone());
    send(gateway, Method::PUT, &target, content_type, body)?;
    Ok(())
}

/// Returns the URL of a group on the gateway.
fn target(gateway: &Destination, job: &str, labels: &[(String, String)]) -> std::result::Result<Uri, String> {
    let base = gateway.base(PORT)?;
    if job.is_empty() {
        return Err("the job has no name; give one with --job".to_owned());
    }
    let mut path = base.path().trim_end_matches('/').to_owned() + "/metrics";
    let job = ("job".to_owned(), job.to_owned());
    for (name, value) in [&job].into_iter().chain(labels) {
        // The gateway's encoding of values that a path cannot contain, such as slashes and empty
        // values.
        let _ = write!(path, "/{name}@base64/{}", encoded(value));
    }
    destination::at(&base, &path)
}

/// Encodes a value as URL-safe base64; an empty value is `=`, as the gateway requires.
fn encoded(text: &str) -> String {
    if text.is_empty() { "=".to_owned() } else { URL_SAFE_NO_PAD.encode(text) }
}

#[cfg(test)]
mod tests {
    use super::{Destination, encoded, target};

    #[test]
    fn path_of_a_group_is_encoded_as_by_pushgateway() {
        assert_eq!(["", "f", "/a", "ÿÿ"].map(encoded), ["=", "Zg", "L2E", "w7_Dvw"]);
        let labels = [("path".to_owned(), "/a".to_owned())];
        let gateway = Destination::new("http://localhost:9091/behind/");
        let url = target(&gateway, "nightly", &labels).unwrap();
        assert_eq!(url, "http://localhost:9091/behind/metrics/job@base64/bmlnaHRseQ/path@base64/L2E");
        for (gateway, job, why) in [
            ("https://localhost", "a", "only plain HTTP"),
            ("localhost:9091", "a", "only plain HTTP"),
            ("http://a b", "a", "such as http://127.0.0.1:9091"),
            ("http://localhost", "", "has no name"),
        ] {
            assert!(target(&Destination::new(gateway), job, &[]).unwrap_err().contains(why), "{gateway}");
        }
    }
}
