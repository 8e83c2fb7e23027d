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
const SHARE: u32 = 10;
/// Time for which a sink waits for an answer: half of Prometheus's default scrape timeout. After it
/// the sink uses the last merged families.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of distinct causes that are logged, which bounds memory.
const MAX_CAUSES: usize = 32;

type Families = Arc<[ShownFamily]>;
type MergeRequest = (PathBuf, SyncSender<Families>);

/// A family as Python passes it: name, help, type, samples.
type ClientFamily = (String, String, String, Vec<(String, BTreeMap<String, String>, f64)>);

/// The queue of merge requests, owned by the thread that runs Python.
pub(crate) struct MergeQueue {
    questions: Receiver<MergeRequest>,
    /// The sender of the request that is being answered.
    asker: Option<SyncSender<Families>>,
    asked_at: Instant,
    last: Arc<Mutex<Families>>,
    good_until: Instant,
    logged: LoggedCauses,
}

impl MergeQueue {
    /// Returns a queue and the function by which any thread sends it a request. Each request writes
    /// a byte to `wake`, if there is a pipe. Without an answer in time, the function returns the
    /// last merged families.
    pub(crate) fn new(wake: Option<Descriptor>) -> (MergeQueue, Merge) {
        let (ask, questions) = mpsc::channel::<MergeRequest>();
        let last = Arc::<Mutex<Families>>::default();
        let merge = {
            let last = last.clone();
            move |directory: &Path| {
                let (answer, answered) = mpsc::sync_channel(1);
                let asked = ask.send((directory.to_owned(), answer)).ok();
                if let (Some(()), Some(wake)) = (asked, wake.as_ref())
                    && let Ok(wake) = wake.get().and_then(|wake| wake.try_clone_to_owned())
                {
                    // If the pipe has no reader any more, no answer will come either.
                    let _ = File::from(wake).write(&[0]);
                }
                asked.and_then(|()| answered.recv_timeout(WAIT_TIMEOUT).ok()).unwrap_or_else(|| get(&last))
            }
        };
        let now = Instant::now();
        let logged = LoggedCauses::new(MAX_CAUSES);
        let queue = MergeQueue { questions, asker: None, asked_at: now, last, good_until: now, logged };
        (queue, Arc::new(merge))
    }

    /// Waits up to `patience` for a request and answers it with the result of `function`. Returns
    /// false once no sender is left.
    ///
    /// # Errors
    ///
    /// Returns an exception of `function` that is not an `Exception`, such as one that a signal
    /// handler raised.
    pub(crate) fn attend(&mut self, function: &Bound<'_, PyAny>, patience: Duration) -> PyResult<bool> {
        let questions = &mut self.questions;
        match function.py().detach(move || questions.recv_timeout(patience)) {
            Ok(question) => {
                let directory = self.begin(question);
                if self.answer_from_last() {
                    return Ok(true);
                }
                match function.call1((directory,)) {
                    Ok(families) => self.answer(Some(&families))?,
                    // A file that is being created may be the cause; the last families stay.
                    Err(failed) if failed.is_instance_of::<PyException>(function.py()) => {
                        self.log_once(&format!("metrics of prometheus_client cannot be merged: {failed}"));
                        self.answer(None)?;
                    }
                    Err(raised) => {
                        self.answer(None)?;
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
        self.questions.try_recv().ok().map(|question| self.begin(question))
    }

    /// Answers the request with the last merged families if they are still valid. Returns whether
    /// they are.
    pub(crate) fn answer_from_last(&mut self) -> bool {
        let is_good = Instant::now() < self.good_until;
        if is_good {
            self.send();
        }
        is_good
    }

    /// Answers the request with `families`, or with the last merged ones if there are none.
    /// Families of an unexpected shape are answered in the same way and return an error.
    pub(crate) fn answer(&mut self, families: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let merged = families.map(|families| self.merged(families)).transpose();
        self.good_until = Instant::now() + self.asked_at.elapsed() * SHARE;
        if let Ok(Some(families)) = &merged {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = families.clone();
        }
        self.send();
        merged.map(|_| ())
    }

    fn begin(&mut self, (directory, asker): MergeRequest) -> PathBuf {
        self.asker = Some(asker);
        self.asked_at = Instant::now();
        directory
    }

    fn send(&mut self) {
        if let Some(asker) = self.asker.take() {
            // The requester may have stopped waiting.
            let _ = asker.send(get(&self.last));
        }
    }

    fn merged(&mut self, families: &Bound<'_, PyAny>) -> PyResult<Families> {
        let given: Vec<ClientFamily> = families.extract()?;
        let mut families = Vec::with_capacity(given.len());
        for family in given {
            match shown(&family) {
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

fn get(last: &Mutex<Families>) -> Families {
    last.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn shown((name, help, kind, samples): &ClientFamily) -> Result<ShownFamily, &'static str> {
    let types = [ShownType::Counter, ShownType::Gauge, ShownType::Summary, ShownType::Histogram];
    let known = types.into_iter().find(|known| known.as_str() == kind);
    let samples = samples.iter().map(|(name, labels, value)| {
        let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        (name.clone(), labels, *value)
    });
    ShownFamily::foreign(name, help, known.ok_or("its type is not known here")?, samples)
}
