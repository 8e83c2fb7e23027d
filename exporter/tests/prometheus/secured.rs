//! docs/tls.md: a real Prometheus can scrape with the configuration of that page, and not without
//! it.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{
    http::{data, get},
    page,
    programs::{installed, listening, tied, until},
    terminal::serve,
};

#[test]
fn prometheus_scrapes_with_the_documented_configuration() {
    if !installed(&["prometheus"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        fs::write(file(name), text).unwrap();
        fs::set_permissions(file(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    write("cert", &certified.cert.pem());
    write("key", &certified.signing_key.serialize_pem());
    write("auth", "bearer t0ken\n");
    write("token", "t0ken\n");
    write("wrong", "another\n");
    let metrics = home.path().join("metrics");
    fs::create_dir(&metrics).unwrap();
    let options = ["--tls-cert", &file("cert"), "--tls-key", &file("key"), "--auth", &file("auth")];
    let (_ictus, endpoint) = serve(&metrics, &options);

    let page = page::blocks("tls.md", "yaml").remove(0);
    let job = page.strip_prefix("scrape_configs:\n").unwrap();
    let job = job.replace("localhost:9464", &endpoint.to_string());
    let job = job.replace("/etc/prometheus/ictus-ca.pem", &file("cert"));
    let wrong = job.replace("job_name: conductor", "job_name: wrong");
    let jobs = job.replace("/etc/prometheus/ictus-token", &file("token"))
        + "\n"
        + &wrong.replace("/etc/prometheus/ictus-token", &file("wrong"));
    write("prometheus.yml", &format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}\n"));

    let (_prometheus, address) = listening(
        |address| {
            let mut command = tied("prometheus");
            command.arg(format!("--config.file={}", file("prometheus.yml")));
            command.arg(format!("--storage.tsdb.path={}", file("data")));
            command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
            command
        },
        |address| get(address, "/-/ready").is_ok(),
    );
    let target = |job: &str| {
        let targets = data(address, "/api/v1/targets", &[]).unwrap();
        let targets = targets["activeTargets"].as_array().unwrap().clone();
        let target = targets.into_iter().find(|target| target["labels"]["job"] == job);
        target.map(|target| (target["health"].clone(), target["lastError"].as_str().unwrap().to_owned()))
    };
    until("the scrape with the token", || target("conductor").is_some_and(|(health, _)| health == "up"));
    until("the scrape with another", || {
        target("wrong").is_some_and(|(health, error)| health == "down" && error.contains("401"))
    });
}
