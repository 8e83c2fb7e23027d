//! Server: the listening socket, its thread, its connections and their limits.
//!
//! One thread accepts connections and serves them; blocking threads take the snapshots. Each
//! connection has a timeout for the head of a request, for a response that its client does not read,
//! and for its whole life.
//!
//! The host may close the server's descriptors, or fork. Then the server stops, or remains in the
//! parent only; it never writes to, or closes, a descriptor number that the host has reused.

use std::{
    convert::Infallible,
    fs::File,
    future::pending,
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
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
    connection_policy::{AllowAll, ConnectionPolicy},
    hosts::Hosts,
    listener::{ByteStream, Listener},
    route,
    security::Security,
    slots::{Admission, MAX_CONNECTIONS, Peer, Progress, Slots},
    timed::Timed,
    turns::Turns,
};
use crate::{
    error::{Error, Result},
    error_log::ErrorLog,
    source::Source,
};

const THREAD: &str = "ictus-http";
/// Scrapes share snapshots, so additional threads would only wait.
const MAX_SNAPSHOT_THREADS: usize = 4;
/// Timeout from the end of one response to the end of the next request's head. It differs from usual
/// scrape intervals, so that a kept connection is not closed just when the next request arrives.
const HEAD_TIMEOUT: Duration = Duration::from_secs(7);
/// Lifetime of a connection. Then the connection may finish its current response, and nothing more:
/// a client that does not read its response would occupy its place forever.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(63);
const LAST_RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for responses in progress when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// Delay after a failed accept. Without it, running out of descriptors would cause a busy loop.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Interval at which the thread checks that its socket is open. If the host has closed the socket,
/// waiting for connections never wakes the thread.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Logged when connections are closed in exchange for new ones.
const CROWDED: &str = "too many clients are connected, from one address or in total: idle connections are closed for \
    new ones; check for scrapers that do not close their connections";

/// A running endpoint; stops when dropped.
///
/// In a forked child, stopping, waiting and dropping do nothing: the endpoint continues in the
/// parent, and the child has closed its copies of the sockets.
///
/// ```
/// use ictus::Registry;
/// use ictus_exporter::{Source, http::{ListenAddress, Server}};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "Jobs.", &[])?.labels(&[])?.inc();
/// let server = Server::start(Source::from_registry(registry), "127.0.0.1:0".parse::<ListenAddress>()?)?;
/// println!("http://{}/metrics", server.address());
/// server.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the endpoint stops when this is dropped"]
pub struct Server {
    address: BoundAddress,
    /// The process that serves, as [`host::generation`] numbers it.
    generation: u32,
    running: Arc<RunningServer>,
}

#[derive(Debug)]
struct RunningServer {
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    listening: Weak<Descriptor>,
    /// Whether it is logged that the host has closed the descriptors.
    is_abandoned: Arc<AtomicBool>,
}

impl Server {
    /// Starts serving a source on a thread named `ictus-http`. The address is bound when this
    /// function returns.
    ///
    /// The file of a unix socket has mode 0660 and is removed when the server stops. Its group is
    /// that of the process, or that of the directory if the directory passes its group on
    /// (`chmod g+s`). A file that a killed server left is replaced.
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
    /// [`Error::Bind`] if the address cannot be bound, [`Error::Start`] if the system cannot create
    /// the thread.
    pub fn start(source: Source, listen: ListenAddress) -> Result<Server> {
        Server::start_guarded(source, listen, Arc::new(AllowAll))
    }

    /// Starts serving as [`Server::start`], with TLS, authentication, or both.
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
                        "the endpoint at {address} requires tokens or passwords without TLS, so that clients send them \
                         in clear text: configure a certificate, or listen on 127.0.0.1 behind a proxy"
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
        let is_abandoned = Arc::new(AtomicBool::new(false));
        let runtime = runtime(Arc::clone(&socket), Arc::clone(&is_abandoned)).map_err(Error::Start)?;
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
        let running = RunningServer { stop, thread: Mutex::new(Some(thread)), listening, is_abandoned };
        Ok(Server { address, generation, running: Arc::new(running) })
    }

    /// Returns the bound address, with the actual port if port 0 was requested.
    #[must_use]
    pub fn address(&self) -> &BoundAddress {
        &self.address
    }

    /// Closes the socket, gives responses in progress one second to finish, and returns when all
    /// connections are closed. A second call does nothing.
    pub fn stop(&self) {
        if !self.is_of_this_process() {
            return;
        }
        if self.is_closed_by_host() {
            // The thread cannot be woken: the descriptor number used to wake it may belong to a file
            // of the host by now.
            log_abandoned(&self.address, &self.running.is_abandoned);
            return;
        }
        self.running.stop.send_replace(true);
        self.wait();
    }

    /// Blocks until the server has stopped. Another thread stops it with [`Server::stop`].
    pub fn wait(&self) {
        if !self.is_of_this_process() || self.is_closed_by_host() {
            return;
        }
        // Held while joining, so that all waiting threads return only after the server's thread has
        // ended.
        let mut thread = self.running.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // The thread itself has reported a panic.
            let _ = thread.join();
        }
    }

    /// Returns whether the host has closed the listening socket while the thread runs.
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
            // Never dropped. After a fork, another thread of the parent may have held any of its
            // locks. After the host closed the descriptors, dropping the channel's sender would wake
            // a thread through a number that belongs to the host by now.
            mem::forget(self.running.clone());
        }
    }
}

/// Creates a runtime for one thread, whose descriptors are not those of standard input, output and
/// error.
fn runtime(
    socket: Arc<OnceLock<(BoundAddress, Weak<Descriptor>)>>,
    is_abandoned: Arc<AtomicBool>,
) -> io::Result<Runtime> {
    // Runs each time before the runtime uses its own descriptors, which cannot be distinguished from
    // those of the host.
    let check = move || {
        if let Some((address, descriptor)) = socket.get()
            && descriptor.upgrade().is_some_and(|descriptor| descriptor.get().is_err())
        {
            abandon(address, &is_abandoned);
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

/// Ends a server whose descriptors the host has closed. Nothing of it may be dropped or woken: it
/// would write to numbers that may belong to the host's files by now, and close them. Therefore its
/// thread stays parked forever.
fn abandon(address: &BoundAddress, is_abandoned: &AtomicBool) -> ! {
    log_abandoned(address, is_abandoned);
    loop {
        thread::park();
    }
}

/// Logs once that the host has closed the descriptors of a server.
fn log_abandoned(address: &BoundAddress, is_abandoned: &AtomicBool) {
    if !is_abandoned.swap(true, Relaxed) {
        log::error!(
            "the endpoint at {address} has ended: the program closed its descriptors; start it again"
        );
    }
}

/// Occupies the descriptor numbers 0, 1 and 2 if the host has closed them.
fn standard_numbers() -> io::Result<Vec<OwnedFd>> {
    let mut files = Vec::new();
    loop {
        let file: OwnedFd = File::open("/dev/null")?.into();
        if file.as_raw_fd() > 2 {
            return Ok(files);
        }
        files.push(file);
    }
}

/// The main function of the endpoint's thread.
fn run(runtime: Runtime, listener: Listener, served: ServerContext, stopped: watch::Receiver<bool>) {
    // Spawned as a task, which this thread can wake without a descriptor.
    let serving = runtime.spawn(serve(listener, served, stopped));
    let serving = AssertUnwindSafe(|| runtime.block_on(serving));
    match panic::catch_unwind(serving) {
        // A snapshot that hangs must not block the stop.
        Ok(_) => runtime.shutdown_timeout(STOP_TIMEOUT),
        // tokio panics if its own descriptors were closed.
        Err(_) => {
            log::error!("an endpoint has ended: the program closed its descriptors; start it again");
            // Dropping the runtime would close numbers that may belong to the host's files by now.
            mem::forget(runtime);
        }
    }
}

/// The state that all connections share.
#[derive(Clone)]
struct ServerContext {
    source: Source,
    guard: Arc<dyn ConnectionPolicy>,
    hosts: Arc<Hosts>,
    budget: Budget,
    turns: Turns,
    errors: Arc<ErrorLog>,
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
            errors: Arc::default(),
        }
    }

    /// Establishes the stream as the policy requires; `None` if the client fails or exceeds the
    /// timeout.
    async fn accept(&self, stream: Box<dyn ByteStream>) -> Option<Box<dyn ByteStream>> {
        timeout(HEAD_TIMEOUT, self.guard.accept(stream)).await.ok().flatten()
    }

    async fn respond<B>(&self, client: &Client, request: Request<B>) -> Response<Full<Bytes>> {
        let _answering = client.progress.answering();
        if let Some(refused) = self.hosts.refuse(request.version(), request.uri(), request.headers()) {
            return refused.map(Full::new);
        }
        match self.guard.refusal_of(client.peer, request.uri(), request.headers()).await {
            Some(refused) => refused.map(Full::new),
            None => {
                let (account, turn) = (self.budget.account(client.peer), self.turns.wait(client.peer));
                route::respond(self.source.clone(), account, turn, &self.errors, &request).await
            }
        }
    }
}

/// Accepts connections until the server stops.
async fn serve(listener: Listener, served: ServerContext, mut stopped: watch::Receiver<bool>) {
    let accepting = ErrorLog::default();
    let mut connections = JoinSet::new();
    let (start, slots) = (Instant::now(), Slots::default());
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            // Before waiting for the next connection, the thread notices a closed socket.
            () = sleep(CHECK_INTERVAL) => continue,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                while connections.try_join_next().is_some() {}
                let client = Client { peer, progress: Arc::new(Progress::new(start)) };
                let slot = match slots.admit(peer, &client.progress) {
                    Admission::Free(slot) => {
                        if slots.len() < MAX_CONNECTIONS / 4 {
                            accepting.recovered(&"connections are accepted again");
                        }
                        slot
                    }
                    Admission::Exchanged(slot) => {
                        accepting.failed(&CROWDED);
                        slot
                    }
                    Admission::Refused => {
                        accepting.failed(&CROWDED);
                        continue;
                    }
                };
                let (id, connection) =
                    (slot.id(), serve_connection(stream, client, served.clone(), stopped.clone()));
                let abort = connections.spawn(async move {
                    let _slot = slot;
                    connection.await;
                });
                slots.served_by(id, abort);
            }
            Err(_) if listener.is_closed() => pending().await,
            Err(error) => {
                accepting.failed(&format_args!(
                    "cannot accept a connection: {error}; check the limit of open files of this process (`ulimit -n`)"
                ));
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(STOP_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await;
}

/// Serves one connection until the client closes it, its timeout expires, or the server stops.
async fn serve_connection(
    stream: Box<dyn ByteStream>,
    client: Client,
    served: ServerContext,
    mut stopped: watch::Receiver<bool>,
) {
    let stream = Box::new(Timed::new(stream, client.progress.clone()));
    let stream = select! {
        stream = served.accept(stream) => stream,
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
    // Errors of a connection concern its client only and are ignored.
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
