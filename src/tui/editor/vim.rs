//! The vim preset: normal, insert and visual mode, counts, operators with motions.
//!
//! Normal mode: `h j k l w b e W B E 0 ^ $ % gg G { } f F t T ; ,` and arrows move; `d c y gu gU g~ gc
//! > <` take a motion or a text object (`iw ip is i( i[ i{ i" i'` and with `a`), or are doubled for
//! lines; `x X D C Y s S r ~ J p P o O i a I A v V u Ctrl-R .`; `"` names a register; `/ n N * #`
//! search; `gt gT` turn the tabs; Enter runs; Esc leaves. Other keys are the program's.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::buffer::Pos;
use super::{Editor, EditorOutcome, motion};

/// The largest count a command takes.
const COUNT_MAX: usize = 99_999;

/// What keys mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// Commands.
    #[default]
    Normal,
    /// Text.
    Insert,
    /// Motions extend a selection.
    Visual,
    /// The same, by whole lines.
    VisualLine,
}

/// A command that has begun, and what later ones refer to.
#[derive(Default)]
pub(super) struct Vim {
    pub(super) mode: Mode,
    count: Option<usize>,
    /// `d`, `c`, `y`, `>` or `<`, with the count typed before it.
    operator: Option<(char, usize)>,
    /// `g`, `r`, `f`, `F`, `t`, `T`, or `i` and `a` of a text object.
    prefix: Option<char>,
    /// The last `f`, `F`, `t` or `T` and its character.
    found: Option<(char, char)>,
    /// The register that `"` has named.
    pub(super) register: Option<char>,
    /// The last command went through the history of edits.
    pub(super) travelled: bool,
}

impl Vim {
    /// Whether a command has begun that takes more keys.
    pub(super) fn pending(&self) -> bool {
        self.count.is_some() || self.operator.is_some() || self.prefix.is_some() || self.register.is_some()
    }

    /// Forgets the command that has begun.
    pub(super) fn reset(&mut self) {
        (self.count, self.operator, self.prefix) = (None, None, None);
    }

    fn visual(&self) -> bool {
        matches!(self.mode, Mode::Visual | Mode::VisualLine)
    }
}

/// What an operator with a motion covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Up to the place.
    Exclusive,
    /// The place included.
    Inclusive,
    /// Whole lines.
    Lines,
}

impl Editor {
    pub(super) fn vim_key_now(&mut self, key: KeyEvent) -> EditorOutcome {
        if self.find.prompt.is_some() {
            return self.find_key(key);
        }
        if self.vim.mode == Mode::Insert {
            return self.insert_key(key);
        }
        self.buffer.close_unit();
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let half = (self.view.get().height / 2).max(1) as isize;
        match key.code {
            KeyCode::Esc if self.vim.pending() || self.vim.visual() => {
                self.vim.reset();
                self.vim.register = None;
                self.enter_normal();
            }
            KeyCode::Esc if self.find.shown().is_some() => self.find.lit(false),
            KeyCode::Esc => return EditorOutcome::Leave,
            KeyCode::Enter => {
                self.vim.reset();
                return self.run();
            }
            KeyCode::Char(c) if ctrl => match c.to_ascii_lowercase() {
                'r' => self.travel_in_time(false),
                'd' => self.jump_rows(half),
                'u' => self.jump_rows(-half),
                'f' => self.jump_rows(2 * half),
                'b' => self.jump_rows(-2 * half),
                _ => return EditorOutcome::Ignored,
            },
            KeyCode::Char(c) => return self.normal_char(c),
            KeyCode::Left | KeyCode::Backspace => return self.normal_char('h'),
            KeyCode::Right => return self.normal_char('l'),
            KeyCode::Up => return self.normal_char('k'),
            KeyCode::Down => return self.normal_char('j'),
            KeyCode::Home => return self.normal_char('^'),
            KeyCode::End => return self.normal_char('$'),
            KeyCode::Delete => return self.normal_char('x'),
            KeyCode::PageUp => self.jump_rows(-2 * half),
            KeyCode::PageDown => self.jump_rows(2 * half),
            _ => return EditorOutcome::Ignored,
        }
        EditorOutcome::Changed
    }

    fn insert_key(&mut self, key: KeyEvent) -> EditorOutcome {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.code == KeyCode::Esc || (ctrl && key.code == KeyCode::Char('[')) {
            self.buffer.close_unit();
            let at = self.buffer.cursor();
            let line = self.buffer.line(at.row);
            self.place(Pos::new(at.row, motion::previous_col(line, at.col)));
            self.enter_normal();
        } else if let Some(to) = self.move_of(key) {
            self.buffer.close_unit();
            let vertical =
                matches!(key.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown);
            self.go(to, vertical);
        } else if ctrl && key.code == KeyCode::Char('u') {
            let at = self.buffer.cursor();
            self.buffer.remove(Pos::new(at.row, 0), at);
        } else if !self.edit_key(key) {
            return EditorOutcome::Ignored;
        }
        EditorOutcome::Changed
    }

    /// Normal mode, without a selection, on a character.
    pub(super) fn enter_normal(&mut self) {
        self.vim.mode = Mode::Normal;
        self.anchor = None;
        self.settle();
    }

    /// Normal mode's cursor stands on a character, not behind the last one.
    fn settle(&mut self) {
        let at = self.buffer.cursor();
        if self.vim.mode != Mode::Insert && at.col > 0 && at.col >= self.buffer.len(at.row) {
            let goal = self.goal;
            let line = self.buffer.line(at.row);
            self.place(Pos::new(at.row, motion::previous_col(line, self.buffer.len(at.row))));
            self.goal = goal;
        }
    }

    fn enter_insert(&mut self, at: Pos) {
        self.vim.mode = Mode::Insert;
        self.find.lit(false);
        self.anchor = None;
        self.place(at);
    }

    fn jump_rows(&mut self, rows: isize) {
        self.vim.reset();
        let to = self.vertical(rows);
        self.go(to, true);
        self.settle();
    }

    fn travel_in_time(&mut self, back: bool) {
        self.vim.travelled = true;
        for _ in 0..self.vim.count.take().unwrap_or(1) {
            if back {
                let Some(start) = self.buffer.undo() else { break };
                self.place(start);
            } else if !self.buffer.redo() {
                break;
            }
        }
        self.goal = None;
        self.enter_normal();
    }

    /// The count typed, before the operator and after it.
    fn count(&mut self) -> Option<usize> {
        let own = self.vim.count.take();
        match self.vim.operator {
            Some((_, before)) if before > 1 => Some(before.saturating_mul(own.unwrap_or(1)).min(COUNT_MAX)),
            _ => own,
        }
    }

    fn normal_char(&mut self, c: char) -> EditorOutcome {
        if let Some(prefix) = self.vim.prefix.take() {
            return self.prefixed(prefix, c);
        }
        if let Some((operator, _)) = self.vim.operator
            && matches!((operator, c), ('u', 'u') | ('U', 'U') | ('~', '~') | ('#', 'c'))
        {
            self.operator_key(operator);
            return EditorOutcome::Changed;
        }
        let digit = c.to_digit(10).filter(|d| *d > 0 || self.vim.count.is_some());
        if let Some(digit) = digit {
            let count = self.vim.count.unwrap_or(0) * 10 + digit as usize;
            self.vim.count = Some(count.min(COUNT_MAX));
            return EditorOutcome::Changed;
        }
        let object = self.vim.operator.is_some() || self.vim.visual();
        match c {
            'g' | 'f' | 'F' | 't' | 'T' | '"' => self.vim.prefix = Some(c),
            'r' if !object => self.vim.prefix = Some(c),
            'i' | 'a' if object => self.vim.prefix = Some(c),
            '/' => self.begin_find(),
            '*' | '#' => return self.find_word(c == '*'),
            'd' | 'c' | 'y' | '>' | '<' => self.operator_key(c),
            'h' | 'j' | 'k' | 'l' | 'w' | 'b' | 'e' | 'W' | 'B' | 'E' | '0' | '^' | '$' | 'G' | '{' | '}'
            | 'n' | 'N' | ';' | ',' | ' ' | '%' => return self.motion_key(c),
            _ if self.vim.operator.is_some() => self.vim.reset(),
            _ if self.vim.visual() => return self.visual_command(c),
            _ => return self.command(c),
        }
        EditorOutcome::Changed
    }

    /// The second key of `g`, `r`, a search for a character or a text object.
    fn prefixed(&mut self, prefix: char, c: char) -> EditorOutcome {
        match (prefix, c) {
            ('g', 'g') => return self.motion_key('g'),
            ('r', c) => {
                let at = self.buffer.cursor();
                let count = self.vim.count.take().unwrap_or(1);
                if at.col + count <= self.buffer.len(at.row) {
                    self.buffer.remove(at, Pos::new(at.row, at.col + count));
                    self.buffer.insert(&c.to_string().repeat(count));
                    self.place(Pos::new(at.row, at.col + count - 1));
                }
                self.vim.reset();
            }
            ('f' | 'F' | 't' | 'T', c) => {
                self.vim.found = Some((prefix, c));
                return self.motion_key(';');
            }
            ('i' | 'a', c) => self.object(c, prefix == 'a'),
            ('"', c) => self.vim.register = Some(c),
            ('g', 'u' | 'U' | '~') => self.operator_key(c),
            ('g', 'c') => self.operator_key('#'),
            ('g', 't' | 'T') => {
                self.vim.reset();
                return EditorOutcome::Command(if c == 't' { "next-query" } else { "previous-query" });
            }
            // `gn` (graph from here) and the like are the program's.
            ('g', _) if self.vim.operator.is_none() => {
                self.vim.reset();
                return EditorOutcome::Ignored;
            }
            _ => self.vim.reset(),
        }
        EditorOutcome::Changed
    }

    /// A text object: what the operator takes, or the selection.
    fn object(&mut self, c: char, around: bool) {
        if let Some((start, end, lines)) = self.text_object(c, around) {
            if let Some((operator, _)) = self.vim.operator {
                self.operate(operator, start, end, lines);
            } else {
                self.anchor = Some(start);
                if lines {
                    self.vim.mode = Mode::VisualLine;
                }
                self.place(Pos::new(end.row, end.col.saturating_sub(1)));
            }
        }
        self.vim.reset();
    }

    /// Where a motion leads from the cursor, and what an operator takes with it.
    fn motion(&mut self, c: char, count: Option<usize>) -> Option<(Pos, Reach)> {
        let at = self.buffer.cursor();
        let times = count.unwrap_or(1);
        let repeat = |step: &dyn Fn(Pos) -> Pos| (0..times.min(COUNT_MAX)).fold(at, |p, _| step(p));
        let lines = self.buffer.lines();
        let line = self.buffer.line(at.row);
        let row = |n: Option<usize>, default| n.map_or(default, |n| n - 1).min(self.buffer.last_row());
        let text_of = |row: usize| Pos::new(row, motion::first_text(self.buffer.line(row)));
        Some(match c {
            'h' => (repeat(&|p| Pos::new(p.row, motion::previous_col(line, p.col))), Reach::Exclusive),
            'l' | ' ' => (repeat(&|p| Pos::new(p.row, motion::next_col(line, p.col))), Reach::Exclusive),
            'w' => (repeat(&|p| motion::word_forward(lines, p)), Reach::Exclusive),
            'b' => (repeat(&|p| motion::word_back(lines, p)), Reach::Exclusive),
            'e' => (repeat(&|p| motion::word_end(lines, p)), Reach::Inclusive),
            'W' => (repeat(&|p| motion::big_word_forward(lines, p)), Reach::Exclusive),
            'B' => (repeat(&|p| motion::big_word_back(lines, p)), Reach::Exclusive),
            'E' => (repeat(&|p| motion::big_word_end(lines, p)), Reach::Inclusive),
            '%' => (self.to_bracket(at)?, Reach::Inclusive),
            '0' => (Pos::new(at.row, 0), Reach::Exclusive),
            '^' => (text_of(at.row), Reach::Exclusive),
            'g' => (text_of(row(count, 0)), Reach::Lines),
            'G' => (text_of(row(count, self.buffer.last_row())), Reach::Lines),
            '{' => (repeat(&|p| paragraph(lines, p, false)), Reach::Exclusive),
            '}' => (repeat(&|p| paragraph(lines, p, true)), Reach::Exclusive),
            'n' | 'N' => {
                let wanted = &self.find.search;
                let mut to = at;
                for _ in 0..times {
                    to = motion::find(lines, to, wanted, c == 'n')?;
                }
                (to, Reach::Exclusive)
            }
            ';' | ',' => return self.find_in_line(at, times, c == ','),
            '$' => {
                let row = (at.row + times - 1).min(self.buffer.last_row());
                self.goal = Some(usize::MAX);
                (Pos::new(row, self.buffer.len(row)), Reach::Exclusive)
            }
            'j' | 'k' => {
                let rows = times as isize;
                let to = self.vertical(if c == 'j' { rows } else { -rows });
                (to, Reach::Lines)
            }
            _ => return None,
        })
    }

    /// The place `f`, `F`, `t` or `T` finds in the line.
    fn find_in_line(&self, at: Pos, times: usize, reverse: bool) -> Option<(Pos, Reach)> {
        let (kind, wanted) = self.vim.found?;
        let forward = kind.is_ascii_lowercase() != reverse;
        let till = kind.eq_ignore_ascii_case(&'t');
        let line: Vec<char> = self.buffer.line(at.row).chars().collect();
        let hits = line.iter().enumerate().filter(|(_, c)| **c == wanted).map(|(i, _)| i);
        let col = if forward {
            hits.filter(|i| *i > at.col + usize::from(till)).nth(times - 1)?
        } else {
            let before: Vec<usize> = hits.take_while(|i| i + usize::from(till) < at.col).collect();
            *before.iter().rev().nth(times - 1)?
        };
        let col = match (till, forward) {
            (false, _) => col,
            (true, true) => col - 1,
            (true, false) => col + 1,
        };
        Some((Pos::new(at.row, col), if forward { Reach::Inclusive } else { Reach::Exclusive }))
    }

    pub(super) fn motion_key(&mut self, c: char) -> EditorOutcome {
        let count = self.count();
        let operator = self.vim.operator.take();
        let at = self.buffer.cursor();
        // A change of a word leaves the space behind it.
        let on_text = !self.buffer.line(at.row).chars().nth(at.col).is_none_or(char::is_whitespace);
        let c = match c {
            'w' if on_text && matches!(operator, Some(('c', _))) => 'e',
            'W' if on_text && matches!(operator, Some(('c', _))) => 'E',
            c => c,
        };
        self.find.lit(matches!(c, 'n' | 'N'));
        let Some((mut to, reach)) = self.motion(c, count) else { return EditorOutcome::Changed };
        match operator {
            Some((operator, _)) => {
                let down = reach == Reach::Exclusive && matches!(c, 'w' | 'W') && to.row > at.row;
                if down && to.col <= motion::first_text(self.buffer.line(to.row)) {
                    to = Pos::new(to.row - 1, self.buffer.len(to.row - 1));
                }
                let (from, mut end) = (at.min(to), at.max(to));
                if reach == Reach::Inclusive {
                    end.col = motion::next_col(self.buffer.line(end.row), end.col);
                }
                // A line that is not there: nothing happens, as in vi.
                if matches!(c, 'j' | 'k') && from.row == end.row {
                    return EditorOutcome::Changed;
                }
                self.operate(operator, from, end, reach == Reach::Lines);
            }
            None => {
                self.go(to, matches!(c, 'j' | 'k' | '$'));
                self.settle();
            }
        }
        EditorOutcome::Changed
    }

    /// `d`, `c`, `y`, `>` or `<`: on the selection, on lines when doubled, else with what follows.
    fn operator_key(&mut self, c: char) {
        if let Some((from, to)) = self.selection() {
            let lines = self.vim.mode == Mode::VisualLine;
            self.vim.reset();
            self.vim.mode = Mode::Normal;
            self.anchor = None;
            self.operate(c, from, to, lines || matches!(c, '>' | '<' | '#'));
            return;
        }
        match self.vim.operator {
            Some((operator, _)) if operator == c => {
                let count = self.count().unwrap_or(1);
                self.vim.reset();
                let at = self.buffer.cursor();
                let last = (at.row + count - 1).min(self.buffer.last_row());
                self.operate(c, at, Pos::new(last, 0), true);
            }
            Some(_) => self.vim.reset(),
            None => self.vim.operator = Some((c, self.vim.count.take().unwrap_or(1))),
        }
    }

    /// Applies an operator from a place up to another.
    fn operate(&mut self, operator: char, from: Pos, to: Pos, lines: bool) {
        let (first, last) = (from.row, to.row.min(self.buffer.last_row()));
        let end = Pos::new(last, self.buffer.len(last));
        let text = if lines {
            self.buffer.between(Pos::new(first, 0), end) + "\n"
        } else {
            self.buffer.between(from, to)
        };
        match operator {
            '>' | '<' => {
                self.shift_lines(first, last, operator == '>');
                self.place(Pos::new(first, motion::first_text(self.buffer.line(first))));
                return;
            }
            '#' => {
                self.comment_lines(first, last);
                self.place(Pos::new(first, motion::first_text(self.buffer.line(first))));
                return;
            }
            'u' | 'U' | '~' => {
                let (start, to) = if lines { (Pos::new(first, 0), end) } else { (from, to) };
                let text = self.buffer.between(start, to);
                let changed: String = match operator {
                    'u' => text.to_lowercase(),
                    'U' => text.to_uppercase(),
                    _ => text.chars().map(flip).collect(),
                };
                self.buffer.remove(start, to);
                self.buffer.insert(&changed);
                self.place(start);
            }
            'y' => {
                let cursor = self.buffer.cursor();
                let up = Pos::new(first, if lines { cursor.col } else { from.col });
                self.copy(text, lines);
                self.place(if cursor.row == first && lines { cursor } else { up });
            }
            'c' => {
                let start =
                    if lines { Pos::new(first, motion::first_text(self.buffer.line(first))) } else { from };
                self.copy(text, lines);
                self.buffer.remove(start, if lines { end } else { to });
                self.enter_insert(start);
                return;
            }
            _ if lines => {
                self.copy(text, true);
                let below = last < self.buffer.last_row();
                if below {
                    self.buffer.remove(Pos::new(first, 0), Pos::new(last + 1, 0));
                } else if first > 0 {
                    self.buffer.remove(Pos::new(first - 1, self.buffer.len(first - 1)), end);
                } else {
                    self.buffer.remove(Pos::new(0, 0), end);
                }
                let row = first.min(self.buffer.last_row());
                self.place(Pos::new(row, motion::first_text(self.buffer.line(row))));
            }
            _ => {
                self.copy(text, false);
                self.buffer.remove(from, to);
                self.place(from);
            }
        }
        self.settle();
    }

    fn visual_command(&mut self, c: char) -> EditorOutcome {
        match c {
            'x' | 'X' => self.operator_key('d'),
            'u' | 'U' | '~' => self.operator_key(c),
            's' => self.operator_key('c'),
            'D' | 'C' | 'Y' | 'S' => {
                self.vim.mode = Mode::VisualLine;
                self.operator_key(if c == 'S' { 'c' } else { c.to_ascii_lowercase() });
            }
            'o' => {
                let cursor = self.buffer.cursor();
                if let Some(anchor) = self.anchor.replace(cursor) {
                    self.place(anchor);
                }
            }
            'p' | 'P' => self.replace_visual(),
            'v' | 'V' => {
                let wanted = if c == 'v' { Mode::Visual } else { Mode::VisualLine };
                if self.vim.mode == wanted {
                    self.enter_normal();
                } else {
                    self.vim.mode = wanted;
                }
            }
            _ => return EditorOutcome::Ignored,
        }
        EditorOutcome::Changed
    }

    /// Puts the register in place of the selection, which goes to the register.
    fn replace_visual(&mut self) {
        let Some((from, to)) = self.selection() else { return };
        let put = self.put_register();
        let lines = self.vim.mode == Mode::VisualLine;
        self.vim.reset();
        self.vim.mode = Mode::Normal;
        self.anchor = None;
        let gone = self.buffer.between(from, to);
        self.copy(if lines { gone + "\n" } else { gone }, lines);
        self.buffer.remove(from, to);
        let text = match (lines, put.lines) {
            (true, _) => put.text.trim_end_matches('\n').to_owned(),
            (false, true) => format!("\n{}", put.text),
            (false, false) => put.text,
        };
        self.buffer.place(from);
        self.buffer.insert(&text);
        let end = self.buffer.cursor();
        self.place(Pos::new(end.row, motion::previous_col(self.buffer.line(end.row), end.col)));
        self.settle();
    }

    fn command(&mut self, c: char) -> EditorOutcome {
        let at = self.buffer.cursor();
        let line = self.buffer.line(at.row);
        let length = self.buffer.len(at.row);
        let behind = motion::next_col(line, at.col).min(length);
        let first = motion::first_text(line);
        let times = self.vim.count.unwrap_or(1);
        match c {
            'i' => self.enter_insert(at),
            'a' => self.enter_insert(Pos::new(at.row, behind)),
            'I' => self.enter_insert(Pos::new(at.row, first)),
            'A' => self.enter_insert(Pos::new(at.row, length)),
            'o' | 'O' => self.open_line(c == 'o'),
            'x' | 'X' | 's' | 'D' | 'C' => {
                let mut ends = (at, at);
                for _ in 0..times {
                    match c {
                        'X' => ends.0.col = motion::previous_col(line, ends.0.col),
                        'D' | 'C' => ends.1.col = length,
                        _ => ends.1.col = motion::next_col(line, ends.1.col),
                    }
                }
                let change = matches!(c, 's' | 'C');
                if ends.0 < ends.1 || change {
                    self.operate(if change { 'c' } else { 'd' }, ends.0, ends.1, false);
                }
            }
            'S' => self.operate('c', at, at, true),
            'Y' => self.operate('y', at, at, true),
            'J' => self.join_lines(times.max(2) - 1),
            '~' => {
                let flipped: String = line.chars().skip(at.col).take(times).map(flip).collect();
                let end = Pos::new(at.row, (at.col + times).min(length));
                self.buffer.remove(at, end);
                self.buffer.insert(&flipped);
                self.place(end);
                self.settle();
            }
            'p' | 'P' => self.put_text(c, times),
            'u' => self.travel_in_time(true),
            '.' => self.do_again(times),
            'v' | 'V' => {
                self.vim.mode = if c == 'v' { Mode::Visual } else { Mode::VisualLine };
                self.anchor = Some(at);
            }
            _ => {
                self.vim.reset();
                return EditorOutcome::Ignored;
            }
        }
        self.vim.reset();
        EditorOutcome::Changed
    }

    /// Begins a line below or above, as deep as this one.
    fn open_line(&mut self, below: bool) {
        let row = self.buffer.cursor().row;
        let line = self.buffer.line(row);
        let indent: String = line.chars().take(motion::first_text(line)).collect();
        if below {
            self.buffer.place(Pos::new(row, self.buffer.len(row)));
            self.buffer.insert(&format!("\n{indent}"));
            self.enter_insert(Pos::new(row + 1, usize::MAX));
        } else {
            self.buffer.place(Pos::new(row, 0));
            self.buffer.insert(&format!("{indent}\n"));
            self.enter_insert(Pos::new(row, usize::MAX));
        }
    }

    /// Joins lines with one space between them.
    fn join_lines(&mut self, times: usize) {
        for _ in 0..times {
            let row = self.buffer.cursor().row;
            if row == self.buffer.last_row() {
                break;
            }
            let end = Pos::new(row, self.buffer.len(row));
            let next = self.buffer.line(row + 1);
            let text = motion::first_text(next);
            let space = text < self.buffer.len(row + 1) && end.col > 0;
            self.buffer.remove(end, Pos::new(row + 1, text));
            if space {
                self.buffer.insert(" ");
            }
            self.place(end);
        }
        self.settle();
    }

    /// Puts what was cut or copied behind the cursor (`p`) or before it (`P`).
    fn put_text(&mut self, c: char, times: usize) {
        let register = self.put_register();
        let room = (1 << 24) / register.text.len().max(1);
        let text = register.text.repeat(times.min(room.max(1)));
        if text.is_empty() {
            return;
        }
        let at = self.buffer.cursor();
        if register.lines {
            let row = if c == 'p' {
                self.buffer.place(Pos::new(at.row, self.buffer.len(at.row)));
                self.buffer.insert(&format!("\n{}", text.trim_end_matches('\n')));
                at.row + 1
            } else {
                self.buffer.place(Pos::new(at.row, 0));
                self.buffer.insert(&text);
                at.row
            };
            self.place(Pos::new(row, motion::first_text(self.buffer.line(row))));
        } else {
            let line = self.buffer.line(at.row);
            let col = if c == 'p' { motion::next_col(line, at.col) } else { at.col };
            self.buffer.place(Pos::new(at.row, col));
            self.buffer.insert(&text);
            let end = self.buffer.cursor();
            let line = self.buffer.line(end.row);
            self.place(Pos::new(end.row, motion::previous_col(line, end.col)));
        }
        self.settle();
    }
}

/// The empty line before or behind, or the end of the text.
fn paragraph(lines: &[String], from: Pos, forward: bool) -> Pos {
    let last = lines.len().saturating_sub(1);
    let empty = |row: &usize| lines.get(*row).is_some_and(String::is_empty);
    if forward {
        let found = (from.row + 1..lines.len()).find(|row| empty(row) && !empty(&(row - 1)));
        let end = lines.last().map_or(0, |line| line.chars().count());
        found.map_or(Pos::new(last, end), |row| Pos::new(row, 0))
    } else {
        let found = (0..from.row).rev().find(|row| empty(row) && !empty(&(row + 1)));
        Pos::new(found.unwrap_or(0), 0)
    }
}

fn flip(c: char) -> char {
    let mut other =
        if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() };
    other.pop().filter(|_| other.is_empty()).unwrap_or(c)
}
