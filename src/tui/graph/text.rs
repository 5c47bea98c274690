//! Text cut to cells.

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

use crate::model::escape_control;

/// The cells a text takes once it is safe to draw; `most` when it is wider.
pub(super) fn width(text: &str, most: usize) -> usize {
    let safe = head(text, most);
    let cells: usize = escape_control(&safe).graphemes(true).map(|g| usize::from(g.cell_width())).sum();
    if safe.len() < text.len() { most } else { cells.min(most) }
}

/// A text made safe to draw and cut to some cells; the cut shows as `…`.
pub(super) fn clip(text: &str, cells: usize) -> String {
    let start = head(text, cells);
    let safe = escape_control(&start);
    let (mut out, mut used, mut fits) = (String::new(), 0, 0);
    for cluster in safe.graphemes(true) {
        used += usize::from(cluster.cell_width());
        if used <= cells {
            out.push_str(cluster);
        }
        // What fits beside the sign of a cut.
        if used < cells {
            fits = out.len();
        }
    }
    if used <= cells && start.len() == text.len() {
        return out;
    }
    out.truncate(fits);
    if cells > 0 {
        out.push('…');
    }
    out
}

/// As much of a text as can matter: a label may be a megabyte long.
fn head(text: &str, cells: usize) -> String {
    text.chars().take(cells.saturating_mul(8).saturating_add(64)).collect()
}

/// A number with commas between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_cells_and_made_safe() {
        assert_eq!(clip("libc6", 5), "libc6");
        assert_eq!(clip("libc6-dev", 5), "libc…");
        assert_eq!(clip("漢字漢字", 5), "漢字…");
        assert_eq!(clip("漢字漢字", 4), "漢…");
        assert_eq!(clip("a\x1b[0m", 20), "a\\u{1b}[0m");
        assert_eq!((clip("abc", 0), clip("", 4)), (String::new(), String::new()));
        assert_eq!(clip(&"x".repeat(1 << 20), 6), "xxxxx…");
        assert_eq!((width("漢字", 10), width(&"x".repeat(1 << 20), 6), width("\n", 9)), (4, 6, 2));
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0, 999, 1000, 21_755, 1_234_567].map(thousands),
            ["0", "999", "1,000", "21,755", "1,234,567"]
        );
    }
}
