//! The listening socket, its connections and their limits.

use std::{
    convert::Infallible,
    fs::File,
    future::pending,
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ictus::host::{self, Descriptor};
use tokio::{
    runtime::{Builder, Runtime},
    select,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    address::{BoundAddress, ListenAddress},
    budget::Budget,
    guard::{AllowAll, ConnectionPolicy},
    hosts::Hosts,
    listener::{ByteStream, Listener},
    places::{Admission, MAX_CONNECTIONS, Peer, Places, Progress},
    route,
    security::Security,
    timed::Timed,
    turns::Turns,
};
use crate::{
    complaints::ErrorLog,
    error::{Error, Result},
    source::Source,
};

const THREAD: &str = "ictus-http";
/// Scrapes share their snapshots, so more threads would only wait.
const MAX_SNAPSHOT_THREADS: usize = 4;
/// From the end of one response to the end of the next request's head. No usual scrape interval, so
/// that a kept connection is not closed just when the next request is on its way.
const HEAD_TIMEOUT: Duration = Duration::from_secs(7);
/// After which a connection may finish what it is at, and no more: a client that does not read its
/// response would keep its slot for good.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(63);
const LAST_RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for responses that are on their way.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause after a failed accept: without it, a lack of descriptors is a busy loop.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// How often the thread checks that its socket is open: one that waits for connections on a socket that the host
/// has closed is not woken.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Logged where connections give way to others.
const CROWDED: &str = "too many clients are connected, of one address or of all: the idle ones are closed for new \
    ones; look for scrapers that do not close their connections";

/// A running endpoint; stops when dropped.
///
/// In a forked child it does nothing, also when it is stopped or dropped: the endpoint goes on in the parent,
/// and the child has closed its copies of the sockets.
#[derive(Debug)]
pub struct Server {
    address: BoundAddress,
    /// The process that serves.
    generation: u32,
    running: Arc<RunningServer>,
}

#[derive(Debug)]
struct RunningServer {
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    listening: Weak<Descriptor>,
}

impl Server {
    /// Serves the source there, from a thread named `ictus-http`. The address is bound when this
    /// returns.
    ///
    /// A unix socket's file has mode 0660 and goes when the server stops; the group is that of the
    /// process, or of a directory that hands its own on (`chmod g+s`). One that a killed server left
    /// is replaced.
    ///
    /// ```
    /// use ictus_exporter::{Source, http::Server};
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let metrics = directory.path();
    /// let server = Server::start(Source::new(metrics), "127.0.0.1:0".parse()?)?;
    /// println!("metrics are at http://{}/metrics", server.address());
    /// server.stop();
    /// # Ok::<(), ictus_exporter::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] where the address cannot be bound, [`Error::Start`] where the system gives no
    /// thread.
    pub fn start(source: Source, listen: ListenAddress) -> Result<Server> {
        Server::start_guarded(source, listen, Arc::new(AllowAll))
    }

    /// As [`Server::start`], with what is asked of clients: TLS, authentication, or both.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_secured(
        source: Source,
        listen: ListenAddress,
        security: Option<Security>,
    ) -> Result<Server> {
        match security {
            Some(security) => {
                let is_plain = security.is_authenticated() && !security.is_tls();
                source.count_failed_logins(&security);
                let server = Server::start_guarded(source, listen, Arc::new(security))?;
                if let Some(address) = server.address.tcp().filter(|_| is_plain)
                    && !address.ip().to_canonical().is_loopback()
                {
                    log::warn!(
                        "the endpoint at {address} is asked for tokens and passwords without TLS: whoever is on the \
                         way can read them; give it a certificate, or let it listen on 127.0.0.1 behind a proxy"
                    );
                }
                Ok(server)
            }
            None => Server::start(source, listen),
        }
    }

    fn start_guarded(
        source: Source,
        listen: ListenAddress,
        guard: Arc<dyn ConnectionPolicy>,
    ) -> Result<Server> {
        let generation = host::generation();
        let socket = Arc::new(OnceLock::new());
        let runtime = runtime(Arc::clone(&socket)).map_err(Error::Start)?;
        let (listener, address) = {
            let _inside = runtime.enter();
            Listener::bind(&listen)?
        };
        let _ = socket.set((address.clone(), listener.descriptor()));
        let (stop, stopped) = watch::channel(false);
        let listening = listener.descriptor();
        let thread = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn({
                let served = ServerContext::new(source, guard, Hosts::at(&address, listen.allowed_hosts()));
                move || run(runtime, listener, served, stopped)
            })
            .map_err(Error::Start)?;
        let running = RunningServer { stop, thread: Mutex::new(Some(thread)), listening };
        Ok(Server { address, generation, running: Arc::new(running) })
    }

    /// The address that is served: with the port that was found, where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> &BoundAddress {
        &self.address
    }

    /// Closes the socket, lets responses that are on their way finish for a second, and returns when
    /// all is closed. Does nothing the second time.
    pub fn stop(&self) {
        if !self.is_of_this_process() {
            return;
        }
        if self.is_closed_by_host() {
            // The thread cannot be woken: the number by which it is may be that of a file of the host.
            log::error!("the endpoint at {} has ended: the program closed its descriptors", self.address);
            return;
        }
        self.running.stop.send_replace(true);
        self.wait();
    }

    /// Blocks until the server has stopped, which another thread asks for by [`Server::stop`].
    pub fn wait(&self) {
        if !self.is_of_this_process() || self.is_closed_by_host() {
            return;
        }
        // Held while joining, so that all who wait return only when the thread has ended.
        let mut thread = self.running.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }

    /// Whether the host has closed the listening socket while the thread runs.
    fn is_closed_by_host(&self) -> bool {
        self.running.listening.upgrade().is_some_and(|listening| listening.get().is_err())
    }

    fn is_of_this_process(&self) -> bool {
        self.generation == host::generation()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if !self.is_of_this_process() || self.is_closed_by_host() {
            // Never dropped: another thread of the parent may have held any of its locks at the fork, and the end
            // of the channel would wake a thread by a number that is the host's by now.
            mem::forget(self.running.clone());
        }
    }
}

/// A runtime for one thread, whose descriptors are not those of standard input, output and error.
fn runtime(socket: Arc<OnceLock<(BoundAddress, Weak<Descriptor>)>>) -> io::Result<Runtime> {
    // Whenever the runtime is about to use its own descriptors, which nobody can tell from those of the host.
    let check = move || {
        if let Some((address, descriptor)) = socket.get()
            && descriptor.upgrade().is_some_and(|descriptor| descriptor.get().is_err())
        {
            abandon(address);
        }
    };
    let standard = standard_numbers()?;
    let runtime = Builder::new_current_thread()
        .on_thread_park(check.clone())
        .on_thread_unpark(check)
        .enable_io()
        .enable_time()
        .thread_name(THREAD)
        .max_blocking_threads(MAX_SNAPSHOT_THREADS)
        .build();
    drop(standard);
    runtime
}

/// Ends a server whose descriptors the host has closed. Nothing of it may be dropped or woken: it would write to
/// numbers that may be those of the host's files by now, and close them. So its thread stays, and does nothing.
fn abandon(address: &BoundAddress) -> ! {
    log::error!("the endpoint at {address} has ended: the program closed its descriptors; start it again");
    loop {
        thread::park();
    }
}

/// Holds the numbers 0, 1 and 2 where the host has closed them.
fn standard_numbers() -> io::Result<Vec<OwnedFd>> {
    let mut held = Vec::new();
    loop {
        let file: OwnedFd = File::open("/dev/null")?.into();
        if file.as_raw_fd() > 2 {
            return Ok(held);
        }
        held.push(file);
    }
}

/// What the endpoint's thread does.
fn run(runtime: Runtime, listener: Listener, served: ServerContext, stopped: watch::Receiver<bool>) {
    // A task, which this thread wakes without a descriptor.
    let serving = runtime.spawn(serve(listener, served, stopped));
    let serving = AssertUnwindSafe(|| runtime.block_on(serving));
    match panic::catch_unwind(serving) {
        // A snapshot that hangs must not hang the stop.
        Ok(_) => runtime.shutdown_timeout(STOP_TIMEOUT),
        // tokio panics where its own descriptors are not there any more.
        Err(_) => {
            log::error!("an endpoint has ended: the program closed its descriptors");
            // It would close numbers that may be those of the host's files by now.
            mem::forget(runtime);
        }
    }
}

/// What all connections share.
#[derive(Clone)]
struct ServerContext {
    source: Source,
    guard: Arc<dyn ConnectionPolicy>,
    hosts: Arc<Hosts>,
    budget: Budget,
    turns: Turns,
    complaints: Arc<ErrorLog>,
}

/// The client of one connection.
#[derive(Clone)]
struct Client {
    peer: Peer,
    progress: Arc<Progress>,
}

impl ServerContext {
    fn new(source: Source, guard: Arc<dyn ConnectionPolicy>, hosts: Hosts) -> ServerContext {
        let hosts = Arc::new(hosts);
        ServerContext {
            source,
            guard,
            hosts,
            budget: Budget::new(),
            turns: Turns::default(),
            complaints: Arc::default(),
        }
    }

    /// The connection as the guard has it; none where a client does not get there within its time.
    async fn agree(&self, stream: Box<dyn ByteStream>) -> Option<Box<dyn ByteStream>> {
        timeout(HEAD_TIMEOUT, self.guard.agree(stream)).await.ok().flatten()
    }

    async fn respond<B>(&self, client: &Client, request: Request<B>) -> Response<Full<Bytes>> {
        let _answering = client.progress.answering();
        if let Some(refused) = self.hosts.refuse(request.version(), request.uri(), request.headers()) {
            return refused.map(Full::new);
        }
        match self.guard.refuses(client.peer, request.uri(), request.headers()).await {
            Some(refused) => refused.map(Full::new),
            None => {
                let (account, turn) = (self.budget.account(client.peer), self.turns.wait(client.peer));
                route::respond(self.source.clone(), account, turn, &self.complaints, &request).await
            }
        }
    }
}

/// Accepts until it is told to stop.
async fn serve(listener: Listener, served: ServerContext, mut stopped: watch::Receiver<bool>) {
    let accepting = ErrorLog::default();
    let mut connections = JoinSet::new();
    let (start, places) = (Instant::now(), Places::default());
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            // The thread sees a closed socket before it waits for the next connection.
            () = sleep(CHECK_INTERVAL) => continue,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                while connections.try_join_next().is_some() {}
                let client = Client { peer, progress: Arc::new(Progress::new(start)) };
                let place = match places.admit(peer, &client.progress) {
                    Admission::Free(place) => {
                        if places.len() < MAX_CONNECTIONS / 4 {
                            accepting.well(&"connections are accepted again");
                        }
                        place
                    }
                    Admission::Exchanged(place) => {
                        accepting.failed(&CROWDED);
                        place
                    }
                    Admission::Refused => {
                        accepting.failed(&CROWDED);
                        continue;
                    }
                };
                let (id, talk) = (place.id(), talk(stream, client, served.clone(), stopped.clone()));
                let abort = connections.spawn(async move {
                    let _place = place;
                    talk.await;
                });
                places.served_by(id, abort);
            }
            Err(_) if listener.is_closed() => pending().await,
            Err(error) => {
                accepting.failed(&format_args!("cannot accept a connection: {error}"));
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(STOP_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await;
}

/// Serves one connection until its client, its time or the server ends it.
async fn talk(
    stream: Box<dyn ByteStream>,
    client: Client,
    served: ServerContext,
    mut stopped: watch::Receiver<bool>,
) {
    let stream = Box::new(Timed::new(stream, client.progress.clone()));
    let stream = select! {
        stream = served.agree(stream) => stream,
        _ = stopped.wait_for(|stopped| *stopped) => None,
    };
    let Some(stream) = stream else { return };
    let service = service_fn(move |request| {
        let (served, client) = (served.clone(), client.clone());
        async move { Ok::<_, Infallible>(served.respond(&client, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(route::MAX_HEAD_BYTES)
        // Clients such as `nc -N` close their side after the request.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // What a client breaks is the client's affair.
    select! {
        _ = connection.as_mut() => return,
        () = sleep(CONNECTION_TIMEOUT) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_RESPONSE_TIMEOUT, connection).await;
}

#[cfg(test)]
mod tests;
