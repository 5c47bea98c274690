//! What a test screen looks like besides its text.

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::style::Color;

/// The runs of like style: row, first and last cell, foreground, background, modifiers. Runs that
/// cannot be seen are left out.
pub(crate) fn style_runs(screen: &Buffer) -> String {
    let mut out = String::new();
    for y in screen.area.top()..screen.area.bottom() {
        let mut x = screen.area.left();
        while x < screen.area.right() {
            let (start, style) = (x, screen[(x, y)].style());
            let mut blank = true;
            while x < screen.area.right() && screen[(x, y)].style() == style {
                blank &= screen[(x, y)].symbol().trim().is_empty();
                x += 1;
            }
            let background = style.bg.filter(|bg| *bg != Color::Reset);
            if blank && background.is_none() && style.add_modifier.is_empty() {
                continue;
            }
            let _ = write!(out, "{y}:{start}-{} {}", x - 1, style.fg.unwrap_or_default());
            if let Some(background) = background {
                let _ = write!(out, " on {background}");
            }
            if !style.add_modifier.is_empty() {
                let _ = write!(out, " {:?}", style.add_modifier);
            }
            out.push('\n');
        }
    }
    out
}
