//! Each other test program states why its tests cannot share the process of these tests.

use std::{collections::BTreeSet, fs, path::Path};

/// Tests that commands name, whatever they need.
const NAMED: [&str; 2] = ["loom", "public_api"];

/// The things that a process has once. Each makes a test need a separate process.
const ONCE: [&str; 12] = [
    "Command::new",
    "current_exe",
    "fork()",
    "global_allocator",
    "log_capture",
    "set_logger",
    "set_var",
    "setrlimit",
    "sigaction",
    "signal(",
    "/proc/self",
    "Tmpfs",
];

fn tests() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

#[test]
fn each_other_program_states_why_it_is_one() {
    let mut programs = BTreeSet::new();
    for entry in fs::read_dir(tests()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let root = if path.is_dir() { path.join("main.rs") } else { path };
        if root.is_file() && root.extension().is_some_and(|extension| extension == "rs") && name != "it" {
            let text = fs::read_to_string(&root).unwrap();
            let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
            let is_reasoned = head.concat().contains(" separate process");
            assert!(
                is_reasoned || NAMED.contains(&&*name),
                "{name}: move it to tests/it, or state at its head: \"... in a separate process, because ...\""
            );
            programs.insert(name);
        }
    }
    assert!(programs.len() > 20, "{programs:?}");
}

#[test]
fn tests_that_share_a_process_change_nothing_of_it() {
    let mut folders = vec![tests().join("it")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = fs::read_to_string(&path).unwrap();
            let reasons: Vec<_> = ONCE.into_iter().filter(|once| text.contains(once)).collect();
            assert!(
                reasons.is_empty() || path.ends_with("separate_processes.rs"),
                "{}: {reasons:?} needs a program of its own",
                path.display()
            );
        }
    }
    assert!(files > 10);
}
