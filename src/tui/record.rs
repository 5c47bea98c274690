//! A row of the grid with one column a line: where its cursor is. What it shows is the grid's.

/// The record on the screen.
#[derive(Debug, Default)]
pub(super) struct RecordView {
    pub(super) top: usize,
    pub(super) height: usize,
}

impl RecordView {
    /// The room has changed, for so many lines.
    pub(super) fn fit(&mut self, height: u16, lines: usize) {
        self.height = usize::from(height).max(1);
        self.top = self.top.min(lines.saturating_sub(self.height));
    }

    /// Keeps a line on the screen.
    pub(super) fn show(&mut self, line: usize) {
        self.top = self.top.min(line).max((line + 1).saturating_sub(self.height));
    }
}
