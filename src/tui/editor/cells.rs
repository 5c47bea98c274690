//! A line as terminal cells: what each user-perceived character looks like and how wide it is.
//!
//! Invariants: what is drawn can never steer a terminal or reorder a line (every control and
//! bidirectional character is replaced by one visible sign); widths are ratatui's own, so columns
//! stay aligned.

use std::borrow::Cow;

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

use crate::model::escape_control;

/// Cells from one tab stop to the next.
const TAB_CELLS: usize = 4;

/// A user-perceived character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glyph<'a> {
    /// Its first byte in the line.
    pub(super) byte: usize,
    /// Its first character in the line.
    pub(super) col: usize,
    /// Its first cell.
    pub(super) x: usize,
    /// How many cells it takes, at least 1.
    pub(super) width: usize,
    /// What is drawn.
    pub(super) symbol: Cow<'a, str>,
    /// It stands for something that cannot be shown.
    pub(super) replaced: bool,
}

/// The glyphs of a line.
pub(super) fn glyphs(line: &str) -> impl Iterator<Item = Glyph<'_>> {
    let mut col = 0;
    let mut x = 0;
    line.grapheme_indices(true).flat_map(pieces).map(move |(byte, text)| {
        let (symbol, width, replaced) = look(text, x);
        let glyph = Glyph { byte, col, x, width, symbol, replaced };
        col += text.chars().count();
        x += width;
        glyph
    })
}

/// A cluster that hides something dangerous is taken apart: every character shows.
fn pieces((at, cluster): (usize, &str)) -> impl Iterator<Item = (usize, &str)> {
    let whole = cluster.len() == 1 || matches!(escape_control(cluster), Cow::Borrowed(_));
    let apart = cluster.char_indices().filter(move |(byte, _)| !whole || *byte == 0);
    apart.map(move |(byte, c)| {
        let length = if whole { cluster.len() } else { c.len_utf8() };
        (at + byte, cluster.get(byte..byte + length).unwrap_or_default())
    })
}

fn look(text: &str, x: usize) -> (Cow<'_, str>, usize, bool) {
    if text == "\t" {
        return (" ".into(), TAB_CELLS - x % TAB_CELLS, false);
    }
    if let Some(c) = text.chars().next().filter(char::is_ascii_control) {
        // The pictures of control characters stand in the order of what they picture.
        let picture =
            if c == '\u{7f}' { '\u{2421}' } else { char::from_u32(0x2400 + u32::from(c)).unwrap_or('?') };
        return (picture.to_string().into(), 1, true);
    }
    if matches!(escape_control(text), Cow::Owned(_)) || text.cell_width() == 0 {
        return ("\u{fffd}".into(), 1, true);
    }
    (text.into(), usize::from(text.cell_width()), false)
}

/// The cell of a column; behind the last one for the end of the line.
pub(super) fn x_of(line: &str, col: usize) -> usize {
    let mut end = 0;
    for glyph in glyphs(line) {
        if glyph.col >= col {
            return glyph.x;
        }
        end = glyph.x + glyph.width;
    }
    end
}

/// The column drawn at a cell; the end of the line behind its last one.
pub(super) fn col_at(line: &str, x: usize) -> usize {
    glyphs(line).find(|g| x < g.x + g.width).map_or_else(|| line.chars().count(), |g| g.col)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(line: &str) -> (String, usize) {
        let glyphs: Vec<_> = glyphs(line).collect();
        let text = glyphs.iter().map(|g| g.symbol.as_ref()).collect();
        (text, glyphs.last().map_or(0, |g| g.x + g.width))
    }

    #[test]
    fn nothing_dangerous_is_drawn_and_every_sign_has_its_cells() {
        assert_eq!(drawn("a\x1b[31m\x7f"), ("a␛[31m␡".into(), 7));
        assert_eq!(drawn("\u{202e}x\u{200b}\u{85}"), ("\u{fffd}x\u{fffd}\u{fffd}".into(), 4));
        assert_eq!(drawn("漢e\u{301}"), ("漢e\u{301}".into(), 3));
        assert_eq!(drawn("a\tb"), ("a b".into(), 5));
        assert_eq!(drawn("\u{301}x"), ("\u{fffd}x".into(), 2), "a mark without a base");
    }

    #[test]
    fn cells_and_columns_agree() {
        let line = "漢e\u{301}\tz";
        for (col, x) in [(0, 0), (1, 2), (3, 3), (4, 4), (5, 5)] {
            assert_eq!(x_of(line, col), x, "column {col}");
            assert_eq!(col_at(line, x), col, "cell {x}");
        }
        assert_eq!((col_at(line, 1), col_at(line, 99)), (0, 5));
    }
}
