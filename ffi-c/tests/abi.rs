//! The parts of the header on which programs compiled against an earlier version rely.
//!
//! They change together with `ICTUS_ABI_VERSION`, or not at all. New numbers and functions are
//! added at the end of these lists.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::{fs, process::Command};

use common::{cc, include, library, run};

/// Sizes, offsets and numbers, as a C compiler computes them from the header.
const PINNED: &str = r#"
#include "ictus.h"
#define SAME(what, number) typedef char pinned_##what[(number) ? 1 : -1]
#define IS(name, number) SAME(name, (name) == (number))
IS(ICTUS_ABI_VERSION, 1);
SAME(str_size, sizeof(ictus_str) == 2 * sizeof(void *));
SAME(str_data, offsetof(ictus_str, data) == 0);
SAME(str_len, offsetof(ictus_str, len) == sizeof(void *));
SAME(timing_size, sizeof(ictus_timing) == 24);
SAME(timing_count, offsetof(ictus_timing, count) == 0);
SAME(timing_sum, offsetof(ictus_timing, sum) == 8);
SAME(timing_window, offsetof(ictus_timing, window) == 16);
SAME(status_size, sizeof(ictus_status) == 4);
IS(ICTUS_STATUS_OK, 0); IS(ICTUS_STATUS_NULL, 1); IS(ICTUS_STATUS_LENGTH, 2); IS(ICTUS_STATUS_UTF8, 3);
IS(ICTUS_STATUS_NAME, 4); IS(ICTUS_STATUS_MISMATCH, 5); IS(ICTUS_STATUS_LABELS, 6); IS(ICTUS_STATUS_VALUE, 7);
IS(ICTUS_STATUS_IO, 8); IS(ICTUS_STATUS_STOPPED, 9); IS(ICTUS_STATUS_INTERNAL, 10); IS(ICTUS_STATUS_OPTION, 11);
IS(ICTUS_STATUS_UNKNOWN, 12); IS(ICTUS_STATUS_ADDRESS, 13);
IS(ICTUS_STATUS_TRACE_ID, 14);
IS(ICTUS_LOG_LEVEL_ERROR, 1); IS(ICTUS_LOG_LEVEL_WARNING, 2); IS(ICTUS_LOG_LEVEL_INFO, 3);
IS(ICTUS_FORMAT_TEXT, 0); IS(ICTUS_FORMAT_OPENMETRICS, 1); IS(ICTUS_FORMAT_PROTOBUF, 2); IS(ICTUS_FORMAT_NATIVE, 3);
IS(ICTUS_SURFACE_DEFAULT, 0); IS(ICTUS_SURFACE_LEGACY, 1); IS(ICTUS_SURFACE_DOCUMENTED, 2);
IS(ICTUS_SURFACE_CANONICAL, 4);
IS(ICTUS_CONDUCTOR_METRIC_API_REQUEST_TIME, 0); IS(ICTUS_CONDUCTOR_METRIC_TASK_POLL, 1); IS(ICTUS_CONDUCTOR_METRIC_TASK_POLL_TIME, 2);
IS(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_TIME, 3); IS(ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_TIME, 4);
IS(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR, 5); IS(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTE_ERROR_MESSAGE, 6);
IS(ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR, 7); IS(ICTUS_CONDUCTOR_METRIC_TASK_UPDATE_ERROR_MESSAGE, 8);
IS(ICTUS_CONDUCTOR_METRIC_TASK_POLL_ERROR, 9); IS(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_STARTED, 10);
IS(ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR, 11); IS(ICTUS_CONDUCTOR_METRIC_TASK_ACK_ERROR_MESSAGE, 12);
IS(ICTUS_CONDUCTOR_METRIC_TASK_ACK_FAILED, 13); IS(ICTUS_CONDUCTOR_METRIC_TASK_EXECUTION_QUEUE_FULL, 14);
IS(ICTUS_CONDUCTOR_METRIC_TASK_PAUSED, 15); IS(ICTUS_CONDUCTOR_METRIC_WORKER_RESTART, 16);
IS(ICTUS_CONDUCTOR_METRIC_UNCAUGHT_EXCEPTION, 17); IS(ICTUS_CONDUCTOR_METRIC_EXTERNAL_PAYLOAD_USED, 18);
IS(ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR, 19); IS(ICTUS_CONDUCTOR_METRIC_WORKFLOW_START_ERROR_MESSAGE, 20);
IS(ICTUS_CONDUCTOR_METRIC_TASK_RESULT_SIZE, 21); IS(ICTUS_CONDUCTOR_METRIC_WORKFLOW_INPUT_SIZE, 22);
IS(ICTUS_CONDUCTOR_METRIC_ACTIVE_WORKERS, 23);
"#;

/// Declarations of functions, without line breaks, as earlier programs call them.
const FUNCTIONS: &str = include_str!("abi.txt");

#[test]
fn sizes_and_numbers_equal_those_of_compiled_programs() {
    let build = tempfile::tempdir().unwrap();
    let source = build.path().join("pinned.c");
    fs::write(&source, PINNED).unwrap();
    run(Command::new(cc()).args(["-std=c99", "-fsyntax-only", "-I"]).arg(include()).arg(source));
}

#[test]
fn functions_are_declared_as_in_compiled_programs() {
    let header = fs::read_to_string(include().join("ictus.h")).unwrap();
    let declarations = declarations(&header);
    for function in FUNCTIONS.lines() {
        assert!(declarations.iter().any(|declared| declared == function), "gone, or another: {function}");
    }
    assert_eq!(FUNCTIONS.lines().count(), declarations.len(), "new functions are added to abi.txt");
}

/// Symbols have no versions, because rustc links with its own version script. The name of the
/// library has the major version instead.
#[test]
fn symbols_have_no_versions_and_need_a_glibc_of_2021() {
    let versions =
        run(Command::new("readelf").args(["-W", "--version-info"]).arg(library("libictus_ffi.so")));
    let versions = String::from_utf8(versions.stdout).unwrap();
    assert!(!versions.contains("Version definition section"), "{versions}");
    let newest = versions.split("GLIBC_2.").skip(1).filter_map(|rest| {
        let digits = rest.split(|character: char| !character.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    });
    let newest = newest.max().unwrap();
    assert!(newest <= 34, "needs glibc 2.{newest}");
}

fn declarations(header: &str) -> Vec<String> {
    let mut pieces = header.split("/*");
    let first = pieces.next().unwrap_or_default();
    let rest = pieces.filter_map(|piece| piece.split_once("*/"));
    let code: String = [first].into_iter().chain(rest.map(|(_, code)| code)).collect();
    let lines: Vec<&str> = code.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join(" ").replace("extern \"C\" {", "");
    let parts = joined.split(';').map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    parts.filter(|part| part.ends_with(')') && !part.contains("typedef")).collect()
}
