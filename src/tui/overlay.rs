//! What lies over the panes: the whole cell, lists to pick from, the `:` line, questions.

use crate::bus::registry::{CommandSpec, KEYS, SCREEN};

use super::grid::edit::Review;
use super::input::Input;
use super::keymap::is_text;
use super::record::RecordView;
use super::text;
use super::viewer::Viewer;
use super::workspace::ask::Ask;
use super::workspace::history::HistoryList;

/// A layer over the panes; the topmost takes the keys.
#[derive(Debug)]
// One at a time is made, and moved hardly ever.
#[allow(clippy::large_enum_variant)]
pub(super) enum Overlay {
    Cell(Viewer),
    Record(RecordView),
    Review(Review),
    Input(Input),
    List(Picker),
    Prompt(Prompt),
    Question(Question),
    History(HistoryList),
    Ask(Ask),
}

fn clamp(by: i64) -> isize {
    isize::try_from(by)
        .unwrap_or(if by < 0 { isize::MIN / 16 } else { isize::MAX / 16 })
        .clamp(-(1 << 40), 1 << 40)
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The heading it stands under.
    pub(super) section: &'static str,
    pub(super) keys: String,
    pub(super) label: String,
    pub(super) detail: String,
    /// The command line that picking it runs.
    pub(super) line: String,
}

/// A list filtered by what is typed.
#[derive(Debug)]
pub(super) struct Picker {
    pub(super) title: &'static str,
    pub(super) filter: String,
    entries: Vec<Entry>,
    /// Places of the entries that match, best first (in order without a filter).
    shown: Vec<usize>,
    pub(super) selected: usize,
    pub(super) top: usize,
    pub(super) height: usize,
}

impl Picker {
    pub(super) fn new(title: &'static str, entries: Vec<Entry>) -> Self {
        let mut picker = Self {
            title,
            filter: String::new(),
            entries,
            shown: Vec::new(),
            selected: 0,
            top: 0,
            height: 10,
        };
        picker.apply();
        picker
    }

    /// The keys that work in a context, its own first; where text is typed, those that are no text.
    pub(super) fn help(contexts: &[&'static str], typing: bool) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for context in contexts {
            // What is particular to the place first, movements last.
            let rank = |group: &str| ["panes", "move"].iter().position(|g| *g == group).map_or(0, |i| i + 1);
            let mut specs: Vec<&CommandSpec> = SCREEN.iter().collect();
            specs.sort_by_key(|spec| rank(spec.group));
            for spec in specs {
                let keys: Vec<&str> = KEYS
                    .iter()
                    .filter(|k| k.context == *context && k.command == spec.name)
                    .filter(|k| !(typing && is_text(k.keys)))
                    .map(|k| k.keys)
                    .collect();
                if !keys.is_empty() {
                    entries.push(Entry {
                        section: context,
                        keys: keys.join(", "),
                        label: spec.name.to_owned(),
                        detail: spec.help.to_owned(),
                        line: spec.name.to_owned(),
                    });
                }
            }
        }
        Self::new("Help", entries)
    }

    fn apply(&mut self) {
        let filter = self.filter.trim();
        let mut scored: Vec<(usize, usize)> = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(i, entry)| {
                let by_name = text::fuzzy(&entry.label, filter);
                // A word of the help text counts less than the name, a loose match of it not at all.
                let by_detail = entry.detail.to_lowercase().find(&filter.to_lowercase()).map(|at| at + 1_000);
                let by_key = (entry.keys == filter).then_some(0);
                Some((by_key.or(by_name).or(by_detail)?, i))
            })
            .collect();
        if !filter.is_empty() {
            scored.sort_unstable();
        }
        self.shown = scored.into_iter().map(|(_, i)| i).collect();
        self.selected = 0;
        self.top = 0;
    }

    /// The entries that match.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Entry> {
        self.shown.iter().filter_map(|i| self.entries.get(*i))
    }

    pub(super) fn picked(&self) -> Option<&Entry> {
        self.entries.get(*self.shown.get(self.selected)?)
    }

    pub(super) fn type_char(&mut self, c: char) {
        self.filter.push(c);
        self.apply();
    }

    pub(super) fn erase(&mut self) {
        self.filter.pop();
        self.apply();
    }

    pub(super) fn move_by(&mut self, by: i64) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(clamp(by)).min(last);
        self.scroll();
    }

    pub(super) fn fit(&mut self, height: u16) {
        self.height = usize::from(height).max(1);
        self.scroll();
    }

    fn scroll(&mut self) {
        // Headings take lines too: keep two lines of distance.
        let room = self.height.saturating_sub(2).max(1);
        self.top = self.top.min(self.selected).max((self.selected + 1).saturating_sub(room));
    }
}

/// The `:` line.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) text: String,
}

impl Prompt {
    /// Completes a command's name; with several that fit, as far as they agree.
    pub(super) fn complete(&mut self) {
        let fits = self.fits();
        let Some(first) = fits.first() else { return };
        let mut common = (*first).to_owned();
        for name in &fits {
            while !name.starts_with(&common) {
                common.pop();
            }
        }
        if common.len() >= self.text.len() {
            self.text = common;
            if fits.len() == 1 {
                self.text.push(' ');
            }
        }
    }

    /// The commands, or themes, whose lines start with what is typed.
    pub(super) fn fits(&self) -> Vec<String> {
        if self.text.starts_with("theme ") {
            return super::theme::Theme::names()
                .map(|name| format!("theme {name}"))
                .filter(|line| line.starts_with(&self.text))
                .collect();
        }
        SCREEN.iter().map(|s| s.name).filter(|n| n.starts_with(&self.text)).map(str::to_owned).collect()
    }
}

/// What happens when a question is answered with yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    Create,
    Quit,
    /// The file of an export.
    Replace,
}

/// A question with yes or no.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) title: &'static str,
    pub(super) lines: Vec<String>,
    pub(super) yes: &'static str,
    pub(super) no: &'static str,
    pub(super) consent: Option<Consent>,
    /// No means quit: without a database there is nothing to go back to.
    pub(super) no_quits: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_the_pane_first_and_filters() {
        let mut help = Picker::help(&["results", "anywhere"], false);
        assert_eq!(help.shown().next().unwrap().section, "results");
        for c in "zoom".chars() {
            help.type_char(c);
        }
        assert_eq!(help.picked().unwrap().label, "zoom");
        for c in "zzz".chars() {
            help.type_char(c);
        }
        assert!(help.picked().is_none());
    }

    #[test]
    fn the_line_completes_as_far_as_names_agree() {
        let mut prompt = Prompt { text: "pre".into() };
        prompt.complete();
        assert_eq!(prompt.text, "previous-");
        prompt.text = "theme p".into();
        prompt.complete();
        assert_eq!(prompt.text, "theme paper ");
    }
}
