//! A real Pushgateway shows the pushed metrics by groups.

use std::process::Output;

use super::{
    http::get,
    programs::{installed, listening, tied},
    terminal::{ictus, outcome},
};
use ictus::Registry;

const GATEWAY: &str = "prometheus-pushgateway";

fn push(directory: &std::path::Path, gateway: &str, options: &[&str]) -> Output {
    ictus().arg("push").arg(directory).args(["--gateway", gateway]).args(options).output().unwrap()
}

#[test]
fn pushgateway_has_one_group_for_each_job() {
    if !installed(&[GATEWAY]) {
        return;
    }
    let (_running, address) = listening(
        |address| {
            let mut command = tied(GATEWAY);
            command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
            command
        },
        |address| get(address, "/-/ready").is_ok(),
    );
    let gateway = format!("http://{address}");
    let directory = tempfile::tempdir().unwrap();
    {
        // The data of a job that has ended.
        let registry = Registry::open(directory.path()).unwrap();
        registry.counter("rows", "Rows.", &[]).unwrap().labels(&[]).unwrap().add(7.0);
        registry.timer("import_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(0.5);
    }
    for (options, labels) in [
        (&["--job", "nightly"][..], r#"instance="",job="nightly""#),
        (
            &["--job", "a/b", "--label", "table=x/y", "--label", "empty="],
            r#"empty="",instance="",job="a/b",table="x/y""#,
        ),
    ] {
        // A second push replaces the first one.
        for _ in 0..2 {
            assert_eq!(
                outcome(&push(directory.path(), &gateway, options)),
                (Some(0), String::new(), String::new())
            );
        }
        let shown = get(address, "/metrics").unwrap();
        assert!(shown.contains(&format!("rows_total{{{labels}}} 7\n")), "{shown}");
        assert!(shown.contains(&format!("import_seconds{{{labels},quantile=\"0.99\"}} 0.5\n")), "{shown}");
    }
    let (code, _, said) = outcome(&push(directory.path(), &gateway, &["--job", "a", "--label", "__x=1"]));
    assert_eq!(code, Some(1));
    assert!(said.contains(&gateway), "{said}");
}

#[test]
fn unreachable_pushgateway_is_named() {
    let directory = tempfile::tempdir().unwrap();
    Registry::open(directory.path()).unwrap().counter("rows", "", &[]).unwrap().labels(&[]).unwrap().inc();
    let (code, _, said) = outcome(&push(directory.path(), "http://127.0.0.1:1", &["--job", "a"]));
    assert_eq!(code, Some(1));
    assert!(said.starts_with("ictus: cannot push to http://127.0.0.1:1: "), "{said}");
    assert!(said.contains("start the server"), "{said}");
    let (code, _, said) = outcome(&push(directory.path(), "127.0.0.1:9091", &["--job", "a"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("give an address such as http://127.0.0.1:9091"), "{said}");
}
