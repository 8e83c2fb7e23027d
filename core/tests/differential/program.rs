//! Programs: sequences of steps, their text, and their random generator.

use std::{fmt, str::FromStr};

use super::families::{FAMILIES, UNLIMITED, VERSIONS};

/// The action of a step. Its word in the text is the name in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Records into a series through the handle that a look-up returns.
    Record,
    /// Records through the handle of an earlier step, also if its series was removed.
    Again,
    /// Like `Record`, with a timestamp that the process took in its previous recording step.
    Late,
    /// Like `Record` or `Again`, through the `LocalTimer` that the thread keeps for the series.
    Local,
    /// Like `Record`, with the id of a trace.
    Exemplar,
    /// Records values that must be rejected.
    Invalid,
    /// Requests a series.
    Request,
    /// Removes a series.
    Remove,
    /// Expires every series that this registry sees.
    Expire,
    /// Ends a thread, whose lanes the next thread adopts.
    EndThread,
    /// Drops the registry.
    Close,
    /// Ends the process by `exit`.
    Exit,
    /// Ends the process by SIGKILL.
    Kill,
    /// Ends the process by SIGKILL while it takes snapshots, `times` microseconds after the first.
    KillReading,
    /// Forks the process; the child is process `thread`.
    Fork,
    /// Forbids the process to open files, or to write to them: its next segment is in memory.
    Starve,
    /// Ends that, and waits until readers see what the process has recorded meanwhile.
    Feed,
    /// Unlinks the files of all live segments; waits until all processes have written their records
    /// again. If `times` is even, the process ends by `exit` before it has noticed.
    Unlink,
    /// Clears the directory.
    Clear,
    /// Takes a snapshot with a reader of the test.
    Read,
    /// Takes a snapshot with a registry.
    Snapshot,
}

const VERBS: [(&str, Verb); 21] = [
    ("record", Verb::Record),
    ("again", Verb::Again),
    ("late", Verb::Late),
    ("local", Verb::Local),
    ("exemplar", Verb::Exemplar),
    ("invalid", Verb::Invalid),
    ("request", Verb::Request),
    ("remove", Verb::Remove),
    ("expire", Verb::Expire),
    ("endthread", Verb::EndThread),
    ("close", Verb::Close),
    ("exit", Verb::Exit),
    ("kill", Verb::Kill),
    ("killreading", Verb::KillReading),
    ("fork", Verb::Fork),
    ("starve", Verb::Starve),
    ("feed", Verb::Feed),
    ("unlink", Verb::Unlink),
    ("clear", Verb::Clear),
    ("read", Verb::Read),
    ("snapshot", Verb::Snapshot),
];

/// One step. Numbers that the verb does not need have no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) verb: Verb,
    pub(crate) process: usize,
    pub(crate) registry: usize,
    /// The thread that records; the reader of `Read`; the process that `Fork` creates.
    pub(crate) thread: usize,
    pub(crate) family: usize,
    pub(crate) series: usize,
    pub(crate) times: usize,
    /// Eighths, so that sums of the model are exact.
    pub(crate) amount: i32,
    /// The version of the program, if the step opens the registry.
    pub(crate) version: usize,
}

impl Step {
    /// Whether the process keeps the handle for a later `Again`, and drops it otherwise.
    pub(crate) fn keeps_handle(&self) -> bool {
        self.amount % 3 == 0
    }

    /// Whether the step records, and so starts the process if it does not live.
    pub(crate) fn records(&self) -> bool {
        matches!(
            self.verb,
            Verb::Record
                | Verb::Again
                | Verb::Late
                | Verb::Local
                | Verb::Exemplar
                | Verb::Invalid
                | Verb::Request
        )
    }

    /// Whether the step records through the handle of an earlier step, if there is one.
    pub(crate) fn uses_kept_handle(&self) -> bool {
        self.verb == Verb::Again || self.verb == Verb::Local && self.amount % 6 < 3
    }

    /// Returns the trace of the step's exemplar with that number.
    pub(crate) fn trace(&self, number: usize) -> String {
        format!("{}-{}-{number}", self.process, self.amount)
    }

    /// Whether `Starve` forbids to write to files; otherwise, it forbids to open them.
    pub(crate) fn forbids_writing(&self) -> bool {
        self.amount % 2 == 1
    }

    /// Whether the step lists the labels of the family in the reverse order.
    pub(crate) fn reverses_labels(&self) -> bool {
        self.amount % 2 == 1
    }
}

/// `record process 0 registry 1 thread 0 family 3 series 2 times 5 amount 8 version 0`
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { verb, process, registry, thread, family, series, times, amount, version } = self;
        let word = VERBS.iter().find(|(_, other)| other == verb).map_or("", |(word, _)| word);
        write!(
            f,
            "{word} process {process} registry {registry} thread {thread} family {family} series {series} \
             times {times} amount {amount} version {version}"
        )
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Step, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let verb = VERBS.iter().find(|(word, _)| Some(word) == words.first());
        let number = |name: &str| {
            let at = words.iter().position(|word| *word == name);
            let number = at.and_then(|at| words.get(at + 1)?.parse::<i32>().ok());
            number.ok_or_else(|| format!("{name} is missing in {line:?}"))
        };
        let index = |name: &str| Ok::<_, String>(number(name)?.unsigned_abs() as usize);
        Ok(Step {
            verb: verb.ok_or_else(|| format!("no step: {line:?}"))?.1,
            process: index("process")?,
            registry: index("registry")?,
            thread: index("thread")?,
            family: index("family")?,
            series: index("series")?,
            times: index("times")?,
            amount: number("amount")?,
            version: index("version")?,
        })
    }
}

/// Returns the steps of a program's text, one in each line.
pub(crate) fn parse(text: &str) -> Vec<Step> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.parse().unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Returns the text of a program.
pub(crate) fn text(program: &[Step]) -> String {
    program.iter().map(|step| format!("{step}\n")).collect()
}

pub(crate) const PROCESSES: usize = 4;
pub(crate) const REGISTRIES: usize = 2;
pub(crate) const THREADS: usize = 2;
pub(crate) const SERIES: usize = 5;
/// Readers that retire and do not, each of both kept over the program or created by the step.
pub(crate) const READERS: usize = 4;

/// A generator of pseudorandom numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns a number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Returns the program of a seed.
///
/// Each program uses some of the families, processes and versions only, so that its steps often
/// meet in one series. One verb is more frequent than in other programs.
///
/// A third of the programs has faults of the system, of one kind. After a recovery, the file with
/// the earlier records belongs to a live process for some time, whose length the model cannot know.
/// Therefore these programs have one version without a limit of series and one kind for each name.
/// In one half, a single registry also removes series; in the other half, several remove nothing.
pub(crate) fn generate(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    // Mostly timers, which have the most state.
    let weighted = [0, 1, 2, 3, 3, 3, 4, 4, 5, 6, 6, 7];
    let families: Vec<usize> = (0..=random.below(3)).map(|_| random.one_of(&weighted)).collect();
    let (_, frequent) = random.one_of(&VERBS);
    let versions: Vec<usize> = (0..=random.below(3)).map(|_| random.below(VERSIONS.len())).collect();
    let (processes, registries) = (1 + random.below(PROCESSES), 1 + random.below(REGISTRIES));
    let (has_faults, unlinks) = (random.below(3) == 0, random.below(2) == 0);
    let is_alone = has_faults && random.below(2) == 0;
    let (processes, registries) = if is_alone { (1, 1) } else { (processes, registries) };
    let versions = if has_faults { vec![random.one_of(&UNLIMITED)] } else { versions };
    let families: Vec<usize> = families
        .into_iter()
        .map(|family| if has_faults && FAMILIES[family].name == "mixed" { 6 } else { family })
        .collect();
    let allowed = |verb| match verb {
        Verb::Starve | Verb::Feed | Verb::Unlink if !has_faults => Verb::Record,
        Verb::Starve | Verb::Feed if unlinks => Verb::Unlink,
        Verb::Unlink if !unlinks => Verb::Starve,
        Verb::Clear if has_faults => Verb::Read,
        Verb::Remove | Verb::Expire if has_faults && !is_alone => Verb::Record,
        Verb::Fork if is_alone => Verb::Remove,
        verb => verb,
    };
    let series = 1 + random.below(SERIES);
    let length = 10 + random.below(50);
    let step = |_| {
        let verb = match random.below(134) {
            0..26 => Verb::Record,
            26..31 => Verb::Local,
            31..36 => Verb::Exemplar,
            36..44 => Verb::Again,
            44..48 => Verb::Late,
            48..50 => Verb::Invalid,
            50..52 => Verb::Request,
            52..58 => Verb::Remove,
            58..60 => Verb::Expire,
            60..64 => Verb::Close,
            64..65 => Verb::EndThread,
            65..66 => Verb::Exit,
            66..70 => Verb::Kill,
            70..71 => Verb::KillReading,
            71..74 => Verb::Fork,
            74..75 => Verb::Clear,
            75..91 => Verb::Read,
            91..100 => Verb::Snapshot,
            100..103 => Verb::Starve,
            103..105 => Verb::Feed,
            105..106 => Verb::Unlink,
            _ => frequent,
        };
        let thread = match verb {
            Verb::Fork => random.below(PROCESSES),
            Verb::Read => random.below(READERS),
            _ => random.below(THREADS),
        };
        Step {
            verb: allowed(verb),
            process: random.below(processes),
            registry: random.below(registries),
            thread,
            family: random.one_of(&families),
            series: random.below(series),
            times: random.one_of(&[1, 1, 1, 2, 3, 7, 70]),
            amount: random.below(400) as i32,
            version: random.one_of(&versions),
        }
    };
    (0..length).map(step).collect()
}
