//! Random programs, run on Ictus and on a model of plain maps and vectors.
//!
//! The processes of a program register families, record, look up, remove and expire series, fork,
//! end and are killed, in a fixed order of steps. Readers that retire segments and readers that do
//! not must show the values that the model computes. Some readers are kept for all steps.
//!
//! `cargo test` runs programs for some seconds: fixed seeds, and others from the time.
//! `make differential PROGRAMS=10000` runs more. A difference prints the seed and a shortened
//! program; add its text to [`regressions`].
//!
//! The tests run in a separate process, because its workers are this program.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it saw"
)]
#![expect(unsafe_code, reason = "forks and signals")]

mod compare;
mod driver;
mod expected;
mod families;
mod lines;
mod model;
mod program;
mod shrink;
mod worker;

use std::{
    env,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use program::{Step, generate, parse, text};

/// The number of programs with fixed seeds in each run.
const FIXED: u64 = 60;
/// The minimum duration of a run without `ICTUS_PROGRAMS`. Its other seeds are from the time.
const DURATION: Duration = Duration::from_secs(8);

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|given| given.parse().unwrap())
}

fn check(seed: u64) {
    let program = generate(seed);
    if let Err(error) = driver::run(&program) {
        println!("seed {seed}: {error}\nshortening {} steps ...", program.len());
        let fails =
            |program: &[Step]| driver::run(program).is_err_and(|other| aspect(&other) == aspect(&error));
        let short = shrink::shrink(&program, &fails);
        let again = driver::run(&short).err().unwrap_or_else(|| "  it does not fail each time".to_owned());
        panic!("seed {seed}: {error}\nshortened to {} steps: {again}\n{}", short.len(), text(&short));
    }
}

/// Returns what differs first, for example the counts: a program is shortened as long as it shows
/// the same fault.
fn aspect(error: &str) -> Option<&str> {
    error.lines().find(|line| line.starts_with("  "))?.split_whitespace().next_back()
}

/// `ICTUS_SEED=7` runs one program, `ICTUS_PROGRAM=path` the program of a file.
#[test]
fn programs_equal_the_model() {
    if let Some(path) = env::var_os("ICTUS_PROGRAM") {
        let program = parse(&std::fs::read_to_string(path).unwrap());
        return driver::run(&program).unwrap_or_else(|error| panic!("{error}"));
    }
    if let Some(seed) = number("ICTUS_SEED") {
        println!("{}", text(&generate(seed)));
        return check(seed);
    }
    let start = Instant::now();
    let programs = number("ICTUS_PROGRAMS");
    let of_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("fixed seeds up to {FIXED}, then from {of_time}");
    let is_enough =
        |run: u64| programs.map_or(run >= FIXED && start.elapsed() > DURATION, |programs| run >= programs);
    let mut run = 0;
    while !is_enough(run) {
        check(if run < FIXED { run } else { of_time.wrapping_add(run) });
        run += 1;
        if run % 1000 == 0 {
            println!("{run} programs in {:.0} s", start.elapsed().as_secs_f64());
        }
    }
    println!("{run} programs in {:.1} s", start.elapsed().as_secs_f64());
}

/// Programs that once showed a difference.
#[test]
fn former_differences_do_not_return() {
    for regression in regressions::ALL {
        driver::run(&parse(regression)).unwrap_or_else(|error| panic!("{error}\n{regression}"));
    }
}

/// The shortened programs of differences that were found.
mod regressions {
    pub(crate) const ALL: &[&str] = &[
        GAUGE_OF_AN_ENDED_PROCESS,
        PART_IN_THE_PLACE_OF_ANOTHER,
        REGISTRY_DROPPED_BY_A_CHILD,
        DEFINITION_OF_TOTALS_READ_AGAIN,
        SERIES_EXPIRED_DURING_A_RECOVERY,
    ];

    /// A removal gave a place to the gauge of an ended process, and moved that of a living one to
    /// the overflow series.
    const GAUGE_OF_AN_ENDED_PROCESS: &str = "
record process 0 registry 0 thread 0 family 7 series 0 times 1 amount 8 version 0
record process 0 registry 0 thread 0 family 7 series 3 times 1 amount 8 version 0
record process 1 registry 0 thread 0 family 7 series 2 times 1 amount 8 version 6
close process 0 registry 0 thread 0 family 1 series 0 times 1 amount 8 version 0
remove process 1 registry 0 thread 1 family 7 series 0 times 1 amount 8 version 0
";

    /// A removal moved the part of an ended process, whose own limit was reached, to the overflow
    /// series.
    const PART_IN_THE_PLACE_OF_ANOTHER: &str = "
record process 1 registry 0 thread 0 family 5 series 2 times 1 amount 8 version 0
request process 1 registry 0 thread 1 family 5 series 1 times 1 amount 8 version 0
record process 1 registry 0 thread 0 family 5 series 0 times 1 amount 8 version 0
record process 2 registry 0 thread 1 family 5 series 0 times 1 amount 8 version 1
kill process 2 registry 0 thread 1 family 5 series 0 times 1 amount 8 version 0
remove process 1 registry 0 thread 1 family 5 series 0 times 1 amount 8 version 0
";

    /// The reader that a child inherits kept the registry that the child dropped.
    const REGISTRY_DROPPED_BY_A_CHILD: &str = "
record process 1 registry 1 thread 0 family 1 series 0 times 1 amount 8 version 0
fork process 1 registry 0 thread 0 family 1 series 0 times 1 amount 8 version 0
record process 1 registry 0 thread 0 family 6 series 0 times 1 amount 8 version 0
record process 0 registry 1 thread 1 family 6 series 0 times 1 amount 8 version 4
snapshot process 0 registry 1 thread 0 family 1 series 0 times 1 amount 8 version 0
close process 0 registry 1 thread 1 family 1 series 0 times 1 amount 8 version 0
";

    /// A reader that had read the totals again kept their definition after their series was removed.
    const DEFINITION_OF_TOTALS_READ_AGAIN: &str = "
record process 1 registry 0 thread 0 family 4 series 0 times 7 amount 8 version 4
record process 2 registry 0 thread 0 family 4 series 0 times 7 amount 8 version 3
close process 2 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 0
read process 0 registry 0 thread 3 family 4 series 0 times 1 amount 8 version 0
record process 1 registry 0 thread 0 family 4 series 0 times 7 amount 8 version 4
read process 0 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 0
record process 0 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 1
read process 0 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 0
remove process 0 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 1
read process 0 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 0
close process 1 registry 0 thread 0 family 4 series 0 times 1 amount 8 version 0
";

    /// The copy of a segment whose file was removed showed a series that had expired meanwhile.
    const SERIES_EXPIRED_DURING_A_RECOVERY: &str = "
record process 0 registry 0 thread 1 family 6 series 0 times 1 amount 8 version 6
unlink process 0 registry 0 thread 1 family 6 series 0 times 1 amount 8 version 0
expire process 0 registry 0 thread 0 family 6 series 0 times 1 amount 8 version 0
read process 0 registry 0 thread 3 family 6 series 0 times 1 amount 8 version 0
";
}
