//! A process of a program: obeys steps that it reads from the test's socket.

use std::{
    cell::RefCell,
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    mem,
    os::unix::net::UnixStream,
    process,
    sync::mpsc,
    thread,
    time::Duration,
};

use ictus::{Counter, Family, Gauge, LocalTimer, Registry, Stamp, Timer, catalog::Kind};

use super::{
    families::{FAMILIES, VERSIONS, help, values},
    lines::lines,
    program::{Step, Verb},
};

/// The path of the socket; set only in processes that the test starts.
pub(crate) const SOCKET: &str = "ICTUS_TEST_SOCKET";
/// The metrics directory.
pub(crate) const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";
/// The end of an answer.
pub(crate) const END: &str = ".";

#[derive(Clone)]
enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    Timer(Timer),
}

enum AnyFamily {
    Counter(Family<Counter>),
    Gauge(Family<Gauge>),
    Timer(Family<Timer>),
}

/// Registry, family and series.
type Key = (usize, usize, usize);

thread_local! {
    /// The timers of this thread, each of the handle that the process keeps for the series.
    static LOCAL: RefCell<HashMap<Key, LocalTimer>> = RefCell::default();
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one job at a time.
struct WorkerThread {
    jobs: mpsc::Sender<Job>,
    done: mpsc::Receiver<()>,
    thread: thread::JoinHandle<()>,
}

#[derive(Default)]
struct Worker {
    registries: HashMap<usize, Registry>,
    handles: HashMap<Key, Handle>,
    threads: HashMap<usize, WorkerThread>,
    /// When the previous recording step began.
    marked: Option<Stamp>,
    /// Whether a thread has ended. The next one adopts lanes with newer timestamps than `marked`.
    has_adopted: bool,
}

/// Runs only in a process that the test started.
#[test]
fn worker() {
    let Some(path) = env::var_os(SOCKET) else { return };
    let connect = || UnixStream::connect(&path).unwrap();
    let (mut worker, mut stream) = (Worker::default(), connect());
    loop {
        // The forked child has its own connection, and reads nothing that its parent has read ahead.
        let mut requests = BufReader::new(stream.try_clone().unwrap()).lines();
        answer(&mut stream, &process::id().to_string());
        let is_child = loop {
            let Some(Ok(line)) = requests.next() else { process::exit(1) };
            let step: Step = line.parse().unwrap();
            if step.verb == Verb::Fork {
                // The child would keep the handles of threads that it does not have.
                worker.drop_local(|_| true);
                // SAFETY: the test's threads wait for jobs and hold no lock.
                if unsafe { libc::fork() } == 0 {
                    break true;
                }
                answer(&mut stream, "");
            } else {
                let text = worker.obey(&step);
                answer(&mut stream, &text);
            }
        };
        if is_child {
            stream = connect();
            // The threads exist only in the parent.
            mem::forget(mem::take(&mut worker.threads));
            worker.marked = None;
        }
    }
}

fn answer(stream: &mut UnixStream, text: &str) {
    stream.write_all(format!("{text}\n{END}\n").as_bytes()).unwrap();
}

impl Worker {
    fn obey(&mut self, step: &Step) -> String {
        match step.verb {
            _ if step.records() => self.record(step),
            Verb::Remove => self.remove(step),
            Verb::Expire => self.expire(step),
            Verb::EndThread => {
                self.has_adopted = true;
                self.threads.remove(&step.thread).into_iter().for_each(WorkerThread::end);
                String::new()
            }
            Verb::Close => {
                self.handles.retain(|&(registry, ..), _| registry != step.registry);
                let registry = step.registry;
                self.drop_local(move |key| key.0 == registry);
                self.registries.remove(&step.registry);
                String::new()
            }
            Verb::Exit => process::exit(0),
            Verb::KillReading => loop {
                drop(ictus::Reader::new(env::var_os(DIRECTORY).unwrap()).snapshot());
            },
            Verb::Snapshot => {
                let snapshot = self.registry(step).snapshot().unwrap();
                lines(&snapshot).iter().map(|(name, value)| format!("{name}\t{value}\n")).collect()
            }
            Verb::Starve => {
                self.registry(step);
                let limit = if step.forbids_writing() { libc::RLIMIT_FSIZE } else { libc::RLIMIT_NOFILE };
                set_limit(limit, Some(0));
                String::new()
            }
            Verb::Feed => {
                set_limit(libc::RLIMIT_FSIZE, None);
                set_limit(libc::RLIMIT_NOFILE, None);
                String::new()
            }
            _ => unreachable!("{step}"),
        }
    }

    fn registry(&mut self, step: &Step) -> &Registry {
        self.registries.entry(step.registry).or_insert_with(|| {
            let directory = env::var_os(DIRECTORY).unwrap();
            Registry::open_with(directory, VERSIONS[step.version].options()).unwrap()
        })
    }

    /// Registers the family of a step.
    fn family(&mut self, step: &Step) -> Result<AnyFamily, ictus::Error> {
        let family = &FAMILIES[step.family];
        let labels = turned(family.labels.to_vec(), step);
        let (name, help) = (family.name, help(step.version));
        let registry = self.registry(step);
        Ok(match family.kind {
            Kind::Counter => AnyFamily::Counter(registry.counter(name, &help, &labels)?),
            Kind::Gauge => AnyFamily::Gauge(registry.gauge(name, &help, &labels)?),
            _ => AnyFamily::Timer(registry.timer(name, &help, &labels)?),
        })
    }

    fn record(&mut self, step: &Step) -> String {
        let key = (step.registry, step.family, step.series);
        let existing = self.handles.get(&key).filter(|_| step.uses_kept_handle()).cloned();
        let is_new = existing.is_none();
        let is_late = step.verb == Verb::Late && !self.has_adopted;
        let late = self.marked.replace(Stamp::now()).filter(|_| is_late);
        let handle = match existing {
            Some(handle) => handle,
            None => {
                let Ok(family) = self.family(step) else { return "mismatch".to_owned() };
                let values = turned(values(step.family, step.series), step);
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                match family {
                    AnyFamily::Counter(family) => Handle::Counter(family.labels(&values).unwrap()),
                    AnyFamily::Gauge(family) => Handle::Gauge(family.labels(&values).unwrap()),
                    AnyFamily::Timer(family) => Handle::Timer(family.labels(&values).unwrap()),
                }
            }
        };
        match step.keeps_handle() {
            true => self.handles.insert(key, handle.clone()),
            false => self.handles.remove(&key),
        };
        if is_new {
            self.drop_local(move |of| *of == key);
        }
        let (step, keeps) = (*step, step.keeps_handle());
        let thread = self.threads.entry(step.thread).or_insert_with(WorkerThread::new);
        thread.run(Box::new(move || match &handle {
            Handle::Timer(timer) if step.verb == Verb::Local => LOCAL.with_borrow_mut(|local| {
                let timer = local.entry(key).or_insert_with(|| timer.local());
                amounts(&step).for_each(|amount| timer.observe(amount));
            }),
            _ => write(&handle, &step, late),
        }));
        if !keeps {
            self.drop_local(move |of| *of == key);
        }
        "recorded".to_owned()
    }

    /// Drops the threads' timers of some series.
    fn drop_local(&self, of: impl Fn(&Key) -> bool + Clone + Send + 'static) {
        for thread in self.threads.values() {
            let of = of.clone();
            thread.run(Box::new(move || LOCAL.with_borrow_mut(|local| local.retain(|key, _| !of(key)))));
        }
    }

    fn remove(&mut self, step: &Step) -> String {
        let values = turned(values(step.family, step.series), step);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        match self.family(step) {
            Ok(AnyFamily::Counter(family)) => format!("{}", family.remove(&values).unwrap()),
            Ok(AnyFamily::Gauge(family)) => format!("{}", family.remove(&values).unwrap()),
            Ok(AnyFamily::Timer(family)) => format!("{}", family.remove(&values).unwrap()),
            Err(_) => "mismatch".to_owned(),
        }
    }

    /// The first call begins to watch all series. The second expires them at once.
    fn expire(&mut self, step: &Step) -> String {
        let registry = self.registry(step);
        registry.remove_idle(Duration::from_secs(3600)).unwrap();
        registry.remove_idle(Duration::from_nanos(1)).unwrap();
        String::new()
    }
}

fn set_limit(limit: libc::__rlimit_resource_t, to: Option<u64>) {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a pointer to a structure of this function, which the call fills in.
    assert_eq!(unsafe { libc::getrlimit(limit, &raw mut limits) }, 0);
    limits.rlim_cur = to.unwrap_or(limits.rlim_max);
    // SAFETY: a pointer to a structure of this function, which the call reads.
    assert_eq!(unsafe { libc::setrlimit(limit, &raw const limits) }, 0);
}

fn amounts(step: &Step) -> impl Iterator<Item = f64> {
    let (times, amount) = (if step.verb == Verb::Request { 0 } else { step.times }, step.amount);
    (0..times).map(move |at| f64::from(amount + at as i32) / 8.0)
}

fn write(handle: &Handle, step: &Step, late: Option<Stamp>) {
    let times = step.times;
    for (at, amount) in amounts(step).enumerate() {
        match (handle, step.verb) {
            (Handle::Counter(counter), Verb::Invalid) => counter.add(-1.0 - amount),
            (Handle::Gauge(gauge), Verb::Invalid) => gauge.add(f64::NAN),
            (Handle::Timer(timer), Verb::Invalid) => timer.observe(-1.0 - amount),
            (Handle::Counter(counter), _) => counter.add(amount),
            (Handle::Gauge(gauge), _) if times == 1 => gauge.set(amount),
            (Handle::Gauge(gauge), _) => gauge.add(amount),
            (Handle::Timer(timer), Verb::Exemplar) => timer.observe_with_exemplar(amount, &step.trace(at)),
            (Handle::Timer(timer), _) => match late {
                Some(stamp) => timer.observe_at(amount, stamp),
                None => timer.observe(amount),
            },
        }
    }
}

fn turned<T>(mut list: Vec<T>, step: &Step) -> Vec<T> {
    if step.reverses_labels() {
        list.reverse();
    }
    list
}

impl WorkerThread {
    fn new() -> WorkerThread {
        let ((jobs, todo), (did, done)) = (mpsc::channel::<Job>(), mpsc::channel());
        let thread = thread::spawn(move || {
            for job in todo {
                job();
                did.send(()).unwrap();
            }
        });
        WorkerThread { jobs, done, thread }
    }

    fn end(self) {
        drop(self.jobs);
        self.thread.join().unwrap();
    }

    fn run(&self, job: Job) {
        self.jobs.send(job).unwrap();
        self.done.recv().unwrap();
    }
}
