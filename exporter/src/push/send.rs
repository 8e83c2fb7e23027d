//! One HTTP request of a client, over plain HTTP.

use std::{io, pin::pin, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::destination::Destination;
use crate::error::{Error, Reason, Result};

/// Timeout of the whole request. A working server responds within milliseconds.
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Delay before a warning that the server has not responded yet.
const SOON: Duration = Duration::from_secs(2);

/// Maximum size of a response's body; the rest is not read.
const MAX_ANSWER: usize = 64 * 1024;
/// Maximum number of characters of a response that a message shows.
const MAX_SHOWN: usize = 200;

/// Sends a request, and returns the body of a successful response. Logs a warning if the server is
/// slow.
pub(super) fn send(
    to: &Destination,
    method: Method,
    target: &Uri,
    content_type: &'static str,
    body: Bytes,
) -> Result<Bytes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let answered = runtime.block_on(async {
        let mut answer = pin!(timeout(WAIT_TIMEOUT, exchange(to, method, target, content_type, body)));
        tokio::select! {
            answer = &mut answer => return answer,
            () = sleep(SOON) => {}
        }
        log::warn!("{to} has not answered for {} s; still waiting", SOON.as_secs());
        answer.await
    });
    // A DNS lookup that does not end must not block the return.
    runtime.shutdown_background();
    match answered {
        Err(_) => Err(to.failed(format!(
            "no answer within {} s; check the address, and whether a firewall drops the packets",
            WAIT_TIMEOUT.as_secs()
        ))),
        Ok(Err(error)) => {
            let remedy = match error.kind() {
                io::ErrorKind::ConnectionRefused => "; start the server, or correct the address",
                _ => "; check the address",
            };
            Err(to.failed(Reason::from_system(error, remedy)))
        }
        Ok(Ok((status, body))) if status.is_success() => Ok(body),
        Ok(Ok((status, body))) => Err(to.failed(refusal(status, &body))),
    }
}

/// Returns the reason of a push that the server refuses: its status, its text and the remedy.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let text = Some(one_line(body)).filter(|text| !text.is_empty());
    let text = text.map(|text| format!(": {text}")).unwrap_or_default();
    let remedy = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "; give the credentials of the server in a file (--credentials), or in ICTUS_PUSH_CREDENTIALS"
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "; check the address and its path",
        status if status.is_server_error() => "; see the log of the server",
        _ => "",
    };
    format!("{status}{text}{remedy}")
}

/// Returns the first line of a server's response, with unprintable characters escaped.
pub(super) fn one_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(&said[..said.len().min(4 * MAX_SHOWN)]);
    let line = text.trim().lines().next().unwrap_or_default();
    ictus::printable(line).chars().take(MAX_SHOWN).collect()
}

async fn exchange(
    to: &Destination,
    method: Method,
    target: &Uri,
    content_type: &'static str,
    body: Bytes,
) -> io::Result<(StatusCode, Bytes)> {
    let (host, port) = (target.host().unwrap_or_default(), target.port_u16().unwrap_or(80));
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut request = Request::builder();
    if let Some(credentials) = to.credentials() {
        request = request.header(AUTHORIZATION, credentials.header());
    }
    let request = request
        .method(method)
        .uri(target.path())
        .header(HOST, target.authority().map_or("", |authority| authority.as_str()))
        .header(CONTENT_TYPE, content_type)
        .body(Full::new(body))
        .map_err(io::Error::other)?;
    let answer = async {
        let answer: Response<Incoming> = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let said = begin(answer.into_body()).await?;
        if said.len() > MAX_ANSWER && status.is_success() {
            return Err(io::Error::other(format!("its answer has more than {MAX_ANSWER} bytes")));
        }
        Ok((status, said))
    };
    tokio::pin!(answer);
    tokio::select! {
        answered = &mut answer => answered,
        ended = connection => match ended {
            // The connection ended: return the response that arrived before, if it is complete.
            Ok(()) => answer.await,
            Err(error) => Err(io::Error::other(error)),
        },
    }
}

/// Reads a body, up to slightly more than the maximum size.
async fn begin(mut body: Incoming) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    while bytes.len() <= MAX_ANSWER
        && let Some(frame) = body.frame().await
    {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::{MAX_SHOWN, one_line, refusal};

    #[test]
    fn refusal_has_the_status_the_text_and_the_remedy() {
        for (status, body, expected) in [
            (400, "bad name\nmore", "400 Bad Request: bad name"),
            (
                401,
                "",
                "401 Unauthorized; give the credentials of the server in a file (--credentials), or in \
                       ICTUS_PUSH_CREDENTIALS",
            ),
            (404, "no such page", "404 Not Found: no such page; check the address and its path"),
            (503, "", "503 Service Unavailable; see the log of the server"),
        ] {
            assert_eq!(refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes()), expected);
        }
    }

    #[test]
    fn answer_is_shown_as_one_line_that_changes_no_terminal() {
        assert_eq!(one_line(b" no\x1b[2J such\x07 job\r\nsecond line"), "no\\u{1b}[2J such\\u{7} job");
        assert_eq!(one_line("a\u{202e}b\u{61c}c".as_bytes()), "a\\u{202e}b\\u{61c}c");
        assert_eq!(one_line(&[b'x'; 100_000]).len(), MAX_SHOWN);
        assert_eq!(one_line(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(one_line(b""), "");
    }
}
