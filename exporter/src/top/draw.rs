//! Draws a [`State`] as a screen.

use std::path::Path;

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Cell, Clear, Paragraph, Row, Table},
};

use super::state::{self, Order, State};
use crate::table::quantity;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The number of columns for the bars of a window.
const WINDOW: usize = 24;
const HELP: [(&str, &str); 8] = [
    ("9 r c n", "order by p99, rate, count, name"),
    ("/", "filter: words that name or labels have"),
    ("Esc", "no filter; then the end"),
    ("p, space", "pause, go on"),
    ("↑ ↓ j k", "a row up, down"),
    ("PgUp PgDn", "a screen up, down; Home, End"),
    ("?", "this help, away again"),
    ("q", "the end"),
];

pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, directory: &Path) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(title(state, directory), head);
    // The first line is the header of the table.
    state.room = usize::from(body.height.saturating_sub(1));
    state.first = state.first.min(state.shown.len().saturating_sub(state.room.max(1)));
    frame.render_widget(table(state), body);
    frame.render_widget(status(state), foot);
    if state.help {
        help(frame, body);
    }
}

fn title(state: &State, directory: &Path) -> Line<'static> {
    let health = &state.health;
    let mut spans = vec![
        "ictus ".bold(),
        Span::raw(directory.display().to_string()),
        Span::raw(format!(
            "  {} series, {} live and {} dead workers",
            state.rows.len(),
            health.live_segments,
            health.dead_segments
        )),
    ];
    if state.paused {
        spans.push("  PAUSED".bold().yellow());
    }
    if let Some(why) = &state.failed {
        spans.push(format!("  {why}").red());
    }
    Line::from(spans)
}

fn table(state: &State) -> Table<'static> {
    let mark = |order, text: &'static str| {
        let cell = Cell::new(Line::from(text).alignment(Alignment::Right));
        if state.order == order { cell.bold().reversed() } else { cell.bold() }
    };
    let left = |text: &'static str| Cell::new(text).bold();
    let right = |text: &'static str| Cell::new(Line::from(text).alignment(Alignment::Right)).bold();
    let name = if state.order == Order::Name { left("TIMER").reversed() } else { left("TIMER") };
    let head = Row::new([
        name,
        left("LABELS"),
        mark(Order::Count, "COUNT"),
        mark(Order::Rate, "RATE/s"),
        right("P50"),
        right("P95"),
        mark(Order::P99, "P99"),
        left("WINDOW, OLDEST FIRST"),
    ]);
    let rows = state.shown.iter().skip(state.first).take(state.room).map(|&at| row(&state.rows[at]));
    let widths = [
        Constraint::Fill(2),
        Constraint::Fill(3),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(WINDOW as u16),
    ];
    Table::new(rows, widths).header(head).column_spacing(1)
}

fn row(row: &state::Row) -> Row<'static> {
    let right = |text: String| Cell::new(Line::from(text).alignment(Alignment::Right));
    let quantile = |at: usize| {
        right(row.quantiles.map_or_else(String::new, |quantiles| quantity(quantiles[at], row.unit)))
    };
    let rate = row.rate.map_or_else(String::new, |rate| {
        if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
    });
    Row::new([
        Cell::new(row.name.clone()),
        Cell::new(row.labels.clone()),
        right(row.count.to_string()),
        right(rate),
        quantile(0),
        quantile(3),
        quantile(4),
        Cell::new(picture(&row.window)).style(Style::new().cyan()),
    ])
}

/// Draws the window as bars, oldest first. Each bar is the maximum of its part of the window, so
/// that slow observations stay visible, relative to the maximum of all.
fn picture(window: &[f64]) -> String {
    let most = window.iter().copied().fold(0.0, f64::max);
    let parts = window.chunks(window.len().div_ceil(WINDOW).max(1));
    let greatest = parts.map(|part| part.iter().copied().fold(0.0, f64::max));
    let bar = |value: f64| if most > 0.0 { BARS[((value / most) * 7.0).round() as usize] } else { BARS[0] };
    greatest.map(bar).collect()
}

fn status(state: &State) -> Line<'static> {
    if state.editing {
        return Line::from(vec!["/".bold(), Span::raw(state.filter.clone()), "▏".into()]);
    }
    if !state.said.is_empty() {
        return Line::from(state.said.clone()).yellow();
    }
    let filter = if state.filter.is_empty() {
        String::new()
    } else {
        format!("  filter: {} ({} of {})", state.filter, state.shown.len(), state.rows.len())
    };
    Line::from(vec!["? help  9 p99  r rate  c count  n name  / filter  p pause  q end".dim(), filter.into()])
}

fn help(frame: &mut Frame<'_>, body: Rect) {
    let lines: Vec<Line<'_>> =
        HELP.iter().map(|(keys, what)| Line::raw(format!(" {keys:<10} {what}"))).collect();
    let width = 56.min(body.width);
    let height = (HELP.len() as u16 + 2).min(body.height);
    let place =
        Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), place);
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Instant};

    use ictus::Registry;
    use ratatui::{Terminal, backend::TestBackend};

    use super::{Order, State, draw, picture};

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

    fn state() -> State {
        let registry = Registry::new();
        let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
        (1..=30).for_each(|job| jobs.labels(&[&job.to_string()]).unwrap().observe(f64::from(job)));
        let mut state = State::new(Order::P99);
        state.saw(Ok(registry.snapshot().unwrap()), Instant::now());
        state
    }

    #[test]
    fn a_screen_has_as_many_series_as_it_has_room_for() {
        let mut state = state();
        let lines = screen(&mut state, 120, 12);
        assert!(lines[0].contains("/run/metrics  30 series"), "{lines:#?}");
        assert!(lines[1].contains("TIMER") && lines[1].contains("P99"));
        assert!(lines[2].contains("job=30") && lines[2].contains("30.0 s"), "{}", lines[2]);
        assert!(lines[10].contains("job=22") && lines[11].contains("? help"));
        state.step(isize::MAX);
        assert!(screen(&mut state, 120, 12)[10].contains("job=1 "));
    }

    #[test]
    fn any_size_can_be_drawn_on() {
        let mut state = state();
        state.help = true;
        for (width, height) in [(1, 1), (3, 40), (200, 2), (20, 5), (0, 0)] {
            state.step(1);
            screen(&mut state, width, height);
        }
    }

    #[test]
    fn a_window_is_drawn_by_its_slowest() {
        assert_eq!(picture(&[]), "");
        assert_eq!(picture(&[0.0, 0.0]), "▁▁");
        assert_eq!(picture(&[1.0, 8.0, 4.5]), "▂█▅");
        let mut window = [1.0; 1_000];
        window[999] = 100.0;
        let drawn = picture(&window);
        assert_eq!((drawn.chars().count(), drawn.chars().last()), (24, Some('█')));
    }
}
