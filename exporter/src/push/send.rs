//! One request of a client, over plain HTTP.

use std::{io, pin::pin, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::error::{Error, Result};

/// For the whole of it: who is well answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// After which whoever waits is told.
const SOON: Duration = Duration::from_secs(2);

/// What somebody gives as a server: plain HTTP, with a port where none is given.
pub(super) fn base(given: &str, port: u16) -> std::result::Result<Uri, String> {
    let refused = format!("give an address such as http://127.0.0.1:{port}");
    let base: Uri = given.parse().map_err(|error| format!("{error}; {refused}"))?;
    let Some(host) = base.host().filter(|_| base.scheme_str() == Some("http")) else {
        return Err(format!("only plain HTTP is spoken; {refused}"));
    };
    let port = base.port_u16().unwrap_or(port);
    format!("http://{host}:{port}{}", base.path()).parse().map_err(|error| format!("{error}"))
}

/// Another path on the same server.
pub(super) fn at(base: &Uri, path: &str) -> std::result::Result<Uri, String> {
    let host = base.authority().map_or("", |authority| authority.as_str());
    format!("http://{host}{path}").parse().map_err(|error| format!("{error}"))
}

/// The body of a good answer; else why there is none. Says of a server that it keeps us waiting.
pub(super) fn send(
    to: &str,
    method: Method,
    target: &Uri,
    content_type: &'static str,
    body: Bytes,
) -> Result<std::result::Result<Bytes, String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let answered = runtime.block_on(async {
        let mut answer = pin!(timeout(PATIENCE, exchange(method, target, content_type, body)));
        tokio::select! {
            answer = &mut answer => return answer,
            () = sleep(SOON) => {}
        }
        log::warn!("{to} has not answered for {} s; waiting on", SOON.as_secs());
        answer.await
    });
    Ok(match answered {
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        Ok(Err(refused)) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            Err(format!("{refused}; is it running?"))
        }
        Ok(Err(refused)) => Err(refused.to_string()),
        Ok(Ok((status, said))) if status.is_success() => Ok(said),
        Ok(Ok((status, said))) => Err(format!("{status}: {}", String::from_utf8_lossy(&said).trim())),
    })
}

async fn exchange(
    method: Method,
    target: &Uri,
    content_type: &'static str,
    body: Bytes,
) -> io::Result<(StatusCode, Bytes)> {
    let (host, port) = (target.host().unwrap_or_default(), target.port_u16().unwrap_or(80));
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::builder()
        .method(method)
        .uri(target.path())
        .header(HOST, target.authority().map_or("", |authority| authority.as_str()))
        .header(CONTENT_TYPE, content_type)
        .body(Full::new(body))
        .map_err(io::Error::other)?;
    let answer = async {
        let answer: Response<Incoming> = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let said = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((status, said))
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
