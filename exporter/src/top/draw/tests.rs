use std::{path::Path, time::Instant};

use ictus::{Registry, surface::View};
use ratatui::{Terminal, backend::TestBackend};

use super::{Order, State, bars, columns, draw, shorten};

/// The sizes of terminals on which no number may be cut.
const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (200, 60)];

fn screen(state: &mut State, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state, Path::new("/run/metrics"))).unwrap();
    let buffer = terminal.backend().buffer().clone();
    buffer
        .content
        .chunks(usize::from(width).max(1))
        .map(|line| line.iter().map(|cell| cell.symbol()).collect())
        .collect()
}

fn state_of(registry: &Registry) -> State {
    let mut state = State::new(Order::P99, View::default());
    state.update(Ok(registry.snapshot().unwrap()), Instant::now());
    state
}

fn state() -> State {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "How long jobs take.", &["job"]).unwrap();
    (1..=30).for_each(|job| jobs.labels(&[&job.to_string()]).unwrap().observe(f64::from(job)));
    state_of(&registry)
}

/// Series with long names and labels, and numbers of every length.
fn wide() -> State {
    let registry = Registry::new();
    let requests = registry
        .timer("http_client_request_duration_seconds", "Requests.", &["method", "status", "uri"])
        .unwrap();
    let values = [2.5e-7, 0.000_999_6, 0.099_97, 59.99, 3_599.0, 86_000.0, 331_200.0, 9e7];
    for (index, value) in values.into_iter().enumerate() {
        for status in ["200", "503"] {
            let uri = format!("/api/v1/tenants/{index}/workflows/tasks/queue/update");
            requests.labels(&["POST", status, &uri]).unwrap().observe(value);
        }
    }
    let mails = registry.counter("mails_sent_by_the_imports", "", &["queue"]).unwrap();
    mails.labels(&["a"]).unwrap().add(13_300_123.0);
    mails.labels(&["b"]).unwrap().add(999_999.0);
    registry.gauge("level", "", &[]).unwrap().labels(&[]).unwrap().set(-1e300);
    state_of(&registry)
}

#[test]
fn a_screen_has_as_many_series_as_fit() {
    let mut state = state();
    let lines = screen(&mut state, 120, 12);
    assert!(lines[0].contains("/run/metrics  30 series"), "{lines:#?}");
    assert!(lines[1].contains("METRIC") && lines[1].contains("P99▾"), "{}", lines[1]);
    assert!(lines[2].contains("job=30") && lines[2].contains("30.0 s"), "{}", lines[2]);
    assert!(lines[9].contains("job=23") && lines[11].contains("? help"), "{lines:#?}");
    assert!(lines[10].contains("job_seconds{job=\"30\"}"), "the series with the cursor: {lines:#?}");
    state.step(isize::MAX);
    assert!(screen(&mut state, 120, 12)[9].contains("job=1 "));
}

#[test]
fn every_number_in_sight_is_whole() {
    for (width, height) in SIZES.into_iter().chain([(20, 8), (60, 20), (100, 30)]) {
        for order in Order::ALL {
            let mut state = wide();
            state.order = order;
            state.sort_rows();
            let lines = screen(&mut state, width, height);
            let rows: Vec<_> =
                state.shown.iter().skip(state.first).take(state.height).map(|&at| &state.rows[at]).collect();
            let chosen = columns::Columns::new(&state, &rows, usize::from(width));
            if width >= 40 {
                assert!(!chosen.numbers.is_empty(), "{width}");
            }
            for (row, line) in rows.iter().zip(&lines[2..]) {
                let mut rest = line.as_str();
                for (order, _) in &chosen.numbers {
                    let number = columns::cell(row, *order);
                    let offset =
                        rest.find(&format!(" {number}")).unwrap_or_else(|| panic!("{number}: {lines:#?}"));
                    rest = &rest[offset + number.len() + 1..];
                }
            }
        }
    }
}

#[test]
fn rows_of_different_series_differ_in_names_or_labels() {
    for (width, _) in SIZES {
        let mut state = wide();
        screen(&mut state, width, 60);
        let rows: Vec<_> = state.shown.iter().map(|&at| &state.rows[at]).collect();
        let chosen = columns::Columns::new(&state, &rows, usize::from(width));
        let mut texts = columns::texts(&state, &rows, &chosen);
        assert!(texts.iter().all(|(name, labels)| {
            shorten::width(name) <= chosen.name && shorten::width(labels) <= chosen.labels
        }));
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), rows.len(), "{width}: {texts:#?}");
    }
}

#[test]
fn a_wide_screen_has_every_column() {
    let mut state = state();
    let lines = screen(&mut state, 200, 60);
    for title in ["METRIC", "LABELS", "COUNT", "RATE/s", "P50", "P95", "P99▾", "MAX", "WINDOW"] {
        assert!(lines[1].contains(title), "{title}: {}", lines[1]);
    }
    let lines = screen(&mut state, 80, 24);
    for title in ["METRIC", "LABELS", "RATE/s", "P95", "P99▾"] {
        assert!(lines[1].contains(title), "{title}: {}", lines[1]);
    }
}

#[test]
fn empty_and_blank_values_are_visible() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job", "status"]).unwrap();
    for job in ["", " ", "a_job_with_a_name_that_leaves_no_space_for_the_names_of_labels"] {
        jobs.labels(&[job, "SUCCESS"]).unwrap().observe(1.0);
    }
    let mut state = state_of(&registry);
    let lines = screen(&mut state, 60, 12).join("\n");
    assert!(lines.contains(" \"\" ") && lines.contains(" \" \" "), "{lines}");
    state.detail = Some(0);
    assert!(screen(&mut state, 60, 12).join("\n").contains("job = \"\""));
}

#[test]
fn no_title_is_cut_and_rows_of_a_metric_have_one_form() {
    let registry = Registry::new();
    let jobs = registry.timer("job_seconds", "", &["job", "status"]).unwrap();
    for job in ["import", "a_job_with_a_name_that_leaves_no_space_for_the_names_of_labels"] {
        jobs.labels(&[job, "SUCCESS"]).unwrap().observe(1.0);
    }
    let mut state = state_of(&registry);
    for width in 40..200 {
        let lines = screen(&mut state, width, 12);
        assert!(!lines[1].contains('…'), "{lines:#?}");
        let forms: Vec<bool> = lines[2..4].iter().map(|line| line.contains("job=")).collect();
        assert_eq!(forms[0], forms[1], "{width}: {lines:#?}");
    }
}

#[test]
fn a_series_is_shown_alone() {
    let mut state = wide();
    state.filter = "status=200 tenants/6".to_owned();
    state.sort_rows();
    for (width, height) in SIZES {
        state.detail = Some(0);
        let mut seen = String::new();
        for _ in 0..40 {
            seen.push_str(&screen(&mut state, width, height).join("\n"));
            state.detail = state.detail.map(|first| first + 1);
        }
        for text in
            ["http_client_request_duration_seconds", "Requests.", "status = 200", "p99.9  3 d 20 h", "max"]
        {
            assert!(seen.contains(text), "{width}: {text}");
        }
    }
}

#[test]
fn an_empty_list_has_its_reason_and_a_way_back() {
    let mut state = state();
    state.filter = "nothing_total".to_owned();
    state.sort_rows();
    let lines = screen(&mut state, 80, 24).join("\n");
    assert!(
        lines.contains("No series matches nothing_total") && lines.contains("Esc shows all 30"),
        "{lines}"
    );
    let mut nothing = State::new(Order::P99, View::default());
    nothing.update(Err("/run/metrics does not exist yet".to_owned()), Instant::now());
    assert!(screen(&mut nothing, 80, 24).join("\n").contains("does not exist yet"));
    nothing.update(Ok(Registry::new().snapshot().unwrap()), Instant::now());
    let lines = screen(&mut nothing, 80, 24).join("\n");
    assert!(lines.contains("Nothing is recorded") && lines.contains("ictus check /run/metrics"), "{lines}");
}

#[test]
fn help_is_read_to_its_end_at_every_size() {
    for (width, height) in SIZES.into_iter().chain([(60, 20), (30, 8), (20, 5), (14, 4)]) {
        let mut state = state();
        state.help = Some(0);
        let mut seen = String::new();
        for _ in 0..60 {
            let lines = screen(&mut state, width, height);
            assert!(lines[usize::from(height) - 1].contains("Esc close"), "{lines:#?}");
            seen.push_str(&lines.concat());
            super::super::keys::scroll(&mut state, 1);
        }
        for word in "row up, down; Enter remove search; invert order; mouse release hide help q, Ctrl-C quit"
            .split(' ')
        {
            assert!(seen.contains(word), "{width}x{height}: {word}: {seen}");
        }
        assert!(state.cursor == 0, "the list behind the help stays");
    }
}

#[test]
fn an_error_is_read_to_its_end() {
    let mut state = state();
    let why = "/var/lib/conductor/workers/metrics does not exist; waiting for workers, which create it";
    state.update(Err(why.to_owned()), Instant::now());
    for (width, height) in [(40, 10), (80, 24), (200, 60)] {
        let lines = screen(&mut state, width, height);
        let seen: String = lines.concat().split_whitespace().collect();
        assert!(seen.contains(&why.split_whitespace().collect::<String>()), "{lines:#?}");
        assert!(lines[2].contains("job=30"), "{lines:#?}");
    }
    state.update(Err("long ".repeat(1000)), Instant::now());
    assert!(screen(&mut state, 40, 10)[2].contains("job=30"), "the list keeps its place");
}

#[test]
fn every_size_is_drawn() {
    let mut state = state();
    for help in [Some(7), None] {
        for detail in [None, Some(3)] {
            for (width, height) in [(1, 1), (3, 40), (200, 2), (20, 5), (0, 0)] {
                (state.help, state.detail) = (help, detail);
                state.step(1);
                screen(&mut state, width, height);
            }
        }
    }
}

#[test]
fn bars_show_the_slowest() {
    assert_eq!(bars(&[], 24), "");
    assert_eq!(bars(&[0.0, 0.0], 24), "▁▁");
    assert_eq!(bars(&[1.0, 8.0, 4.5], 24), "▂█▅");
    let mut window = [1.0; 1_000];
    window[999] = 100.0;
    let drawn = bars(&window, 24);
    assert_eq!((drawn.chars().count(), drawn.chars().last()), (24, Some('█')));
}
