//! The help of `ictus top`: the keys, over the list, on every size of screen.

use ratatui::{
    Frame,
    layout::Rect,
    style::Stylize,
    text::Line,
    widgets::{Block, Clear, Paragraph},
};

use super::{shorten, state::State, wrap::wrapped};

/// The keys and their effects.
const KEYS: [(&str, &str); 12] = [
    ("↑ ↓ j k", "a row up, down; also PgUp PgDn Home End"),
    ("Enter", "show the series; Esc shows all again"),
    ("/", "search: words, or name{label=\"value\"}"),
    ("Esc", "remove the search; then quit"),
    ("< >", "sort by the column to the left, right"),
    ("9 r c n", "sort by p99, rate, count, name"),
    ("i", "invert the order; so does the same key again"),
    ("p, space", "pause, resume"),
    ("mouse", "scroll; click titles, series, a series twice"),
    ("m", "release the mouse to select text, or use it"),
    ("?", "show or hide this help"),
    ("q, Ctrl-C", "quit"),
];
/// The width of the keys, before their effects.
const KEYS_WIDTH: usize = 10;
/// Below this width, the effect of a key is in the lines below it.
const MIN_WIDTH: usize = 32;
/// From this size on, the help has a frame.
const MIN_FRAME: (u16, u16) = (30, 8);
/// The width that suffices for the longest line, with the frame.
const MAX_WIDTH: u16 = 60;

/// Returns the lines for a screen of that width.
fn lines(width: usize) -> Vec<String> {
    let lines = KEYS.iter().flat_map(|(keys, effect)| {
        if width < MIN_WIDTH {
            let effect = wrapped(effect, width.saturating_sub(2)).into_iter().map(|line| format!("  {line}"));
            return [(*keys).to_owned()].into_iter().chain(effect).collect::<Vec<_>>();
        }
        let effect = wrapped(effect, width - KEYS_WIDTH - 1).into_iter().enumerate();
        effect.map(|(at, line)| format!("{:<KEYS_WIDTH$} {line}", if at == 0 { keys } else { "" })).collect()
    });
    lines.collect()
}

/// Draws the help in its area, from the line to which the user has scrolled.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, area: Rect) {
    let Some(first) = state.help else { return };
    let has_frame = area.width >= MIN_FRAME.0 && area.height >= MIN_FRAME.1;
    let width = if has_frame { MAX_WIDTH.min(area.width) } else { area.width };
    let border = if has_frame { 2 } else { 0 };
    // Besides the frame, a space on both sides.
    let lines = lines(usize::from(width.saturating_sub(2 * border)));
    let all = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let height = all.saturating_add(border).min(area.height);
    let popup =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let rows = usize::from(height.saturating_sub(border));
    let first = first.min(lines.len().saturating_sub(rows));
    state.help = Some(first);
    let margin = if has_frame { " " } else { "" };
    let shown = lines.iter().skip(first).map(|line| Line::raw(format!("{margin}{line}")));
    let mut help = Paragraph::new(shown.collect::<Vec<_>>());
    if has_frame {
        let mut block = Block::bordered().title(" Keys ");
        if lines.len() > rows {
            let popup = format!(" {}–{} of {} ", first + 1, first + rows, lines.len());
            block = block.title_bottom(Line::raw(shorten::end(&popup, usize::from(width) - 2)).dim());
        }
        help = help.block(block);
    }
    frame.render_widget(Clear, popup);
    frame.render_widget(help, popup);
}

#[cfg(test)]
mod tests {
    use super::{KEYS, lines, shorten};

    #[test]
    fn no_key_and_no_effect_is_cut_at_any_width() {
        for width in 12..80 {
            let lines = lines(width);
            assert!(lines.iter().all(|line| shorten::width(line) <= width), "{width}: {lines:#?}");
            let shown: String = lines.concat().split_whitespace().collect();
            for (keys, effect) in KEYS {
                let text: String = format!("{keys}{effect}").split_whitespace().collect();
                assert!(shown.contains(&text), "{width}: {keys} {effect}: {lines:#?}");
            }
        }
    }
}
