//! Metrics that programs defined themselves with `prometheus_client`: only Python can merge their files.
//!
//! Sinks ask for them from threads of their own, which never touch Python. The thread that started the
//! sinks is in Python anyway: it waits for their questions and answers them.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use ictus::surface::{ShownFamily, ShownType};
use ictus_exporter::command::Merge;
use pyo3::{exceptions::PyException, prelude::*};

/// Merging takes at most one part in so many of the time: what was merged stays good for so many times as
/// long as it took.
const SHARE: u32 = 10;
/// Sinks wait no longer than that, half of Prometheus's own patience, and then go on with what was merged last.
const PATIENCE: Duration = Duration::from_secs(5);
/// Causes that are told apart, so that memory stays bounded.
const MOST_SAID: usize = 32;

type Families = Arc<[ShownFamily]>;
type Question = (PathBuf, SyncSender<Families>);

/// A family as Python gives it: name, help, type, samples.
type Given = (String, String, String, Vec<(String, BTreeMap<String, String>, f64)>);

/// Where questions arrive, in the thread that is in Python.
pub(crate) struct Desk<'py> {
    /// Gives the families in a metrics directory.
    function: Bound<'py, PyAny>,
    questions: Receiver<Question>,
    last: Arc<Mutex<Families>>,
    good_until: Instant,
    said: HashSet<String>,
}

impl<'py> Desk<'py> {
    /// A desk, and how any thread asks there. Where nobody answers, that is as the last answer was.
    pub(crate) fn new(function: Bound<'py, PyAny>) -> (Desk<'py>, Merge) {
        let (ask, questions) = mpsc::channel::<Question>();
        let last = Arc::<Mutex<Families>>::default();
        let merge = {
            let last = last.clone();
            move |directory: &Path| {
                let (answer, answered) = mpsc::sync_channel(1);
                let asked = ask.send((directory.to_owned(), answer)).ok();
                asked.and_then(|()| answered.recv_timeout(PATIENCE).ok()).unwrap_or_else(|| get(&last))
            }
        };
        let (good_until, said) = (Instant::now(), HashSet::new());
        (Desk { function, questions, last, good_until, said }, Arc::new(merge))
    }

    /// Waits so long for a question, and answers it. False where nobody is left who could ask.
    ///
    /// Fails where the function raised what is no failure of its own: a signal's handler ran in it.
    pub(crate) fn attend(&mut self, py: Python<'_>, patience: Duration) -> PyResult<bool> {
        let questions = &mut self.questions;
        match py.detach(move || questions.recv_timeout(patience)) {
            Ok((directory, answer)) => {
                let raised = self.look(py, &directory);
                // Who asked may have gone.
                let _ = answer.send(get(&self.last));
                raised.map(|()| true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(true),
            Err(RecvTimeoutError::Disconnected) => Ok(false),
        }
    }

    fn look(&mut self, py: Python<'_>, directory: &Path) -> PyResult<()> {
        let begun = Instant::now();
        if begun < self.good_until {
            return Ok(());
        }
        match self.merged(directory) {
            Ok(families) => *self.last.lock().unwrap_or_else(PoisonError::into_inner) = families,
            // A file in the making may cause it: the last families stay.
            Err(failed) if failed.is_instance_of::<PyException>(py) => {
                self.say(format!("metrics of prometheus_client cannot be merged: {failed}"));
            }
            Err(raised) => return Err(raised),
        }
        self.good_until = Instant::now() + begun.elapsed() * SHARE;
        Ok(())
    }

    fn merged(&mut self, directory: &Path) -> PyResult<Families> {
        let given: Vec<Given> = self.function.call1((directory,))?.extract()?;
        let mut families = Vec::with_capacity(given.len());
        for family in given {
            match shown(&family) {
                Ok(family) => families.push(family),
                Err(why) => self.say(format!("the metric family {:?} is not shown: {why}", family.0)),
            }
        }
        Ok(families.into())
    }

    /// Each cause once.
    fn say(&mut self, text: String) {
        if self.said.len() < MOST_SAID && !self.said.contains(&text) {
            ::log::warn!(target: "ictus", "{text}");
            self.said.insert(text);
        }
    }
}

fn get(last: &Mutex<Families>) -> Families {
    last.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn shown((name, help, kind, samples): &Given) -> Result<ShownFamily, &'static str> {
    let types = [ShownType::Counter, ShownType::Gauge, ShownType::Summary, ShownType::Histogram];
    let known = types.into_iter().find(|known| known.as_str() == kind);
    let samples = samples.iter().map(|(name, labels, value)| {
        let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        (name.clone(), labels, *value)
    });
    ShownFamily::foreign(name, help, known.ok_or("its type is not known here")?, samples)
}
