//! node-exporter's textfile collector: the file shows the samples of the surface.

use std::{fs, net::SocketAddr, os::unix::fs::MetadataExt as _, path::Path, time::SystemTime};

use super::{
    http, ictus_command,
    programs::{ChildProgram, installed, listening, tied, until},
    recorded::{Recorded, record_others},
    text::{Series, Text},
};

/// Starts node-exporter with the folder of a file, once that file exists.
pub(crate) fn exporter(file: &Path) -> (ChildProgram, SocketAddr) {
    until("the file", || file.exists());
    let folder = file.parent().unwrap().display().to_string();
    let command = |address| {
        let mut command = tied("prometheus-node-exporter");
        command.args([
            "--collector.disable-defaults",
            "--collector.textfile",
            "--web.disable-exporter-metrics",
        ]);
        command.arg(format!("--collector.textfile.directory={folder}"));
        command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
        command
    };
    let ready = |address| http::get(address, "/metrics").is_ok_and(|text| text.contains(&folder));
    listening(command, ready)
}

/// Waits until the file shows the data recorded so far. The age of the file does not show whether
/// the data was read before or after that.
pub(crate) fn until_written(metrics: &Path, surface: &str, file: &Path) {
    let shown = |text: &str| {
        let mut samples = Text::parse(text).samples;
        // The reader counts its own snapshots.
        samples.retain(|series, _| !series.name.starts_with("ictus_snapshots"));
        samples
    };
    let recorded = shown(&ictus_command::dump(metrics, surface));
    until("a write", || shown(&fs::read_to_string(file).unwrap()) == recorded);
}

/// Spells a series as node-exporter does: bounds of buckets are numbers to it.
fn spelled(mut series: Series) -> Series {
    if let Some(bound) = series.labels.get_mut("le").filter(|bound| bound.ends_with(".0")) {
        bound.truncate(bound.len() - 2);
    }
    series
}

#[test]
fn node_exporter_shows_the_file_unchanged() {
    if !installed(&["prometheus-node-exporter", "setpriv"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let metrics = home.path().join("metrics");
    let registry = ictus::Registry::open(&metrics).unwrap();
    let recorded = Recorded::initial();
    recorded.record(&registry);
    record_others(&registry, &recorded);
    for surface in ["legacy", "documented", "legacy,documented", "canonical"] {
        let file = home.path().join(surface).join("conductor.prom");
        fs::create_dir(file.parent().unwrap()).unwrap();
        // The writer ends before the file is read; its last text stays.
        let writing = ictus_command::write(&metrics, surface, &file);
        until("the file", || file.exists());
        drop(writing);
        let (_exporting, address) = exporter(&file);
        let mut written = Text::parse(&fs::read_to_string(&file).unwrap());
        written.samples =
            written.samples.into_iter().map(|(series, value)| (spelled(series), value)).collect();
        let shown = Text::parse(&http::get(address, "/metrics").unwrap());
        for (series, value) in &written.samples {
            assert_eq!(shown.samples.get(series), Some(value), "{surface}: {series:?}");
        }
        for (name, stated) in &written.families {
            assert_eq!(shown.families.get(name), Some(stated), "{surface}: {name}");
        }
        let own: Vec<_> =
            shown.samples.keys().filter(|series| !written.samples.contains_key(series)).collect();
        assert!(
            own.iter().all(|series| series.name.starts_with("node_") || series.name.starts_with("promhttp_")),
            "{surface}: {own:?}"
        );
        assert_eq!(shown.samples[&Series::new("node_textfile_scrape_error", &[])], 0.0, "{surface}");
        let path = file.display().to_string();
        let modified = shown.samples[&Series::new("node_textfile_mtime_seconds", &[("file", &path)])];
        let actual = fs::metadata(&file).unwrap().modified().unwrap();
        let actual = actual.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(modified, actual.as_secs() as f64, "{surface}");
    }
}

/// No process records, and the file is not rewritten. Its time still advances as long as the writer
/// runs.
#[test]
fn node_exporter_distinguishes_idle_workers_from_an_ended_writer() {
    if !installed(&["prometheus-node-exporter", "setpriv"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let metrics = home.path().join("metrics");
    let registry = ictus::Registry::open(&metrics).unwrap();
    Recorded::initial().record(&registry);
    let folder = home.path().join("textfile");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("conductor.prom");
    let writing = ictus_command::write(&metrics, "legacy", &file);
    let (_exporting, address) = exporter(&file);
    let path = file.display().to_string();
    let modified = || {
        let shown = Text::parse(&http::get(address, "/metrics").unwrap());
        shown.samples[&Series::new("node_textfile_mtime_seconds", &[("file", &path)])]
    };
    let (written, first) = (fs::metadata(&file).unwrap().ino(), modified());
    until("a later time", || modified() > first);
    assert_eq!(fs::metadata(&file).unwrap().ino(), written);
    drop(writing);
    let last = modified();
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    until("its age", || now() - last > 2.0);
    assert_eq!(modified(), last);
}
