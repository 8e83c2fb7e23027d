//! Measures everything and compares it with `budgets.toml`: a table for each group with budgets and
//! measurements, then instructions where valgrind is installed.
//!
//! - `--hold` fails if a budget is exceeded: `make bench`.
//! - `--only WORD` measures the groups whose names contain the word, and counts no instructions.
//! - `--instructions` counts only instructions, and fails without valgrind.
//!
//! Under `cargo test` the program only checks that each candidate works, and that each budget
//! belongs to a candidate.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that prints, and may stop at the first surprise"
)]

use std::{env, process::ExitCode};

use ictus_benches::{
    budget::{Budget, budgets},
    contention, endpoint,
    groups::{self, http},
    instructions,
    measure::{Measured, compare, run_once},
    table::{Table, environment},
};

const THREADS: &str = "threads";
/// The reference of the budgets of several threads.
const ALONE: &str = "a series of its own";

fn main() -> ExitCode {
    endpoint::run_command_if_requested();
    if instructions::run_if_requested(groups::find) {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = env::args().collect();
    let position = |flag: &str| arguments.iter().position(|argument| argument == flag);
    let budgets = budgets();
    // Cargo passes this argument only under `cargo bench`.
    if position("--bench").is_none() {
        check(&budgets);
        return ExitCode::SUCCESS;
    }
    let only = position("--only").map(|at| arguments.get(at + 1).expect("a word after --only").as_str());
    let instructions_only = position("--instructions").is_some();
    let mut exceeded = 0;
    println!("{}", environment());
    if !instructions_only {
        groups::segments::print_if_sdk_is_missing();
        exceeded += measure_groups(|name| only.is_none_or(|word| name.contains(word)), &budgets);
    }
    if only.is_none() {
        if instructions::is_installed() {
            exceeded += count_instructions(&budgets);
        } else {
            println!("Instructions are not counted: there is no valgrind.");
            if instructions_only {
                return ExitCode::FAILURE;
            }
        }
    }
    if exceeded == 0 {
        return ExitCode::SUCCESS;
    }
    println!("Budgets exceeded: {exceeded}.");
    if instructions_only || position("--hold").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs each candidate once, and checks that the candidate and the reference of each budget exist.
fn check(budgets: &[Budget]) {
    let mut candidates = Vec::new();
    for shared in groups::threads::threads() {
        // Returns none without a second processor; the names are the same in any case.
        let _ = contention::measure(&shared, 1);
        let names = [2, 4].map(|threads| contention::name(&shared, threads));
        candidates.extend(names.map(|name| (format!("{THREADS}/{name}"), ALONE.to_owned())));
    }
    for mut group in groups::all(false) {
        run_once(&mut group);
        let reference = group.candidates[0].name().to_owned();
        let id = |name: &str| format!("{}/{name}", group.name);
        candidates.extend(group.candidates.iter().map(|one| (id(one.name()), reference.clone())));
        println!("{}: {} did what they should", group.name, group.candidates.len());
    }
    for http in http::ALL {
        http.check();
        let id = |name: String| format!("{}/{name}", http.name);
        candidates.extend(http::names().into_iter().map(|name| (id(name), http::REFERENCE.to_owned())));
    }
    for budget in budgets {
        let reference = candidates.iter().find(|(id, _)| *id == budget.id).map(|(_, reference)| reference);
        let reference = reference.unwrap_or_else(|| panic!("nothing is called {}", budget.id));
        // The SDK is left out if it is not installed.
        let is_left_out = budget.reference == groups::segments::SDK && !groups::segments::is_sdk_installed();
        assert!(*reference == budget.reference || is_left_out, "{} is measured by {reference}", budget.id);
    }
}

/// Measures the requested groups. Returns the number of exceeded budgets.
fn measure_groups(is_requested: impl Fn(&str) -> bool, budgets: &[Budget]) -> usize {
    let mut exceeded = 0;
    if is_requested(THREADS) {
        let about = "one observation of a series that others observe";
        exceeded += Table::for_times(THREADS, about, ALONE, &measure_threads(), budgets).print();
    }
    for mut group in groups::all(true).into_iter().filter(|group| is_requested(group.name)) {
        let costs = compare(&mut group);
        let reference = group.candidates[0].name();
        exceeded += Table::for_times(group.name, &group.about, reference, &costs, budgets).print();
    }
    for http in http::ALL.into_iter().filter(|http| is_requested(http.name)) {
        match http::missing_program() {
            None => exceeded += http.measure(budgets).print(),
            Some(why) => println!("{} is left out: {why}.\n", http.name),
        }
    }
    exceeded
}

fn measure_threads() -> Vec<Measured> {
    let costs = groups::threads::threads().into_iter().filter_map(|shared| {
        let costs = contention::measure(&shared, 15);
        if costs.is_none() {
            println!("{} is left out: two threads never ran at once.", shared.name);
        }
        costs
    });
    costs.flatten().collect()
}

fn count_instructions(budgets: &[Budget]) -> usize {
    let counted: Vec<(&Budget, f64)> = budgets
        .iter()
        .filter(|budget| budget.instructions.is_some())
        .map(|budget| (budget, instructions::count(&budget.id).expect("callgrind")))
        .collect();
    Table::for_instructions(&counted).print()
}
