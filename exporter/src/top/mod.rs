//! `ictus top`: shows the series of a metrics directory in a terminal, live.
//!
//! The command takes a snapshot at each interval, and handles keys immediately. It draws a
//! [`State`](state::State), which does not depend on a terminal.

mod draw;
mod state;

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use ictus::Reader;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

pub(crate) use self::state::Order;
use self::state::State;
use crate::{directory::Unusable, terminal::StderrBuffer};

/// Runs until the user ends it.
pub(crate) fn run(directory: &Path, order: Order, interval: Duration) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    // Dropped before the terminal, so that later messages are visible.
    let hold = StderrBuffer::new();
    let ended = watch(&mut terminal, directory, order, interval, &hold);
    ratatui::try_restore()?;
    drop(hold);
    ended
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    directory: &Path,
    order: Order,
    interval: Duration,
    hold: &StderrBuffer,
) -> io::Result<()> {
    let mut reader = Reader::new(directory);
    let mut state = State::new(order);
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        if now >= next {
            next = now + interval;
            if !state.paused {
                let snapshot = match Unusable::examine(directory) {
                    None => reader.snapshot().map_err(|error| error.to_string()),
                    Some(why) if why.is_missing() => {
                        Err("it does not exist yet; waiting for workers".to_owned())
                    }
                    Some(why) => Err(why.to_string()),
                };
                state.saw(snapshot, now);
            }
        }
        state.said = hold.last();
        terminal.draw(|frame| draw::draw(frame, &mut state, directory))?;
        // A resize is an event, too, and the screen is redrawn immediately.
        if event::poll(next.saturating_duration_since(Instant::now()))?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && is_end(&mut state, key)
        {
            return Ok(());
        }
    }
}

/// Handles a key; returns whether the key ends the command.
fn is_end(state: &mut State, key: KeyEvent) -> bool {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(key.code, KeyCode::Char('c' | 'd'));
    }
    if state.editing {
        match key.code {
            KeyCode::Enter => state.editing = false,
            KeyCode::Esc => {
                state.editing = false;
                state.filter.clear();
            }
            KeyCode::Backspace => _ = state.filter.pop(),
            KeyCode::Char(character) => state.filter.push(character),
            _ => {}
        }
        state.arrange();
        return false;
    }
    match key.code {
        KeyCode::Char('q') => return true,
        KeyCode::Esc if state.help => state.help = false,
        KeyCode::Esc if !state.filter.is_empty() => state.filter.clear(),
        KeyCode::Esc => return true,
        KeyCode::Char('?' | 'h') => state.help = !state.help,
        KeyCode::Char('/') => state.editing = true,
        KeyCode::Char('p' | ' ') => state.paused = !state.paused,
        KeyCode::Char('9') => state.order = Order::P99,
        KeyCode::Char('r') => state.order = Order::Rate,
        KeyCode::Char('c') => state.order = Order::Count,
        KeyCode::Char('n') => state.order = Order::Name,
        KeyCode::Down | KeyCode::Char('j') => state.step(1),
        KeyCode::Up | KeyCode::Char('k') => state.step(-1),
        KeyCode::PageDown => state.step(state.page()),
        KeyCode::PageUp => state.step(-state.page()),
        KeyCode::Home => state.step(isize::MIN),
        KeyCode::End => state.step(isize::MAX),
        _ => {}
    }
    state.arrange();
    false
}
