//! Mouse of `ictus top`: the wheel scrolls, and a click sorts by a column or selects a series.

use std::io::{self, Write};

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{
    keys,
    state::{Order, State},
};

/// The terminal reports clicks and the wheel, but no movements, which would redraw the screen.
const CAPTURE: &str = "\x1b[?1000h\x1b[?1006h";
const RELEASE: &str = "\x1b[?1006l\x1b[?1000l";
/// The rows that one step of the wheel scrolls.
const WHEEL_ROWS: isize = 3;

/// The place of the list on the screen.
#[derive(Debug)]
pub(super) struct ListArea {
    /// The line of the header. The rows follow.
    pub(super) header: u16,
    /// The columns from left to right, each with the position at which it ends.
    pub(super) columns: Vec<(Order, usize)>,
}

/// Whether the terminal reports the mouse. Dropping it releases the mouse.
#[derive(Debug, Default)]
pub(super) struct MouseCapture {
    is_on: bool,
}

impl MouseCapture {
    pub(super) fn set(&mut self, is_on: bool) -> io::Result<()> {
        if self.is_on == is_on {
            return Ok(());
        }
        self.is_on = is_on;
        let mut terminal = io::stdout().lock();
        terminal.write_all(if is_on { CAPTURE } else { RELEASE }.as_bytes())?;
        terminal.flush()
    }
}

impl Drop for MouseCapture {
    fn drop(&mut self) {
        // A closed terminal needs no restoration.
        let _ = self.set(false);
    }
}

/// Handles an event.
pub(super) fn handle(state: &mut State, event: MouseEvent) {
    match event.kind {
        MouseEventKind::ScrollDown => keys::scroll(state, WHEEL_ROWS),
        MouseEventKind::ScrollUp => keys::scroll(state, -WHEEL_ROWS),
        MouseEventKind::Down(MouseButton::Left) if state.help.is_some() => state.help = None,
        MouseEventKind::Down(MouseButton::Left) if state.detail.is_some() => state.detail = None,
        MouseEventKind::Down(MouseButton::Left) => click(state, event.column, event.row),
        _ => return,
    }
    state.sort_rows();
}

fn click(state: &mut State, column: u16, line: u16) {
    let Some(list) = &state.list else { return };
    if line == list.header {
        let clicked = list.columns.iter().find(|(_, end)| usize::from(column) < *end);
        if let Some(&(order, _)) = clicked {
            state.sort(order);
        }
        return;
    }
    let Some(row) = usize::from(line).checked_sub(usize::from(list.header) + 1) else { return };
    let index = state.first + row;
    if row >= state.height || index >= state.shown.len() {
        return;
    }
    if index == state.cursor {
        state.detail = Some(0);
    } else {
        state.step(index as isize - state.cursor as isize);
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Instant};

    use ictus::{Registry, surface::View};
    use ratatui::{
        Terminal,
        backend::TestBackend,
        crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
    };

    use super::{Order, State, handle};
    use crate::top::draw::draw;

    /// Thirty jobs, of which the slowest is the first.
    fn state() -> State {
        let registry = Registry::new();
        let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
        (1..=30).for_each(|job| jobs.labels(&[&job.to_string()]).unwrap().observe(f64::from(job)));
        let mut state = State::new(Order::P99, View::default());
        state.update(Ok(registry.snapshot().unwrap()), Instant::now());
        state
    }

    fn screen(state: &mut State) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(120, 12)).unwrap();
        terminal.draw(|frame| draw(frame, state, Path::new("/run/metrics"))).unwrap();
        let content = terminal.backend().buffer().content.clone();
        content.chunks(120).map(|line| line.iter().map(|cell| cell.symbol()).collect()).collect()
    }

    fn send(state: &mut State, kind: MouseEventKind, column: usize, row: usize) {
        let (column, row) = (column as u16, row as u16);
        handle(state, MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    }

    fn click(state: &mut State, column: usize, row: usize) {
        send(state, MouseEventKind::Down(MouseButton::Left), column, row);
    }

    #[test]
    fn each_character_of_a_title_sorts_by_its_column() {
        let mut state = state();
        for (title, order) in [
            ("METRIC", Order::Name),
            ("LABELS", Order::Labels),
            ("COUNT", Order::Count),
            ("RATE/s", Order::Rate),
            ("P50", Order::P50),
            ("P95", Order::P95),
            ("MAX", Order::Max),
        ] {
            let header = screen(&mut state)[1].clone();
            let start = header[..header.find(title).unwrap()].chars().count();
            for column in start..start + title.len() {
                state.order = Order::P99;
                click(&mut state, column, 1);
                assert_eq!(state.order, order, "{column} in {header}");
            }
        }
        state.order = Order::P50;
        state.is_reversed = false;
        let header = screen(&mut state)[1].clone();
        let column = header[..header.find("P50").unwrap()].chars().count();
        click(&mut state, column, 1);
        assert!(state.is_reversed, "the same column again");
        click(&mut state, 119, 1);
        assert_eq!(state.order, Order::P50, "bars are no column to sort by");
    }

    #[test]
    fn a_click_selects_and_a_second_click_shows() {
        let mut state = state();
        screen(&mut state);
        click(&mut state, 5, 4);
        assert_eq!((state.cursor, state.detail), (2, None));
        assert!(screen(&mut state)[10].contains("job_seconds{job=\"28\"}"));
        click(&mut state, 80, 4);
        assert_eq!(state.detail, Some(0));
        assert!(screen(&mut state).join("\n").contains("job = 28"));
        click(&mut state, 5, 5);
        assert_eq!((state.cursor, state.detail), (2, None), "back to the list");
        screen(&mut state);
        for line in [0, 10, 11, 50] {
            click(&mut state, 5, line);
            assert_eq!((state.cursor, state.detail), (2, None), "no row is in line {line}");
        }
        state.filter = "no such series".to_owned();
        state.sort_rows();
        screen(&mut state);
        click(&mut state, 5, 4);
        assert_eq!(state.detail, None);
    }

    #[test]
    fn the_wheel_scrolls_the_list_and_a_series() {
        let mut state = state();
        screen(&mut state);
        send(&mut state, MouseEventKind::ScrollDown, 0, 0);
        send(&mut state, MouseEventKind::ScrollDown, 0, 0);
        send(&mut state, MouseEventKind::ScrollUp, 0, 0);
        assert_eq!(state.cursor, 3);
        state.detail = Some(0);
        send(&mut state, MouseEventKind::ScrollDown, 0, 0);
        assert_eq!((state.cursor, state.detail), (3, Some(3)));
        send(&mut state, MouseEventKind::Moved, 0, 0);
        assert_eq!((state.cursor, state.detail), (3, Some(3)));
        state.help = Some(0);
        send(&mut state, MouseEventKind::ScrollDown, 0, 0);
        assert_eq!((state.help, state.detail), (Some(3), Some(3)), "the help lies over the series");
        click(&mut state, 5, 5);
        assert_eq!((state.help, state.detail), (None, Some(3)));
    }
}
