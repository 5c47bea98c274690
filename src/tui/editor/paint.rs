//! Drawing the editor, and where on the screen things are.

use ratatui::Frame;
use ratatui::buffer::Buffer as Screen;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use super::buffer::{Pos, byte_of};
use super::cells::{self, glyphs};
use super::highlight::Span;
use super::vim::Mode;
use super::{Editor, KeyPreset, Mistake, find, motion};
use crate::tui::theme::Theme;

/// What part of the text is on the screen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    /// The first line.
    top: usize,
    /// The first cell of a line.
    left: usize,
    /// Lines, as of the last draw.
    pub(super) height: usize,
}

impl Editor {
    /// Draws text and line numbers into an area.
    pub fn draw(&self, frame: &mut Frame, area: Rect, focused: bool, theme: &Theme) {
        let area = area.intersection(frame.area());
        let screen = frame.buffer_mut();
        screen.set_style(area, theme.style("ui.text"));
        if area.is_empty() {
            return;
        }
        let view = self.scrolled(area);
        self.view.set(view);
        let last = view.top + view.height;
        let done = self.colours.borrow_mut().update(self.buffer.version(), self.buffer.lines(), last);
        self.colours_missing.set(!done);
        let painter = Painter::new(self, screen, area, focused, theme);
        painter.draw();
        if let Some(prompt) = &self.find.prompt {
            draw_prompt(screen, area, prompt, self.find.missed, theme);
        }
    }

    /// Whether a further draw would show more: colours come in the background, and in portions for
    /// a long text. Worth asking some 30 ms after a draw.
    #[must_use]
    pub fn wants_draw(&self) -> bool {
        self.colours_missing.get()
    }

    /// Where the terminal's cursor belongs.
    #[must_use]
    pub fn cursor(&self, area: Rect) -> Option<Position> {
        if area.is_empty() {
            return None;
        }
        if let Some(prompt) = &self.find.prompt {
            let width = 1 + cells::x_of(prompt, usize::MAX);
            let x = area.x.saturating_add(u16::try_from(width).unwrap_or(u16::MAX));
            return Some(Position::new(x.min(area.right() - 1), area.bottom() - 1));
        }
        let view = self.scrolled(area);
        let at = self.buffer.cursor();
        let x = cells::x_of(self.buffer.line(at.row), at.col).checked_sub(view.left)? + self.gutter();
        let (x, y) = (u16::try_from(x).ok()?, u16::try_from(at.row.checked_sub(view.top)?).ok()?);
        (x < area.width && y < area.height).then(|| Position::new(area.x + x, area.y + y))
    }

    /// Puts the cursor where the mouse was pressed.
    pub fn click(&mut self, column: u16, row: u16, area: Rect) {
        if !area.contains(Position::new(column, row)) {
            return;
        }
        let view = self.scrolled(area);
        let line = (view.top + usize::from(row - area.y)).min(self.buffer.last_row());
        let x = (usize::from(column - area.x) + view.left).saturating_sub(self.gutter());
        let col = cells::col_at(self.buffer.line(line), x);
        self.buffer.close_unit();
        self.vim.reset();
        self.anchor = None;
        self.go(Pos::new(line, col), false);
        if self.keys == KeyPreset::Vim && self.vim.mode != Mode::Insert {
            self.enter_normal();
        }
    }

    /// Scrolls by lines; the cursor stays on the screen.
    pub fn scroll(&mut self, lines: isize) {
        let mut view = self.view.get();
        view.top = view.top.saturating_add_signed(lines).min(self.buffer.last_row());
        self.view.set(view);
        let at = self.buffer.cursor();
        let row = at.row.clamp(view.top, view.top + view.height.max(1) - 1);
        if row != at.row {
            let col = *self.goal.get_or_insert(at.col);
            self.go(Pos::new(row, col), true);
        }
    }

    /// Cells before the text: the number, a space, the statement's bar.
    fn gutter(&self) -> usize {
        digits(self.buffer.lines().len()).max(2) + 2
    }

    /// The view, moved so that the cursor is in it.
    fn scrolled(&self, area: Rect) -> View {
        let View { mut top, mut left, .. } = self.view.get();
        let height = usize::from(area.height);
        let width = usize::from(area.width).saturating_sub(self.gutter()).max(1);
        let at = self.buffer.cursor();
        top = top.min(self.buffer.last_row()).clamp((at.row + 1).saturating_sub(height), at.row);
        let line = self.buffer.line(at.row);
        let x = cells::x_of(line, at.col);
        let end = cells::x_of(line, motion::next_col(line, at.col)).max(x + 1);
        left = left.clamp(end.saturating_sub(width), x.max(end.saturating_sub(width)));
        View { top, left, height }
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn draw_prompt(screen: &mut Screen, area: Rect, prompt: &str, missed: bool, theme: &Theme) {
    let y = area.bottom() - 1;
    screen.set_style(Rect { y, height: 1, ..area }, theme.style("ui.status"));
    let text: String = glyphs(prompt).map(|g| g.symbol.into_owned()).collect();
    screen.set_stringn(area.x, y, format!("/{text}"), usize::from(area.width), theme.style("ui.status"));
    for x in area.x..area.right() {
        if let Some(cell) = screen.cell_mut((x, y)).filter(|_| usize::from(x - area.x) > text.chars().count())
        {
            cell.set_symbol(" ");
        }
    }
    let found = if missed { "not found" } else { "" };
    let room = usize::from(area.width).saturating_sub(text.chars().count() + 3);
    if !found.is_empty() && room >= found.len() {
        let x = area.right().saturating_sub(u16::try_from(found.len() + 1).unwrap_or(0));
        screen.set_stringn(x, y, found, found.len(), theme.style("ui.error"));
    }
}

/// One draw.
struct Painter<'a> {
    editor: &'a Editor,
    screen: &'a mut Screen,
    area: Rect,
    focused: bool,
    theme: &'a Theme,
    gutter: usize,
    selection: Option<(Pos, Pos)>,
    /// The brackets that belong together at the cursor.
    brackets: Option<(Pos, Pos)>,
    /// The lines of the statement under the cursor.
    statement: Option<(usize, usize)>,
}

impl<'a> Painter<'a> {
    fn new(editor: &'a Editor, screen: &'a mut Screen, area: Rect, focused: bool, theme: &'a Theme) -> Self {
        let statement = editor.statement_range();
        let row = |byte| editor.buffer.pos(byte).row;
        Self {
            editor,
            screen,
            area,
            focused,
            theme,
            gutter: editor.gutter(),
            selection: editor.selection(),
            brackets: if focused { editor.bracket_pair() } else { None },
            statement: statement.map(|range| (row(range.start), row(range.end))),
        }
    }

    fn draw(mut self) {
        let view = self.editor.view.get();
        for y in 0..self.area.height {
            let row = view.top + usize::from(y);
            if row > self.editor.buffer.last_row() {
                break;
            }
            self.number(row, self.area.y + y);
            self.line(row, self.area.y + y, view.left);
        }
        let buffer = &self.editor.buffer;
        if buffer.last_row() == 0 && buffer.line(0).is_empty() {
            let normal = self.editor.mode_label() == "NORMAL";
            let hint = if normal { "i writes SQL, F5 runs it" } else { "write SQL here, F5 runs it" };
            self.put(0, self.area.y, hint, self.theme.style("ui.text.muted"));
        }
    }

    fn number(&mut self, row: usize, y: u16) {
        let current = self.focused && row == self.editor.buffer.cursor().row;
        let scope = if current { "ui.line-number.active" } else { "ui.line-number" };
        let text = format!("{:>width$}", row + 1, width = self.gutter - 2);
        let width = usize::from(self.area.width);
        self.screen.set_stringn(self.area.x, y, text, width, self.theme.style(scope));
        let inside = self.statement.is_some_and(|(first, last)| (first..=last).contains(&row));
        let x = self.area.x + u16::try_from(self.gutter - 1).unwrap_or(0);
        if self.editor.error.as_ref().is_some_and(|mistake| mistake.from.row == row) && x < self.area.right()
        {
            self.screen.set_stringn(x, y, "✗", 1, self.theme.style("ui.error"));
        } else if inside && x < self.area.right() {
            let scope = if self.focused { "ui.border.focus" } else { "ui.border" };
            self.screen.set_stringn(x, y, "▎", 1, self.theme.style(scope));
        }
    }

    fn line(&mut self, row: usize, y: u16, left: usize) {
        let editor = self.editor;
        let line = editor.buffer.line(row);
        let colours = editor.colours.borrow();
        let mut spans = colours.spans(row).iter().peekable();
        let selected = self.bytes_in(row, self.selection);
        let mistake = editor.error.as_ref();
        let span = mistake.map(|mistake| (mistake.from, mistake.to));
        let wrong = self.bytes_in(row, span).map(|(from, to)| (from, to.max(from + 1)));
        let found = editor.find.shown().map(|wanted| find::places(line, wanted)).unwrap_or_default();
        let brackets =
            self.brackets.map(|(a, b)| [a, b].map(|p| (p.row == row).then(|| byte_of(line, p.col))));
        let width = usize::from(self.area.width).saturating_sub(self.gutter);
        let (mut end, mut stopped) = (0, false);
        for glyph in glyphs(line) {
            end = glyph.x + glyph.width;
            if glyph.x >= left + width {
                stopped = true;
                break;
            }
            let mut style = self.colour(&mut spans, glyph.byte);
            if glyph.replaced {
                style = style.patch(self.theme.style("ui.warning"));
            }
            if found.iter().any(|(from, to)| (*from..*to).contains(&glyph.byte)) {
                style = style.patch(self.theme.style("ui.selection.dim")).add_modifier(Modifier::UNDERLINED);
            }
            if brackets.is_some_and(|pair| pair.contains(&Some(glyph.byte))) {
                style = style.patch(self.theme.style("ui.text.strong")).add_modifier(Modifier::UNDERLINED);
            }
            style = self.marks(style, glyph.byte, selected, wrong);
            let (symbol, whole) = (glyph.symbol.as_ref(), glyph.x >= left && end <= left + width);
            for (x, symbol) in (glyph.x..end).zip(std::iter::once(symbol).chain(std::iter::repeat(" "))) {
                if (left..left + width).contains(&x) {
                    self.put(x - left, y, if whole { symbol } else { " " }, style);
                }
            }
        }
        // The line's end shows too, where it is selected or wrong.
        if !stopped && (left..left + width).contains(&end) {
            let ends = |span: Option<(usize, usize)>| span.filter(|s| s.1 > line.len());
            let style = self.marks(self.theme.style("ui.text"), line.len(), ends(selected), ends(wrong));
            self.put(end - left, y, " ", style);
        }
        if let Some(mistake) = mistake.filter(|mistake| mistake.from.row == row) {
            let at = if stopped { width } else { end.saturating_sub(left) + 2 };
            self.mistake(mistake, at, row, y, width);
        }
    }

    /// What is wrong: behind the line, where that takes no place from the text, else below the last one.
    fn mistake(&mut self, mistake: &Mistake, at: usize, row: usize, y: u16, width: usize) {
        let style = self.theme.style("ui.error");
        if at + 12 <= width {
            let text = crate::tui::text::cut(&mistake.message, width - at - 2);
            self.put(at, y, &format!("◂ {text}"), style);
        } else if row == self.editor.buffer.last_row() && y + 1 < self.area.bottom() && width > 8 {
            let text = crate::tui::text::cut(&mistake.message, width - 2);
            self.put(0, y + 1, &format!("▴ {text}"), style);
        }
    }

    fn colour(&self, spans: &mut std::iter::Peekable<std::slice::Iter<'_, Span>>, byte: usize) -> Style {
        while spans.next_if(|(range, _)| range.end <= byte).is_some() {}
        let token = spans.peek().filter(|(range, _)| range.contains(&byte)).map(|(_, token)| *token);
        self.theme.style(token.map_or("ui.text", |token| token.scope()))
    }

    fn marks(
        &self,
        style: Style,
        byte: usize,
        selected: Option<(usize, usize)>,
        wrong: Option<(usize, usize)>,
    ) -> Style {
        let covers = |span: Option<(usize, usize)>| span.is_some_and(|(from, to)| (from..to).contains(&byte));
        let mut style = style;
        if covers(selected) {
            style = style.patch(self.theme.style("ui.selection"));
        }
        if covers(wrong) {
            style = style.patch(self.theme.style("ui.error.mark")).add_modifier(Modifier::UNDERLINED);
        }
        style
    }

    /// The bytes of a line that a stretch of text covers; one more than there are where it goes on.
    fn bytes_in(&self, row: usize, stretch: Option<(Pos, Pos)>) -> Option<(usize, usize)> {
        let (from, to) = stretch.filter(|(from, to)| (from.row..=to.row).contains(&row))?;
        let line = self.editor.buffer.line(row);
        let start = if row == from.row { byte_of(line, from.col) } else { 0 };
        let end = if row == to.row { byte_of(line, to.col) } else { line.len() + 1 };
        Some((start, end))
    }

    fn put(&mut self, x: usize, y: u16, symbol: &str, style: Style) {
        let x = usize::from(self.area.x) + self.gutter + x;
        let room = usize::from(self.area.right()).saturating_sub(x);
        if let Ok(x) = u16::try_from(x) {
            self.screen.set_stringn(x, y, symbol, room, style);
        }
    }
}
