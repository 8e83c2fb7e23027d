//! Merging of metrics that programs define with `prometheus_client`. Only Python can merge their
//! files.
//!
//! Sinks request the merged families from their own threads, which never touch Python. The thread
//! that started the sinks runs Python anyway: it waits for these requests and answers them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use ictus::{
    host::{Descriptor, LoggedCauses},
    surface::{ShownFamily, ShownType},
};
use ictus_exporter::command::Merge;
use pyo3::{exceptions::PyException, prelude::*};

/// Inverse of the largest share of time that merging may take. A merged result stays valid for this
/// many times as long as its merge took.
const VALIDITY_FACTOR: u32 = 10;
/// Time for which a sink waits for an answer: half of Prometheus's default scrape timeout. After it
/// the sink uses the last merged families.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of distinct causes that are logged, which bounds memory.
const MAX_CAUSES: usize = 32;

type Families = Arc<[ShownFamily]>;
type MergeRequest = (PathBuf, SyncSender<Families>);

/// A family as Python passes it: name, help, type, samples.
type ClientFamily = (String, String, String, Vec<(String, BTreeMap<String, String>, f64)>);

/// The queue of merge requests, owned by the thread that runs Python.
pub(crate) struct MergeQueue {
    requests: Receiver<MergeRequest>,
    /// The sender of the request that is being answered.
    requester: Option<SyncSender<Families>>,
    requested_at: Instant,
    last: Arc<Mutex<Families>>,
    valid_until: Instant,
    logged: LoggedCauses,
}

impl MergeQueue {
    /// Returns a queue and the function by which any thread sends it a request. Each request writes
    /// a byte to `wake`, if there is a pipe. Without an answer in time, the function returns the
    /// last merged families.
    pub(crate) fn new(wake: Option<Descriptor>) -> (MergeQueue, Merge) {
        let (sender, requests) = mpsc::channel::<MergeRequest>();
        let last = Arc::<Mutex<Families>>::default();
        let merge = {
            let last = last.clone();
            move |directory: &Path| {
                let (response, received) = mpsc::sync_channel(1);
                let sent = sender.send((directory.to_owned(), response)).ok();
                if let (Some(()), Some(wake)) = (sent, wake.as_ref())
                    && let Ok(wake) = wake.get().and_then(|wake| wake.try_clone_to_owned())
                {
                    // If the pipe has no reader any more, no answer will come either.
                    let _ = File::from(wake).write(&[0]);
                }
                sent.and_then(|()| received.recv_timeout(RESPONSE_TIMEOUT).ok())
                    .unwrap_or_else(|| last_families(&last))
            }
        };
        let now = Instant::now();
        let logged = LoggedCauses::new(MAX_CAUSES);
        let queue =
            MergeQueue { requests, requester: None, requested_at: now, last, valid_until: now, logged };
        (queue, Arc::new(merge))
    }

    /// Waits up to `timeout` for a request and answers it with the result of `function`. Returns
    /// false once no sender is left.
    ///
    /// # Errors
    ///
    /// Returns an exception of `function` that is not an `Exception`, such as one that a signal
    /// handler raised.
    pub(crate) fn poll(&mut self, function: &Bound<'_, PyAny>, timeout: Duration) -> PyResult<bool> {
        let requests = &mut self.requests;
        match function.py().detach(move || requests.recv_timeout(timeout)) {
            Ok(request) => {
                let directory = self.accept(request);
                if self.respond_from_last() {
                    return Ok(true);
                }
                match function.call1((directory,)) {
                    Ok(families) => self.respond(Some(&families))?,
                    // A file that is being created may be the cause; the last families stay.
                    Err(failed) if failed.is_instance_of::<PyException>(function.py()) => {
                        self.log_once(&format!("metrics of prometheus_client cannot be merged: {failed}"));
                        self.respond(None)?;
                    }
                    Err(raised) => {
                        self.respond(None)?;
                        return Err(raised);
                    }
                }
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(true),
            Err(RecvTimeoutError::Disconnected) => Ok(false),
        }
    }

    /// Takes the next waiting request, if any, and returns the directory that it is about.
    pub(crate) fn next(&mut self) -> Option<PathBuf> {
        self.requests.try_recv().ok().map(|request| self.accept(request))
    }

    /// Answers the request with the last merged families if they are still valid. Returns whether
    /// they are.
    pub(crate) fn respond_from_last(&mut self) -> bool {
        let is_valid = Instant::now() < self.valid_until;
        if is_valid {
            self.send_last();
        }
        is_valid
    }

    /// Answers the request with `families`, or with the last merged ones if there are none.
    /// The same happens for families of an unexpected shape, and returns an error.
    pub(crate) fn respond(&mut self, families: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let parsed = families.map(|families| self.parse_families(families)).transpose();
        self.valid_until = Instant::now() + self.requested_at.elapsed() * VALIDITY_FACTOR;
        if let Ok(Some(families)) = &parsed {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = families.clone();
        }
        self.send_last();
        parsed.map(|_| ())
    }

    fn accept(&mut self, (directory, requester): MergeRequest) -> PathBuf {
        self.requester = Some(requester);
        self.requested_at = Instant::now();
        directory
    }

    fn send_last(&mut self) {
        if let Some(requester) = self.requester.take() {
            // The requester may have stopped waiting.
            let _ = requester.send(last_families(&self.last));
        }
    }

    fn parse_families(&mut self, families: &Bound<'_, PyAny>) -> PyResult<Families> {
        let given: Vec<ClientFamily> = families.extract()?;
        let mut families = Vec::with_capacity(given.len());
        for family in given {
            match metric_family(&family) {
                Ok(family) => families.push(family),
                Err(why) => self.log_once(&format!("the metric family {:?} is not shown: {why}", family.0)),
            }
        }
        Ok(families.into())
    }

    /// Logs each cause once.
    fn log_once(&self, text: &str) {
        if self.logged.is_new(text) {
            ::log::warn!(target: "ictus", "{text}");
        }
    }
}

fn last_families(last: &Mutex<Families>) -> Families {
    last.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn metric_family((name, help, kind, samples): &ClientFamily) -> Result<ShownFamily, String> {
    let types = [ShownType::Counter, ShownType::Gauge, ShownType::Summary, ShownType::Histogram];
    let shown_type = types.into_iter().find(|shown_type| shown_type.as_str() == kind);
    let samples = samples.iter().map(|(name, labels, value)| {
        let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        (name.clone(), labels, *value)
    });
    let shown_type =
        shown_type.ok_or("its type is not supported; use a counter, gauge, summary or histogram")?;
    ShownFamily::external(name, help, shown_type, samples).map_err(|error| error.to_string())
}
