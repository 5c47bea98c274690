//! The graph pane.

#[cfg(test)]
pub(crate) fn style_runs(screen: &ratatui::buffer::Buffer) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for y in screen.area.top()..screen.area.bottom() {
        let mut x = screen.area.left();
        while x < screen.area.right() {
            let start = x;
            let style = screen[(x, y)].style();
            let mut text = String::new();
            while x < screen.area.right() && screen[(x, y)].style() == style {
                text.push_str(screen[(x, y)].symbol());
                x += 1;
            }
            let name = |colour: Option<ratatui::style::Color>| colour.map_or(String::new(), |c| c.to_string());
            if !text.trim().is_empty() || !style.add_modifier.is_empty() || style.bg.is_some_and(|bg| bg != ratatui::style::Color::Reset) {
                let _ = write!(out, "{y}:{start}-{} {}", x - 1, name(style.fg));
                if let Some(bg) = style.bg.filter(|bg| *bg != ratatui::style::Color::Reset) {
                    let _ = write!(out, " on {bg}");
                }
                if !style.add_modifier.is_empty() {
                    let _ = write!(out, " {:?}", style.add_modifier);
                }
                out.push('\n');
            }
        }
    }
    out
}
