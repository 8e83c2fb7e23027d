//! Keys of `ictus top`.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::{Order, State};

/// Handles a key; returns whether the key ends the command.
pub(super) fn is_end(state: &mut State, key: KeyEvent) -> bool {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(key.code, KeyCode::Char('c' | 'd'));
    }
    if state.editing {
        edit(state, key.code);
        state.sort_rows();
        return false;
    }
    if state.help.is_some() {
        match key.code {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('?' | 'h' | 'q') => state.help = None,
            code => step(state, code),
        }
        return false;
    }
    match key.code {
        KeyCode::Char('q') => return true,
        KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace if state.detail.is_some() => state.detail = None,
        KeyCode::Esc if !state.filter.is_empty() => state.filter.clear(),
        KeyCode::Esc => return true,
        KeyCode::Enter => state.detail = state.selected().map(|_| 0),
        KeyCode::Char('?' | 'h') => state.help = Some(0),
        KeyCode::Char('/') => {
            state.detail = None;
            state.editing = true;
        }
        KeyCode::Char('p' | ' ') => state.paused = !state.paused,
        KeyCode::Char('9') => state.sort(Order::P99),
        KeyCode::Char('r') => state.sort(Order::Rate),
        KeyCode::Char('c') => state.sort(Order::Count),
        KeyCode::Char('n') => state.sort(Order::Name),
        KeyCode::Char('>') | KeyCode::Tab | KeyCode::Right => change_order(state, 1),
        KeyCode::Char('<') | KeyCode::BackTab | KeyCode::Left => change_order(state, -1),
        KeyCode::Char('m') => state.has_mouse = !state.has_mouse,
        KeyCode::Char('i') => state.is_reversed = !state.is_reversed,
        code => step(state, code),
    }
    state.sort_rows();
    false
}

fn edit(state: &mut State, code: KeyCode) {
    match code {
        KeyCode::Enter => state.editing = false,
        KeyCode::Esc => {
            state.editing = false;
            state.filter.clear();
        }
        KeyCode::Backspace => _ = state.filter.pop(),
        KeyCode::Char(character) => state.filter.push(character),
        KeyCode::Up | KeyCode::Down => step(state, code),
        _ => {}
    }
}

fn change_order(state: &mut State, by: isize) {
    state.order = state.order.offset_by(by);
    state.is_reversed = false;
}

/// Handles a key that moves the cursor or scrolls.
fn step(state: &mut State, code: KeyCode) {
    let rows = match code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown => state.page(),
        KeyCode::PageUp => -state.page(),
        KeyCode::Home => isize::MIN,
        KeyCode::End => isize::MAX,
        _ => return,
    };
    scroll(state, rows);
}

/// Moves the cursor, or scrolls the help or the series that is shown alone.
pub(super) fn scroll(state: &mut State, rows: isize) {
    match state.help.as_mut().or(state.detail.as_mut()) {
        Some(first) => *first = first.saturating_add_signed(rows),
        None => state.step(rows),
    }
}
