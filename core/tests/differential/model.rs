//! A model of the observations that a program records, as plain maps and vectors.
//!
//! The model has no rings, no lanes of fixed length, no totals file and no caches. It stores every
//! observation of every process, so it needs no retirement. `expected.rs` computes the lines of a
//! snapshot from this state.

use std::collections::{BTreeMap, BTreeSet};

use ictus::{OVERFLOW, catalog::Kind};

use super::{
    families::{FAMILIES, VERSIONS, values},
    program::{Step, Verb},
};

pub(crate) type Labels = Vec<String>;

#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Orders everything: begins of series, and observations.
    tick: u64,
    /// Oldest first.
    pub(crate) segments: Vec<Segment>,
    recorders: BTreeMap<(usize, usize), Recorder>,
    /// When the last recording step of each process began.
    marked: BTreeMap<usize, u64>,
    /// Processes of which a thread has ended, so that lanes have several threads.
    adopting: BTreeSet<usize>,
    pub(crate) has_adopted_lanes: bool,
    /// Parts that stay in the overflow series: segment, family and labels.
    pub(crate) pinned: BTreeSet<(usize, usize, Labels)>,
    /// Processes that cannot create files, and the registry that records there meanwhile.
    pub(crate) starved: BTreeMap<usize, usize>,
    /// The hidden segment that the reader sees, because it belongs to the reader's registry.
    view: Option<usize>,
}

/// The records of one registry of one process.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub(crate) lives: bool,
    /// Whether it is in memory, or its file was removed: only its registry sees it.
    hidden: bool,
    /// Versions of the options and of the help, by family.
    pub(crate) definitions: BTreeMap<usize, (usize, usize)>,
    pub(crate) parts: BTreeMap<(usize, Labels), Part>,
    /// Families that this ended segment defines, although its series were removed since.
    pub(crate) defines: BTreeSet<usize>,
    pub(crate) invalid: usize,
    pub(crate) removed: usize,
}

/// The part of a series that one segment has recorded.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) begun: u64,
    /// A counter's value or a gauge's state.
    pub(crate) value: f64,
    /// Stamps and values, by thread.
    pub(crate) lanes: BTreeMap<usize, Vec<(u64, f64)>>,
    /// The newest exemplar of each bucket of its definition: stamp, value and trace.
    pub(crate) exemplars: BTreeMap<usize, (u64, f64, String)>,
}

/// The registry of a process.
#[derive(Clone, Debug)]
struct Recorder {
    version: usize,
    segment: Option<usize>,
    /// Version of the help, by family.
    registered: BTreeMap<usize, usize>,
    /// Series that a look-up finds. Some have expired.
    indexed: BTreeSet<(usize, Labels)>,
    active: BTreeSet<(usize, Labels)>,
    handles: BTreeMap<(usize, usize), Handle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    Series,
    Overflow,
    Removed,
}

pub(crate) fn is_overflow(labels: &[String]) -> bool {
    labels.first().is_some_and(|label| label == OVERFLOW)
}

pub(crate) fn overflow(family: usize) -> Labels {
    vec![OVERFLOW.to_owned(); FAMILIES[family].labels.len()]
}

impl Model {
    /// Performs a step of a process that lives. Returns the answer of the process.
    pub(crate) fn step(&mut self, step: &Step) -> String {
        self.tick += 1;
        let at = (step.process, step.registry);
        match step.verb {
            _ if step.records() => return self.record(step),
            Verb::Remove => return self.remove(step),
            Verb::Expire => self.expire(step),
            Verb::EndThread => {
                self.adopting.insert(step.process);
                self.has_adopted_lanes = true;
            }
            Verb::Close => self.close(&[at], false),
            Verb::Exit | Verb::Kill | Verb::KillReading => {
                let ended: Vec<_> =
                    self.recorders.keys().copied().filter(|at| at.0 == step.process).collect();
                // What only the memory of a killed process held is lost.
                self.close(&ended, step.verb == Verb::Kill);
                self.starved.remove(&step.process);
                self.marked.remove(&step.process);
                self.adopting.remove(&step.process);
            }
            Verb::Fork => {
                let inherited = self.recorders.iter().filter(|(at, _)| at.0 == step.process);
                let child = |(at, recorder): (&(usize, usize), &Recorder)| {
                    ((step.thread, at.1), Recorder { segment: None, ..recorder.clone() })
                };
                let children: Vec<_> = inherited.map(child).collect();
                self.recorders.extend(children);
                if self.adopting.contains(&step.process) {
                    self.adopting.insert(step.thread);
                }
            }
            Verb::Clear => {
                self.pinned.clear();
                self.segments
                    .iter_mut()
                    .filter(|segment| !segment.lives)
                    .for_each(|ended| *ended = Segment::default());
            }
            Verb::Snapshot => _ = self.recorder(step),
            Verb::Starve => {
                self.recorder(step);
                self.starved.insert(step.process, step.registry);
            }
            Verb::Feed => _ = self.starved.remove(&step.process),
            _ => {}
        }
        String::new()
    }

    /// Removes the files of all segments. Their processes have not noticed it yet.
    pub(crate) fn unlink(&mut self) {
        self.segments.iter_mut().for_each(|segment| segment.hidden |= segment.lives);
    }

    /// Returns processes and registries whose segments are hidden, and can become visible: a starved
    /// process cannot.
    pub(crate) fn hidden(&self) -> Vec<(usize, usize)> {
        let hidden = self
            .recorders
            .iter()
            .filter(|(_, recorder)| recorder.segment.is_some_and(|segment| self.segments[segment].hidden));
        let hidden = hidden.map(|(at, _)| *at);
        hidden.filter(|(process, _)| !self.starved.contains_key(process)).collect()
    }

    /// Moves the records of a hidden segment to a file, as that of an ended process. The registry
    /// continues in another segment, which has its gauges.
    pub(crate) fn recover(&mut self, at: (usize, usize)) {
        let new = self.segments.len();
        let Some(recorder) = self.recorders.get_mut(&at) else { return };
        let Some(old) = recorder.segment.replace(new) else { return };
        self.tick += 1;
        let old = &mut self.segments[old];
        (old.hidden, old.lives) = (false, false);
        let is_gauge = |key: &(usize, Labels)| FAMILIES[key.0].kind == Kind::Gauge;
        let mut segment = Segment { lives: true, ..Segment::default() };
        for (key, part) in std::mem::take(&mut old.parts) {
            if is_gauge(&key) {
                segment.definitions.insert(key.0, old.definitions[&key.0]);
                segment.parts.insert(key, Part { begun: self.tick, ..part });
            } else {
                old.parts.insert(key, part);
            }
        }
        self.segments.push(segment);
    }

    /// Computes a value as a registry reads it, or as the readers of other processes do.
    pub(crate) fn seen_by<T>(&mut self, at: Option<(usize, usize)>, compute: impl FnOnce(&Model) -> T) -> T {
        self.view = at.and_then(|at| self.recorders.get(&at)?.segment);
        let computed = compute(self);
        self.view = None;
        computed
    }

    /// Returns the segments that the reader sees.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (usize, &Segment)> {
        self.segments
            .iter()
            .enumerate()
            .filter(|(number, segment)| !segment.hidden || self.view == Some(*number))
    }

    fn recorder(&mut self, step: &Step) -> &mut Recorder {
        self.recorders.entry((step.process, step.registry)).or_insert_with(|| Recorder {
            version: step.version,
            segment: None,
            registered: BTreeMap::new(),
            indexed: BTreeSet::new(),
            active: BTreeSet::new(),
            handles: BTreeMap::new(),
        })
    }

    /// Registers a family. Returns false if the registry has its name with another kind.
    fn register(&mut self, step: &Step) -> bool {
        let recorder = self.recorder(step);
        let family = &FAMILIES[step.family];
        let is_other = |other: &usize| {
            let other = &FAMILIES[*other];
            other.name == family.name && other.kind != family.kind
        };
        if recorder.registered.keys().any(is_other) {
            return false;
        }
        recorder.registered.entry(step.family).or_insert(step.version);
        if family.labels.is_empty() {
            self.look_up(step);
            self.part(step, Handle::Series);
        }
        true
    }

    fn look_up(&mut self, step: &Step) -> Handle {
        let recorder = self.recorder(step);
        let key = (step.family, values(step.family, step.series));
        if !recorder.indexed.contains(&key) && recorder.is_full(step.family) {
            return Handle::Overflow;
        }
        recorder.indexed.insert(key);
        Handle::Series
    }

    /// Returns the segment of a registry, which its first record creates.
    fn segment(&mut self, step: &Step) -> usize {
        let next = self.segments.len();
        let segment = *self.recorder(step).segment.get_or_insert(next);
        if segment == next {
            let hidden = self.starved.contains_key(&step.process);
            self.segments.push(Segment { lives: true, hidden, ..Segment::default() });
        }
        segment
    }

    /// Returns the part of a series to which a handle leads. Begins it if necessary.
    fn part(&mut self, step: &Step, handle: Handle) -> &mut Part {
        let (family, mut labels) = (step.family, values(step.family, step.series));
        let recorder = self.recorder(step);
        let key = (family, labels.clone());
        if handle == Handle::Overflow || !recorder.active.contains(&key) && recorder.is_full(family) {
            labels = overflow(family);
        } else {
            recorder.active.insert(key);
        }
        let definition = (recorder.version, recorder.registered[&family]);
        let (segment, tick) = (self.segment(step), self.tick);
        let segment = &mut self.segments[segment];
        segment.definitions.insert(family, definition);
        segment.parts.entry((family, labels)).or_insert_with(|| Part { begun: tick, ..Part::default() })
    }

    fn record(&mut self, step: &Step) -> String {
        let is_late = step.verb == Verb::Late && !self.adopting.contains(&step.process);
        let mark = self.marked.insert(step.process, self.tick).filter(|_| is_late);
        let key = (step.family, step.series);
        let existing = self.recorder(step).handles.get(&key).copied().filter(|_| step.uses_kept_handle());
        let handle = match existing {
            Some(handle) => handle,
            None if !self.register(step) => return "mismatch".to_owned(),
            None => {
                let handle = self.look_up(step);
                self.part(step, handle);
                handle
            }
        };
        match step.keeps_handle() {
            true => self.recorder(step).handles.insert(key, handle),
            false => self.recorder(step).handles.remove(&key),
        };
        let kind = FAMILIES[step.family].kind;
        let times = if step.verb == Verb::Request { 0 } else { step.times };
        for at in 0..times {
            if step.verb == Verb::Invalid || handle == Handle::Removed {
                let segment = self.segment(step);
                let segment = &mut self.segments[segment];
                let count =
                    if step.verb == Verb::Invalid { &mut segment.invalid } else { &mut segment.removed };
                *count += 1;
                continue;
            }
            self.tick += 1;
            let (stamp, amount) = (mark.unwrap_or(self.tick), f64::from(step.amount + at as i32) / 8.0);
            let bounds = VERSIONS[self.recorder(step).version].bounds.unwrap_or_default();
            let part = self.part(step, handle);
            match kind {
                Kind::Gauge if times == 1 => part.value = amount,
                Kind::Gauge | Kind::Counter => part.value += amount,
                _ => {
                    let lane = part.lanes.entry(step.thread).or_default();
                    let last = lane.last().map_or(0, |last| last.0);
                    lane.push((stamp.max(last), amount));
                    if step.verb == Verb::Exemplar {
                        let bucket = bounds.partition_point(|bound| *bound < amount);
                        part.exemplars.insert(bucket, (stamp, amount, step.trace(at)));
                    }
                }
            }
        }
        "recorded".to_owned()
    }

    fn remove(&mut self, step: &Step) -> String {
        if !self.register(step) {
            return "mismatch".to_owned();
        }
        let key = (step.family, values(step.family, step.series));
        self.pin(step.family);
        let dropped = self.drop_ended(step.family, &|labels| labels == key.1);
        let own = self.recorder(step).segment;
        let is_over = own.is_some_and(|own| self.pinned.contains(&(own, key.0, key.1.clone())));
        let recorder = self.recorder(step);
        let mut was_present = false;
        if !is_over {
            if recorder.indexed.remove(&key) {
                for (of, handle) in &mut recorder.handles {
                    if of.0 == key.0 && values(of.0, of.1) == key.1 && *handle == Handle::Series {
                        *handle = Handle::Removed;
                    }
                }
            }
            was_present = recorder.active.remove(&key);
            own.into_iter().for_each(|own| _ = self.segments[own].parts.remove(&key));
        }
        (was_present || dropped).to_string()
    }

    /// Every series that is shown is idle.
    fn expire(&mut self, step: &Step) {
        self.recorder(step);
        for family in 0..FAMILIES.len() {
            let shown: BTreeSet<Labels> =
                self.shown(family).into_keys().filter(|labels| !is_overflow(labels)).collect();
            if shown.is_empty() {
                continue;
            }
            self.pin(family);
            self.drop_ended(family, &|labels| !is_overflow(labels));
            let pinned = self.pinned.clone();
            let recorder = self.recorder(step);
            let own = recorder.segment;
            let is_idle = |labels: &Labels| {
                let is_over = |own| pinned.contains(&(own, family, labels.clone()));
                shown.contains(labels) && !own.is_some_and(is_over)
            };
            recorder.active.retain(|(of, labels)| *of != family || !is_idle(labels));
            let has_handle = |labels: &Labels| {
                let mut handles = recorder.handles.iter();
                handles.any(|(key, handle)| {
                    key.0 == family && *handle == Handle::Series && values(family, key.1) == *labels
                })
            };
            let active = &recorder.active;
            recorder.indexed.retain(|key| key.0 != family || active.contains(key) || has_handle(&key.1));
            if let Some(own) = own {
                let parts = &mut self.segments[own].parts;
                parts.retain(|(of, labels), _| *of != family || is_overflow(labels) || !is_idle(labels));
            }
        }
    }

    /// Records which parts are in the overflow series of a family, before a removal.
    fn pin(&mut self, family: usize) {
        let over: Vec<_> = self.placed(family).into_iter().filter(|(_, _, placed)| !placed).collect();
        self.pinned.extend(over.into_iter().map(|(segment, labels, _)| (segment, family, labels)));
    }

    /// Drops series of ended processes. Returns whether there was one.
    fn drop_ended(&mut self, family: usize, gone: &dyn Fn(&[String]) -> bool) -> bool {
        let placed = self
            .placed(family)
            .into_iter()
            .filter(|(segment, labels, placed)| *placed && !self.segments[*segment].lives && gone(labels));
        let dropped: Vec<_> = placed.collect();
        for (segment, labels, _) in &dropped {
            let segment = &mut self.segments[*segment];
            segment.parts.remove(&(family, labels.clone()));
            segment.defines.insert(family);
        }
        let mut ended = self.segments.iter().filter(|segment| !segment.lives);
        if !ended.any(|segment| segment.parts.keys().any(|key| key.0 == family)) {
            self.segments.iter_mut().for_each(|segment| _ = segment.defines.remove(&family));
        }
        !dropped.is_empty()
    }

    fn close(&mut self, ended: &[(usize, usize)], is_kill: bool) {
        for at in ended {
            let Some(segment) = self.recorders.remove(at).and_then(|recorder| recorder.segment) else {
                continue;
            };
            let segment = &mut self.segments[segment];
            if segment.hidden && is_kill {
                *segment = Segment::default();
            }
            (segment.lives, segment.hidden) = (false, false);
            segment.parts.retain(|key, _| FAMILIES[key.0].kind != Kind::Gauge);
        }
    }
}

impl Recorder {
    fn is_full(&self, family: usize) -> bool {
        self.active.iter().filter(|key| key.0 == family).count() >= VERSIONS[self.version].max_series
    }
}
