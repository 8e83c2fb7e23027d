//! C programs, compiled against the committed header and the library that was just built.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use common::{WARNINGS, cc, cxx, include, install_shared, library, run, soname};

/// The system libraries that the static library needs, as
/// `cargo rustc -- --print native-static-libs` lists them.
const SYSTEM_LIBRARIES: [&str; 4] = ["-pthread", "-ldl", "-lm", "-lgcc_s"];

/// The output of `smoke.c`: recorded in one registry, read through another one.
const RENDERED: &str = r#"# HELP active
# TYPE active gauge
active 3.0
# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{queue="mail",zone="z\"\\\nü"} 2.5
# HELP late_total
# TYPE late_total counter
late_total 1.0
# HELP wait_seconds Waits.
# TYPE wait_seconds summary
wait_seconds{quantile="0.5",queue="mail"} 0.25
wait_seconds{quantile="0.75",queue="mail"} 0.25
wait_seconds{quantile="0.9",queue="mail"} 0.25
wait_seconds{quantile="0.95",queue="mail"} 0.25
wait_seconds{quantile="0.99",queue="mail"} 0.25
wait_seconds_sum{queue="mail"} 300.0
wait_seconds_count{queue="mail"} 1200.0
"#;

#[test]
fn a_program_runs_with_the_static_library() {
    let build = tempfile::tempdir().unwrap();
    let program = build.path().join("smoke");
    let library = library("libictus_ffi.a");
    compile_smoke(&program, |cc| cc.arg(library).args(SYSTEM_LIBRARIES));
    check_rendered(&mut Command::new(program));
}

#[test]
fn a_program_runs_with_the_shared_library() {
    let build = tempfile::tempdir().unwrap();
    let program = build.path().join("smoke");
    let installed = install_shared(build.path());
    compile_smoke(&program, |cc| cc.arg("-L").arg(&installed).args(["-lictus", "-pthread"]));
    check_rendered(Command::new(program).env("LD_LIBRARY_PATH", installed));
}

#[test]
fn header_compiles_in_every_dialect() {
    let twice = "#include \"ictus.h\"\n#include \"ictus.h\"\nint main(void) { return 0; }\n";
    let mut dialects = vec![("c", cc(), "-std=c99"), ("c", cc(), "-std=c11"), ("c", cc(), "-std=c17")];
    match cxx() {
        Some(cxx) => dialects.push(("c++", cxx, "-std=c++17")),
        None => eprintln!("no C++ compiler: the header is not tried as C++17"),
    }
    let build = tempfile::tempdir().unwrap();
    for (language, compiler, standard) in dialects {
        let source = build.path().join("twice.c");
        fs::write(&source, twice).unwrap();
        let mut command = Command::new(&compiler);
        command.args([standard, "-fsyntax-only", "-I"]).arg(include()).args(WARNINGS);
        run(command.args(["-x", language]).arg(&source));
    }
}

/// The first example of docs/c-api.md records in a directory of the system, and is only compiled. The
/// second one is run.
#[test]
fn examples_of_the_documentation_compile_and_run() {
    let page = fs::read_to_string(include().join("../docs/c-api.md")).unwrap();
    let examples: Vec<&str> =
        page.split("```c\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    let build = tempfile::tempdir().unwrap();
    let installed = install_shared(build.path());
    for (number, example) in examples.iter().enumerate() {
        let (includes, body) = example.split_once("\n\n").unwrap();
        let function = "static int example(ictus_write_fn my_write, void *my_context)";
        let program = format!(
            "#include <stdio.h>\n{includes}\n{function}\n{{\n{body}return 0;\n}}\n\
             static int print(void *to, const char *data, size_t len) {{ return fwrite(data, 1, len, to) != len; }}\n\
             int main(void) {{ return example(print, stdout); }}\n"
        );
        let source = build.path().join(format!("example{number}.c"));
        fs::write(&source, program).unwrap();
        let mut command = Command::new(cc());
        command.args(["-std=c99", "-I"]).arg(include()).args(WARNINGS).arg("-o");
        command.arg(build.path().join(format!("example{number}"))).arg(source);
        run(command.arg("-L").arg(&installed).args(["-lictus", "-pthread"]));
    }
    let output = run(Command::new(build.path().join("example1")).env("LD_LIBRARY_PATH", &installed));
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(stderr, "");
    let bucket = "task_execute_time_seconds_bucket{le=\"0.5\",status=\"SUCCESS\",taskType=\"resize\"} 1.0 \
                  # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.25";
    assert!(stdout.contains(bucket), "{stdout}");
    assert_eq!(examples.len(), 2);
}

#[test]
fn the_shared_library_exports_the_headers_functions_and_nothing_else() {
    let symbols = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library("libictus_ffi.so")));
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let exported: BTreeSet<&str> =
        symbols.lines().map(|line| line.split_whitespace().last().unwrap()).collect();
    let header = fs::read_to_string(include().join("ictus.h")).unwrap();
    let declared: BTreeSet<&str> = header.lines().filter_map(declared).collect();
    assert_eq!(exported, declared);
    assert!(declared.contains("ictus_timer_observe"));
}

#[test]
fn threads_bind_timers_and_the_log_function_is_called() {
    let build = tempfile::tempdir().unwrap();
    let program = build.path().join("threads");
    let installed = install_shared(build.path());
    let mut command = Command::new(cc());
    command.args(["-std=c99", "-O1"]).args(WARNINGS).arg("-I").arg(include()).arg("-o").arg(&program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/threads.c"));
    run(command.arg("-L").arg(&installed).args(["-lictus", "-pthread"]));
    let directory = tempfile::tempdir().unwrap();
    let said = run(Command::new(program).arg(directory.path()).env("LD_LIBRARY_PATH", installed));
    assert_eq!(String::from_utf8(said.stdout).unwrap(), "all of it\n");
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "");
}

#[test]
fn options_exemplars_and_removal_work_and_refuse_invalid_input() {
    let build = tempfile::tempdir().unwrap();
    let program = build.path().join("options");
    let installed = install_shared(build.path());
    let mut command = Command::new(cc());
    command.args(["-std=c99", "-O1"]).args(WARNINGS).arg("-I").arg(include()).arg("-o").arg(&program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/options.c"));
    run(command.arg("-L").arg(&installed).args(["-lictus", "-pthread"]));
    let directory = tempfile::tempdir().unwrap();
    let output = run(Command::new(program).arg(directory.path()).env("LD_LIBRARY_PATH", installed));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn host_may_load_fork_close_and_end() {
    let build = tempfile::tempdir().unwrap();
    let program = build.path().join("dlopen");
    let mut command = Command::new(cc());
    command.args(["-std=c99", "-O1"]).args(WARNINGS).arg("-I").arg(include()).arg("-o").arg(&program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/dlopen.c"));
    run(command.args(["-ldl", "-pthread"]));
    let library = install_shared(build.path()).join("libictus.so");

    let directory = tempfile::tempdir().unwrap();
    // Each run adds five, and the second run adds a sixth after it has counted.
    for (end, count) in [("return", 5), ("thread", 10), ("exit", 16), ("quick", 21), ("return", 26)] {
        let said = run(Command::new(&program).arg(&library).arg(directory.path()).arg(end)).stdout;
        assert_eq!(String::from_utf8(said).unwrap(), format!("{count}\n"), "{end}");
    }
}

#[test]
fn shared_library_has_a_soname_and_stays_loaded() {
    let dynamic = run(Command::new("readelf").arg("-dW").arg(library("libictus_ffi.so")));
    let dynamic = String::from_utf8(dynamic.stdout).unwrap();
    assert!(dynamic.contains(&format!("[{}]", soname())), "{dynamic}");
    assert!(dynamic.lines().any(|line| line.contains("FLAGS_1") && line.contains("NODELETE")), "{dynamic}");
}

/// Returns the name of the function that a line of the header declares.
fn declared(line: &str) -> Option<&str> {
    let starts = ["enum ", "struct ", "void ", "uint32_t ", "uint64_t ", "size_t "]
        .iter()
        .any(|start| line.starts_with(start));
    let declarator = line.split_once('(')?.0;
    starts.then(|| declarator.rsplit([' ', '*']).next()).flatten()
}

fn compile_smoke(program: &Path, link: impl FnOnce(&mut Command) -> &mut Command) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/smoke.c");
    let mut command = Command::new(cc());
    command.args(["-std=c99", "-O1"]).args(WARNINGS).arg("-I").arg(include()).arg("-o").arg(program);
    run(link(command.arg(source)));
}

fn check_rendered(program: &mut Command) {
    let directory = tempfile::tempdir().unwrap();
    let output = run(program.arg(directory.path()));
    // The format has a blank at the end of an empty help line.
    let rendered = String::from_utf8(output.stdout).unwrap().replace(" \n", "\n");
    // Ictus's metrics of itself are tested in the core, except the observations of the C program
    // that are rejected.
    let of_ictus =
        |line: &&str| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with("ictus_");
    let (of_ictus, recorded): (Vec<&str>, Vec<&str>) = rendered.split_inclusive('\n').partition(of_ictus);
    assert_eq!(recorded.concat(), RENDERED);
    for (reason, times) in [("nan", "2.0"), ("negative", "1.0"), ("too_large", "2.0")] {
        let line = format!("ictus_observations_rejected_total{{reason=\"{reason}\"}} {times}\n");
        assert!(of_ictus.contains(&line.as_str()), "{line} {of_ictus:#?}");
    }
}
