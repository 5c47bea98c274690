//! One value, whole: as a JSON tree, as text, as bytes.
//!
//! Lines are stretches of one text and are cut out when they are drawn, so that a megabyte in a cell
//! costs one pass when it is opened or the width changes, and no more.

mod hex;
mod json;
mod wrapped;

use crate::model::{Value, escape_control, parse_json};

use super::text;
use json::JsonTree;
use wrapped::{Wrapped, find_from};

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Json,
    Text,
    Hex,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Json => "tree",
            Mode::Text => "text",
            Mode::Hex => "bytes",
        }
    }
}

/// A value on the screen.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) title: String,
    kind: String,
    /// What is copied.
    raw: String,
    bytes: Vec<u8>,
    modes: Vec<Mode>,
    mode: usize,
    json: Option<JsonTree>,
    text: Wrapped,
    wrap: bool,
    top: usize,
    left: usize,
    width: usize,
    height: usize,
    pub(super) find: Option<String>,
    /// Where the last find stands: a byte of the text, or a line.
    found: Option<usize>,
}

impl Viewer {
    pub(super) fn new(title: &str, value: &Value) -> Self {
        let raw = value.to_text();
        let of_type = || value.property_type().map_or_else(|| "JSON".to_owned(), |t| t.to_string());
        match value {
            Value::Null => Self::made(title, "NULL".to_owned(), "NULL", vec![Mode::Text]),
            Value::Array(_) | Value::Object(_) => Self::json(title, "JSON".to_owned(), raw, value),
            Value::String(text) if text.starts_with(['{', '[']) => match parse_json(text) {
                // Text that is a JSON array or object reads better as a tree.
                Ok(json @ (Value::Array(_) | Value::Object(_))) => {
                    let mut viewer = Self::json(title, "TEXT, as JSON".to_owned(), raw, &json);
                    viewer.bytes = text.clone().into_bytes();
                    viewer.modes.push(Mode::Hex);
                    viewer
                }
                _ => Self::plain(title, text),
            },
            Value::String(text) => Self::plain(title, text),
            Value::Bytes(bytes) => {
                let lossy = String::from_utf8_lossy(bytes);
                let mut viewer = Self::made(title, of_type(), &lossy, vec![Mode::Hex, Mode::Text]);
                viewer.bytes.clone_from(bytes);
                viewer.raw = raw;
                viewer
            }
            _ => Self::made(title, of_type(), &raw, vec![Mode::Text]),
        }
    }

    /// Text of the program's own.
    pub(super) fn text(title: &str, text: &str) -> Self {
        Self::made(title, String::new(), text, vec![Mode::Text])
    }

    fn plain(title: &str, text: &str) -> Self {
        let mut viewer = Self::made(title, "TEXT".to_owned(), text, vec![Mode::Text, Mode::Hex]);
        viewer.bytes = text.as_bytes().to_vec();
        viewer
    }

    fn json(title: &str, kind: String, raw: String, value: &Value) -> Self {
        let pretty = serde_json::to_string_pretty(&value.to_json()).unwrap_or_else(|_| raw.clone());
        let mut viewer = Self::made(title, kind, &pretty, vec![Mode::Json, Mode::Text]);
        viewer.json = Some(JsonTree::new(value.clone()));
        viewer.raw = raw;
        viewer
    }

    fn made(title: &str, kind: String, shown: &str, modes: Vec<Mode>) -> Self {
        Self {
            title: escape_control(title).into_owned(),
            kind,
            raw: shown.to_owned(),
            bytes: Vec::new(),
            modes,
            mode: 0,
            json: None,
            text: Wrapped::new(shown),
            wrap: true,
            top: 0,
            left: 0,
            width: 0,
            height: 1,
            find: None,
            found: None,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.modes.get(self.mode).copied().unwrap_or(Mode::Text)
    }

    pub(super) fn is_null(&self) -> bool {
        self.kind == "NULL"
    }

    /// The whole value, or in a tree what is under the cursor.
    pub(super) fn copied(&self, whole: bool) -> String {
        match (&self.json, self.mode(), whole) {
            (Some(json), Mode::Json, false) => json.selected_text(),
            _ => self.raw.clone(),
        }
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        match (self.mode(), &self.json) {
            (Mode::Json, Some(json)) => json.lines(),
            (Mode::Hex, _) => hex::lines(&self.bytes, self.width),
            _ => self.text.lines(),
        }
    }

    /// What the value is and which lines are seen.
    pub(super) fn place(&self) -> String {
        let lines = self.lines();
        let mut words: Vec<String> = Vec::new();
        if !self.kind.is_empty() {
            words.push(self.kind.clone());
        }
        if self.modes.len() > 1 {
            words.push(self.mode().name().to_owned());
        }
        if lines > self.height {
            let last = (self.top + self.height).min(lines);
            words.push(format!("lines {}-{last} of {}", self.top + 1, text::count(lines as u64)));
        }
        words.join(" · ")
    }

    /// The room has changed.
    pub(super) fn fit(&mut self, width: u16, height: u16) {
        self.height = usize::from(height).max(1);
        if self.width != usize::from(width) {
            self.width = usize::from(width);
            self.break_lines();
        }
        self.move_by(0);
    }

    pub(super) fn toggle_wrap(&mut self) {
        self.wrap = !self.wrap;
        self.left = 0;
        self.break_lines();
        self.move_by(0);
    }

    fn break_lines(&mut self) {
        self.text.break_lines(self.wrap.then_some(self.width));
    }

    /// Shows the value in the next way there is.
    pub(super) fn next_mode(&mut self) {
        self.mode = (self.mode + 1) % self.modes.len().max(1);
        (self.top, self.left, self.found) = (0, 0, None);
        self.move_by(0);
    }

    pub(super) fn move_by(&mut self, by: i64) {
        let by = isize::try_from(by.clamp(-(1 << 40), 1 << 40)).unwrap_or(0);
        if self.mode() == Mode::Json
            && let Some(json) = &mut self.json
        {
            json.move_by(by);
            let cursor = json.cursor();
            self.top = self.top.min(cursor).max((cursor + 1).saturating_sub(self.height));
            return;
        }
        self.top = self.top.saturating_add_signed(by).min(self.lines().saturating_sub(self.height));
    }

    /// Sideways; in a tree, unfolds or folds.
    pub(super) fn move_sideways(&mut self, by: i64) {
        match (self.mode(), &mut self.json) {
            (Mode::Json, Some(json)) => {
                json.unfold(by > 0);
                self.move_by(0);
            }
            (Mode::Text, _) if !self.wrap => {
                let last = self.text.widest().saturating_sub(self.width);
                let by = isize::try_from(by).unwrap_or(0).saturating_mul(8);
                self.left = self.left.saturating_add_signed(by).min(last);
            }
            _ => {}
        }
    }

    /// Folds or unfolds what is under the cursor; false where nothing folds.
    pub(super) fn toggle(&mut self) -> bool {
        let toggled = match (self.mode(), &mut self.json) {
            (Mode::Json, Some(json)) => json.toggle(),
            _ => false,
        };
        self.move_by(0);
        toggled
    }

    pub(super) fn fold_all(&mut self, fold: bool) {
        if let Some(json) = &mut self.json {
            json.fold_all(fold);
            self.move_by(0);
        }
    }

    /// Goes to the next place that holds the text; false where none does.
    pub(super) fn find_next(&mut self, backwards: bool, from_here: bool) -> bool {
        let Some(wanted) = self.find.clone().filter(|w| !w.is_empty()) else { return false };
        let found = match (self.mode(), &mut self.json) {
            (Mode::Json, Some(json)) => json.find(&wanted, backwards, from_here),
            (Mode::Hex, _) => self.find_bytes(&wanted, backwards, from_here),
            _ => self.find_text(&wanted, backwards, from_here),
        };
        self.move_by(0);
        found
    }

    fn find_text(&mut self, wanted: &str, backwards: bool, from_here: bool) -> bool {
        let start = self.found.unwrap_or_else(|| self.text.start(self.top));
        let found = match (self.text.find(wanted, start, backwards, from_here), backwards) {
            (Some(at), _) => Some(at),
            (None, false) => self.text.find(wanted, 0, false, true),
            (None, true) => self.text.find(wanted, usize::MAX, true, true),
        };
        let Some(at) = found else { return false };
        self.found = Some(at);
        self.go_to_line(self.text.line_of(at));
        true
    }

    fn find_bytes(&mut self, wanted: &str, backwards: bool, from_here: bool) -> bool {
        let shown = String::from_utf8_lossy(&self.bytes);
        let start = self.found.unwrap_or(0);
        let found = find_from(&shown, wanted, start, backwards, from_here)
            .or_else(|| find_from(&shown, wanted, if backwards { usize::MAX } else { 0 }, backwards, true));
        let Some(at) = found else { return false };
        self.found = Some(at);
        self.go_to_line(at / hex::per_line(self.width));
        true
    }

    fn go_to_line(&mut self, line: usize) {
        if !(self.top..self.top + self.height).contains(&line) {
            self.top = line.saturating_sub(self.height / 2);
        }
    }

    /// The lines on the screen with the scopes of their pieces; the one under the cursor is told.
    pub(super) fn seen(&self) -> Vec<(bool, Vec<(String, &'static str)>)> {
        let lines = self.top..(self.top + self.height).min(self.lines());
        match (self.mode(), &self.json) {
            (Mode::Json, Some(json)) => lines.map(|n| (n == json.cursor(), json.line(n))).collect(),
            (Mode::Hex, _) => lines.map(|n| (false, hex::line(&self.bytes, n, self.width))).collect(),
            _ => lines
                .map(|n| {
                    let scope = if self.is_null() { "ui.null" } else { "ui.overlay" };
                    (false, vec![(self.text.line(n, self.left, self.width), scope)])
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(viewer: &Viewer) -> Vec<String> {
        viewer.seen().into_iter().map(|(_, pieces)| pieces.into_iter().map(|p| p.0).collect()).collect()
    }

    #[test]
    fn json_is_a_tree_that_folds_and_is_found_in() {
        let mut viewer = Viewer::new("tags", &Value::from("{\"a\": [1, {\"deep\": true}], \"b\": null}"));
        viewer.fit(60, 20);
        assert_eq!(viewer.place(), "TEXT, as JSON · tree");
        assert_eq!(
            shown(&viewer),
            ["▾ {2}", "  ▾ a  [2]", "      0  1", "    ▾ 1  {1}", "        deep  true", "    b  null"]
        );
        viewer.move_by(1);
        assert!(viewer.toggle());
        assert_eq!(shown(&viewer), ["▾ {2}", "  ▸ a  [2]", "    b  null"]);
        assert_eq!(viewer.copied(false), "[1,{\"deep\":true}]");
        assert_eq!(viewer.copied(true), "{\"a\": [1, {\"deep\": true}], \"b\": null}");
        viewer.find = Some("deep".into());
        assert!(viewer.find_next(false, false));
        assert_eq!(viewer.copied(false), "true", "what was folded is unfolded");
        viewer.next_mode();
        assert_eq!(shown(&viewer)[0], "{");
        viewer.next_mode();
        assert!(shown(&viewer)[0].starts_with("00000000  7b 22 61"), "{:?}", shown(&viewer));
    }

    #[test]
    fn a_megabyte_is_wrapped_scrolled_and_searched() {
        let mut long = "word ".repeat(200_000);
        long.push_str("Needle");
        let mut viewer = Viewer::new("long", &Value::String(long));
        viewer.fit(30, 4);
        assert_eq!(viewer.lines(), 33_334);
        viewer.find = Some("needle".into());
        assert!(viewer.find_next(false, true));
        assert!(shown(&viewer).last().unwrap().contains("Needle"));
        assert!(viewer.find_next(true, false), "it goes on at the other end");
        viewer.toggle_wrap();
        assert_eq!(viewer.lines(), 1);
        viewer.move_sideways(2);
        assert!(shown(&viewer)[0].starts_with("ord word"), "{:?}", shown(&viewer));
    }

    #[test]
    fn bytes_are_shown_as_bytes() {
        let mut viewer = Viewer::new("raw", &Value::Bytes((0..40).collect()));
        viewer.fit(80, 5);
        assert_eq!(viewer.lines(), 3);
        assert!(shown(&viewer)[2].starts_with("00000020  20 21 22 23 24 25 26 27"));
        assert!(shown(&viewer)[2].ends_with(" !\"#$%&'"));
        viewer.fit(50, 5);
        assert_eq!(viewer.lines(), 5);
    }
}
