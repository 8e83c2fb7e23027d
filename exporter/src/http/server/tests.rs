//! Tests of how long clients keep their places.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::Builder,
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    AllowAll, CONNECTION_TIMEOUT, Client, HEAD_TIMEOUT, Hosts, Progress, ServerContext, serve_connection,
};
use crate::{
    http::{slots::Peer, timed::WRITE_TIMEOUT},
    source::Source,
};

/// The pause between two sends.
const PAUSE: Duration = Duration::from_secs(1);
const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Returns the number of seconds for which a client keeps its place. The paused clock advances by
/// itself when all tasks wait for it.
fn stays(client: impl AsyncFnOnce(&mut DuplexStream)) -> u64 {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // Less space than a response needs.
        let (server, mut stream) = duplex(1_024);
        let source = Source::from_fn(|_| "# an answer\n".repeat(1_000));
        let (_stop, stopped) = watch::channel(false);
        let start = Instant::now();
        let served = async {
            let client = Client { peer: Peer::default(), progress: Arc::new(Progress::new(start)) };
            serve_connection(
                Box::new(server),
                client,
                ServerContext::new(source, Arc::new(AllowAll), Hosts::default()),
                stopped,
            )
            .await;
            start.elapsed()
        };
        let (stayed, ()) = tokio::join!(served, client(&mut stream));
        stayed.as_secs()
    })
}

/// Sends one byte each second, until the connection is closed.
async fn drip(stream: &mut DuplexStream, bytes: &[u8]) {
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        sleep(PAUSE).await;
    }
}

#[test]
fn header_timeout_covers_slow_headers() {
    assert_eq!(stays(async |_| ()), HEAD_TIMEOUT.as_secs());
    assert_eq!(stays(async |stream| drip(stream, &[b'G'; 1_000]).await), HEAD_TIMEOUT.as_secs());
}

#[test]
fn client_that_does_not_read_is_disconnected() {
    assert_eq!(stays(async |stream| stream.write_all(REQUEST).await.unwrap()), WRITE_TIMEOUT.as_secs());
}

#[test]
fn busy_connection_is_closed_after_its_timeout() {
    let asks = async |stream: &mut DuplexStream| {
        let mut answer = [0; 1 << 14];
        while stream.write_all(REQUEST).await.is_ok() {
            let mut read = 0;
            while read < 12_000 {
                match stream.read(&mut answer).await {
                    Ok(0) | Err(_) => return,
                    Ok(more) => read += more,
                }
            }
            sleep(PAUSE).await;
        }
    };
    assert_eq!(stays(asks), CONNECTION_TIMEOUT.as_secs());
}
