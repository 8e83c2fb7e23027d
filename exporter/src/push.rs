//! Handing metrics to a Prometheus Pushgateway, where nothing can scrape.
//!
//! Once, from whoever has the directory at the end of a job. Jobs themselves need not: what they have
//! recorded stays in the directory when they end.

use std::{fmt::Write as _, io, pin::pin, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    error::{Error, Result},
    query::Query,
    source::Source,
};

/// For the whole of it: a gateway that is well answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// After which whoever waits is told.
const SOON: Duration = Duration::from_secs(2);
const PORT: u16 = 9091;

/// Puts the source's exposition in the place of what the gateway has of a group: of a job, and of labels
/// that tell it from others of that job. Gauges of timers' quantiles and all else are pushed as they are shown.
///
/// # Errors
///
/// [`Error::Read`] where the metrics cannot be read, [`Error::Push`] where the gateway is not one, cannot be
/// reached within ten seconds, or refuses.
pub fn push(source: &Source, gateway: &str, job: &str, labels: &[(String, String)]) -> Result<()> {
    let failed = |why: String| Error::Push { gateway: gateway.to_owned(), why };
    let rendered = source.render(&Query::from(source.view()))?;
    let target = target(gateway, job, labels).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let (content_type, body) = (rendered.format().content_type(), rendered.bytes().clone());
    let answered = runtime.block_on(async {
        let mut answer = pin!(timeout(PATIENCE, put(&target, content_type, body)));
        tokio::select! {
            answer = &mut answer => return answer,
            () = sleep(SOON) => {}
        }
        log::warn!("{gateway} has not answered for {} s; waiting on", SOON.as_secs());
        answer.await
    });
    match answered {
        Err(_) => Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
        Ok(Err(refused)) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            Err(failed(format!("{refused}; is it running?")))
        }
        Ok(Err(refused)) => Err(failed(refused.to_string())),
        Ok(Ok((status, _))) if status.is_success() => Ok(()),
        Ok(Ok((status, said))) => Err(failed(format!("{status}: {}", said.trim()))),
    }
}

/// Where a group is, on the gateway.
fn target(gateway: &str, job: &str, labels: &[(String, String)]) -> std::result::Result<Uri, String> {
    let refused = "give an address such as http://127.0.0.1:9091";
    let base: Uri = gateway.parse().map_err(|error| format!("{error}; {refused}"))?;
    if base.scheme_str() != Some("http") || base.host().is_none() {
        return Err(format!("only plain HTTP is spoken; {refused}"));
    }
    if job.is_empty() {
        return Err("the job needs a name".to_owned());
    }
    let mut path = base.path().trim_end_matches('/').to_owned() + "/metrics";
    let job = ("job".to_owned(), job.to_owned());
    for (name, value) in [&job].into_iter().chain(labels) {
        // In the gateway's own spelling of what cannot stand in a path: slashes, and nothing at all.
        let _ = write!(path, "/{name}@base64/{}", spelled(value));
    }
    let host = base.authority().map_or("", |authority| authority.as_str());
    format!("http://{host}{path}").parse().map_err(|error| format!("{error}"))
}

async fn put(target: &Uri, content_type: &'static str, body: Bytes) -> io::Result<(StatusCode, String)> {
    let (host, port) = (target.host().unwrap_or_default(), target.port_u16().unwrap_or(PORT));
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::put(target.path())
        .header(HOST, target.authority().map_or("", |authority| authority.as_str()))
        .header(CONTENT_TYPE, content_type)
        .body(Full::new(body))
        .map_err(io::Error::other)?;
    let answer = async {
        let answer: Response<Incoming> = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let said = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((status, String::from_utf8_lossy(&said).into_owned()))
    };
    tokio::pin!(answer);
    tokio::select! {
        answered = &mut answer => answered,
        ended = connection => match ended {
            // What was answered before it ended.
            Ok(()) => answer.await,
            Err(error) => Err(io::Error::other(error)),
        },
    }
}

/// URL-safe base64, with `=` for nothing at all, as the gateway has it.
fn spelled(text: &str) -> String {
    if text.is_empty() { "=".to_owned() } else { URL_SAFE_NO_PAD.encode(text) }
}

#[cfg(test)]
mod tests {
    use super::{spelled, target};

    #[test]
    fn a_groups_place_is_spelled_as_the_gateway_does() {
        assert_eq!(["", "f", "/a", "ÿÿ"].map(spelled), ["=", "Zg", "L2E", "w7_Dvw"]);
        let labels = [("path".to_owned(), "/a".to_owned())];
        let place = target("http://localhost:9091/behind/", "nightly", &labels).unwrap();
        assert_eq!(place, "http://localhost:9091/behind/metrics/job@base64/bmlnaHRseQ/path@base64/L2E");
        for (gateway, job, why) in [
            ("https://localhost", "a", "only plain HTTP"),
            ("localhost:9091", "a", "only plain HTTP"),
            ("http://a b", "a", "such as http://127.0.0.1:9091"),
            ("http://localhost", "", "needs a name"),
        ] {
            assert!(target(gateway, job, &[]).unwrap_err().contains(why), "{gateway}");
        }
    }
}
