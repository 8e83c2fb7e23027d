//! `ictus top`: shows the series of a metrics directory in a terminal, live.
//!
//! The command takes a snapshot at each interval, and handles keys and the mouse immediately. It draws a
//! [`State`](state::State), which does not depend on a terminal. `columns` chooses what fits,
//! `shorten` what remains of long names and labels, and `wrap` breaks texts into lines.

mod columns;
mod detail;
mod draw;
mod hangup;
mod help;
mod keys;
mod mouse;
mod shorten;
mod state;
mod wrap;

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use ictus::{Reader, surface::View};
use ratatui::crossterm::event::{self, Event, KeyEventKind};

pub(crate) use self::state::Order;
use self::{mouse::MouseCapture, state::State};
use crate::{directory::Unusable, terminal::StderrBuffer};

/// The longest time until a signal is noticed.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(200);

/// What `top` shows first.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) order: Order,
    pub(crate) interval: Duration,
    pub(crate) view: View,
}

/// Runs until the user ends it, or until `is_stopped` returns true. The screen of the shell is
/// restored in both cases.
pub(crate) fn run(directory: &Path, options: Options, is_stopped: &dyn Fn() -> bool) -> io::Result<()> {
    hangup::exit_on_hangup()?;
    let mut terminal = ratatui::try_init()?;
    // Dropped before the terminal, so that later messages are visible.
    let hold = StderrBuffer::new();
    let ended = watch(&mut terminal, directory, options, is_stopped, &hold);
    ratatui::try_restore()?;
    drop(hold);
    ended
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    directory: &Path,
    Options { order, interval, view }: Options,
    is_stopped: &dyn Fn() -> bool,
    hold: &StderrBuffer,
) -> io::Result<()> {
    let mut reader = Reader::new(directory);
    let mut state = State::new(order, view);
    let mut next = Instant::now();
    let mut mouse = MouseCapture::default();
    while !is_stopped() {
        let now = Instant::now();
        if now >= next {
            next = now + interval;
            if !state.paused {
                let snapshot = match Unusable::examine(directory) {
                    None => reader.snapshot().map_err(|error| error.to_string()),
                    Some(why) if why.is_missing() => Err(format!(
                        "{} does not exist yet; waiting for workers, which create it when they record. Check \
                         that this is their directory",
                        directory.display()
                    )),
                    Some(why) => Err(why.to_string()),
                };
                state.update(snapshot.map_err(|why| ictus::printable(&why).into_owned()), now);
            }
        }
        state.logged = hold.last();
        terminal.draw(|frame| draw::draw(frame, &mut state, directory))?;
        // A resize is an event, too, and the screen is redrawn immediately.
        mouse.set(state.has_mouse)?;
        if !event::poll(next.saturating_duration_since(Instant::now()).min(SIGNAL_INTERVAL))? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release && keys::is_end(&mut state, key) => {
                return Ok(());
            }
            Event::Mouse(event) => mouse::handle(&mut state, event),
            _ => {}
        }
    }
    Ok(())
}
