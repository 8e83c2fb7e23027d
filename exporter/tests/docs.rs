//! docs/sdks.md: its Rust program compiles together with the parts of the SDK that it needs.
#![allow(dead_code, clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::{fs, path::Path, time::Duration};

struct TaskExecutionCompleted {
    task_type: String,
    duration: Duration,
}

trait TaskRunnerEventsListener {
    fn on_task_execution_completed(&self, event: &TaskExecutionCompleted);
}

// The page:
struct Ictus {
    executions: ictus::Family<ictus::Timer>, // registry.catalog_timer(&ictus::catalog::TASK_EXECUTE_TIME)?
}

impl TaskRunnerEventsListener for Ictus {
    fn on_task_execution_completed(&self, event: &TaskExecutionCompleted) {
        if let Ok(timer) = self.executions.labels(&[&event.task_type, "SUCCESS"]) {
            timer.observe(event.duration.as_secs_f64());
        }
    }
}
// The page's end.

#[test]
fn page_has_the_compiled_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/sdks.md")).unwrap();
    let shown = page.split_once("```rust\n").unwrap().1.split_once("```").unwrap().0;
    let compiled = fs::read_to_string(root.join("tests/docs.rs")).unwrap();
    let compiled =
        compiled.split_once("// The page:\n").unwrap().1.split_once("// The page's end.").unwrap().0;
    assert_eq!(shown, compiled);
}

#[test]
fn an_event_is_an_observation() {
    let registry = ictus::Registry::new();
    let executions = registry.catalog_timer(&ictus::catalog::TASK_EXECUTE_TIME).unwrap();
    let event = TaskExecutionCompleted { task_type: "t".to_owned(), duration: Duration::from_millis(5) };
    Ictus { executions }.on_task_execution_completed(&event);
    let snapshot = registry.snapshot().unwrap();
    assert_eq!(snapshot.families[0].series.len(), 1);
}
