//! Draws a [`State`] as a screen.

use std::path::Path;

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Style, Stylize},
    text::{Line, Span},
    widgets::{Cell, Paragraph, Row, Table, Wrap},
};

use super::{
    columns::{self, Columns},
    detail, help,
    mouse::ListArea,
    shorten,
    state::{self, Order, State},
    wrap::wrapped,
};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// From this height, the selected series is written in full below the list.
const MIN_HEIGHT: u16 = 8;

pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, directory: &Path) {
    let width = usize::from(frame.area().width);
    let full = u16::from(frame.area().height >= MIN_HEIGHT && state.detail.is_none());
    let status = status(state, width, usize::from(frame.area().height / 3));
    let [head, body, selected, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(full),
        Constraint::Length(cells(status.len())),
    ])
    .areas(frame.area());
    frame.render_widget(title(state, directory, width), head);
    // The first line is the header of the table.
    state.height = usize::from(body.height.saturating_sub(1));
    state.scroll();
    state.list = None;
    match state.detail {
        Some(first) if state.selected().is_some() => series(frame, state, first, body),
        _ if state.shown.is_empty() => {
            let text = Paragraph::new(empty(state, directory)).wrap(Wrap { trim: true });
            frame.render_widget(text, body);
        }
        _ => {
            let (table, columns) = table(state, width);
            frame.render_widget(table, body);
            state.list = Some(ListArea { header: body.y, columns });
        }
    }
    if let Some(row) = state.selected() {
        frame.render_widget(Line::from(shorten::middle(&row.selector(), width)).dim(), selected);
    }
    frame.render_widget(Paragraph::new(status), foot);
    help::draw(frame, state, body.union(selected));
}

/// Joins parts that fit, with two spaces between; the first ones are the most important.
fn fitting(parts: &[String], width: usize) -> String {
    let mut line = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let gap = if line.is_empty() { "" } else { "  " };
        if shorten::width(&line) + gap.len() + shorten::width(part) > width {
            break;
        }
        line.push_str(gap);
        line.push_str(part);
    }
    line
}

fn title(state: &State, directory: &Path, width: usize) -> Line<'static> {
    let health = &state.health;
    let series = match state.filter.is_empty() {
        true => format!("{} series", state.rows.len()),
        false => format!("{} of {} series", state.shown.len(), state.rows.len()),
    };
    let workers = format!("{} live and {} dead workers", health.live_segments, health.dead_segments);
    let mut spans = vec!["ictus ".bold()];
    let mut left = width.saturating_sub(6);
    let mut push = |span: Span<'static>, left: &mut usize| {
        *left = left.saturating_sub(span.width());
        spans.push(span);
    };
    if state.paused {
        push("PAUSED  ".bold().yellow(), &mut left);
    }
    if state.failed.is_some() {
        push("NOT UPDATED  ".bold().red(), &mut left);
    }
    let counts = fitting(&[format!("{series}, {workers}")], left.saturating_sub(14));
    let counts = if counts.is_empty() { fitting(&[series], left) } else { counts };
    let path_width = left.saturating_sub(shorten::width(&counts) + 2);
    if path_width >= 12 {
        let path = shorten::middle(&ictus::printable(&directory.display().to_string()), path_width);
        push(Span::raw(format!("{path}  ")), &mut left);
    }
    push(Span::raw(counts), &mut left);
    Line::from(spans)
}

/// Returns the list, and the end of each of its columns.
fn table(state: &State, width: usize) -> (Table<'static>, Vec<(Order, usize)>) {
    let rows: Vec<&state::Row> =
        state.shown.iter().skip(state.first).take(state.height).map(|&at| &state.rows[at]).collect();
    let columns = Columns::new(state, &rows, width);
    let texts = columns::texts(state, &rows, &columns);
    let heading = |order: Order, width: usize| {
        let is_text = matches!(order, Order::Name | Order::Labels);
        let text = Line::from(shorten::end(&columns::title(state, order), width));
        let text = if is_text { text } else { text.alignment(Alignment::Right) };
        let cell = Cell::new(text).bold();
        if state.order == order { cell.reversed() } else { cell }
    };
    let mut head = vec![heading(Order::Name, columns.name)];
    let mut widths = vec![Constraint::Length(cells(columns.name))];
    if columns.labels > 0 {
        head.push(heading(Order::Labels, columns.labels));
        widths.push(Constraint::Length(cells(columns.labels)));
    }
    for (order, width) in &columns.numbers {
        head.push(heading(*order, *width));
        widths.push(Constraint::Length(cells(*width)));
    }
    if let Some(width) = columns.bars {
        let titles = ["WINDOW, OLDEST FIRST", "WINDOW"];
        let title = titles.into_iter().find(|title| title.len() <= width).unwrap_or_default();
        head.push(Cell::new(title).bold());
        widths.push(Constraint::Length(cells(width)));
    }
    let lines = rows.iter().zip(texts).enumerate().map(|(index, (row, (name, labels)))| {
        let mut line = vec![Cell::new(name)];
        if columns.labels > 0 {
            line.push(Cell::new(labels));
        }
        let number = |order| Cell::new(Line::from(columns::cell(row, order)).alignment(Alignment::Right));
        line.extend(columns.numbers.iter().map(|(order, _)| number(*order)));
        if let Some(width) = columns.bars {
            let values: Vec<f64> = row.window.iter().map(|seen| seen.value).collect();
            line.push(Cell::new(bars(&values, width)).style(Style::new().cyan()));
        }
        let is_selected = state.first + index == state.cursor;
        Row::new(line).style(if is_selected { Style::new().reversed() } else { Style::new() })
    });
    let table = Table::new(lines.collect::<Vec<_>>(), widths).header(Row::new(head)).column_spacing(1);
    (table, columns.ends())
}

fn cells(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// Draws the window as bars, oldest first. Each bar is the maximum of its part of the window, so
/// that slow observations stay visible, relative to the maximum of all.
fn bars(window: &[f64], width: usize) -> String {
    let max = window.iter().copied().fold(0.0, f64::max);
    let parts = window.chunks(window.len().div_ceil(width.max(1)).max(1));
    let greatest = parts.map(|part| part.iter().copied().fold(0.0, f64::max));
    let bar = |value: f64| if max > 0.0 { BARS[((value / max) * 7.0).round() as usize] } else { BARS[0] };
    greatest.map(bar).collect()
}

/// Draws the selected series alone, from its line `first`.
fn series(frame: &mut Frame<'_>, state: &mut State, first: usize, body: Rect) {
    let Some(row) = state.selected() else { return };
    let lines = detail::lines(row, usize::from(body.width));
    let first = first.min(lines.len().saturating_sub(usize::from(body.height)));
    state.detail = Some(first);
    let lines: Vec<Line<'_>> = lines.into_iter().skip(first).map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), body);
}

/// Returns why the list is empty, and what to do.
fn empty(state: &State, directory: &Path) -> Vec<Line<'static>> {
    let path = ictus::printable(&directory.display().to_string()).into_owned();
    let lines = match (&state.failed, state.rows.is_empty()) {
        (Some(why), true) => vec![why.clone()],
        (_, false) => {
            let error = state.filter_error.clone().unwrap_or_default();
            let missed = format!("No series matches {}", state.filter);
            let back = format!("Esc shows all {} series.", state.rows.len());
            vec![missed, error, back]
        }
        (None, true) if state.read_at.is_none() => vec![format!("reading {path} ...")],
        (None, true) => vec![
            format!("Nothing is recorded in {path} yet."),
            "Series appear as soon as a worker records. If workers run already, ictus check names the cause:"
                .to_owned(),
            format!("ictus check {path}"),
        ],
    };
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    [Line::default()].into_iter().chain(lines.map(Line::from)).collect()
}

/// Returns the last lines: what the user types, why nothing is updated, or the most important keys.
fn status(state: &State, width: usize, max_lines: usize) -> Vec<Line<'static>> {
    let matches = format!("{} of {} series", state.shown.len(), state.rows.len());
    if state.editing {
        let typed_width = width.saturating_sub(shorten::width(&matches) + 4);
        // The end of the search is where the user types.
        let typed = format!("{}▏", state.filter);
        let tail: String = typed.chars().rev().take(typed_width).collect();
        let tail: String = tail.chars().rev().collect();
        return vec![Line::from(vec!["/".bold(), Span::raw(tail), format!("  {matches}").dim()])];
    }
    let failed = state.failed.as_ref().filter(|_| !state.rows.is_empty());
    let logged = Some(&state.logged).filter(|logged| !logged.is_empty());
    // Help needs its keys.
    if let Some(message) = failed.or(logged).filter(|_| state.help.is_none()) {
        let mut lines = wrapped(message, width);
        if lines.len() > max_lines.max(1) {
            let rest = lines.split_off(max_lines.max(1) - 1).join(" ");
            lines.push(shorten::end(&rest, width));
        }
        let colored =
            |line| if failed.is_some() { Line::from(line).red() } else { Line::from(line).yellow() };
        return lines.into_iter().map(colored).collect();
    }
    let search = match state.filter.as_str() {
        "" => String::new(),
        filter => fitting(&[format!("filter: {filter} ({})", matches.trim_end_matches(" series"))], width),
    };
    let (search, hints) = match (state.help, state.detail) {
        (Some(_), _) => (String::new(), &["Esc close", "↑↓ scroll"][..]),
        (None, Some(_)) => (search, &["Esc all series", "↑↓ scroll", "q quit"][..]),
        (None, None) => {
            (search, &["? help", "q quit", "/ search", "Enter details", "< > sort", "p pause"][..])
        }
    };
    let parts: Vec<String> = [search].into_iter().chain(hints.iter().map(|&hint| hint.to_owned())).collect();
    vec![Line::from(fitting(&parts, width)).dim()]
}

#[cfg(test)]
mod tests;
