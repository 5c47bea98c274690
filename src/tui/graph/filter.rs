//! The choice of edge types: a checklist over the map.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::text;
use crate::tui::theme::Theme;

/// What a key did.
pub(super) enum FilterOutcome {
    Open,
    Cancel,
    /// These types; all when empty.
    Apply(Vec<String>),
}

struct Choice {
    name: String,
    count: u64,
    on: bool,
}

/// The open checklist.
pub(super) struct Filter {
    choices: Vec<Choice>,
    at: usize,
    /// Enter was pressed with nothing chosen.
    empty: bool,
}

impl Filter {
    /// A checklist of the types at the middle; types chosen before are in it even where there are none.
    pub(super) fn new(types: &BTreeMap<String, u64>, chosen: &[String]) -> Self {
        let mut all = types.clone();
        for name in chosen {
            all.entry(name.clone()).or_insert(0);
        }
        let on = |name: &String| chosen.is_empty() || chosen.contains(name);
        let choices = all.into_iter().map(|(name, count)| Choice { on: on(&name), name, count }).collect();
        Self { choices, at: 0, empty: false }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> FilterOutcome {
        self.empty = false;
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'e') => return FilterOutcome::Cancel,
            KeyCode::Up | KeyCode::Char('k') => self.at = self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => {
                self.at = (self.at + 1).min(self.choices.len().saturating_sub(1));
            }
            KeyCode::Home | KeyCode::Char('g') => self.at = 0,
            KeyCode::End | KeyCode::Char('G') => self.at = self.choices.len().saturating_sub(1),
            KeyCode::Char(' ' | 'x') => {
                if let Some(choice) = self.choices.get_mut(self.at) {
                    choice.on = !choice.on;
                }
            }
            KeyCode::Char('a') => {
                let all = self.choices.iter().all(|choice| choice.on);
                self.choices.iter_mut().for_each(|choice| choice.on = !all);
            }
            KeyCode::Char('o') => {
                let at = self.at;
                self.choices.iter_mut().enumerate().for_each(|(i, choice)| choice.on = i == at);
            }
            KeyCode::Enter => {
                let on = self.choices.iter().filter(|choice| choice.on);
                let names: Vec<String> = on.map(|choice| choice.name.clone()).collect();
                if names.len() == self.choices.len() {
                    return FilterOutcome::Apply(Vec::new());
                }
                if !names.is_empty() {
                    return FilterOutcome::Apply(names);
                }
                self.empty = true;
            }
            _ => {}
        }
        FilterOutcome::Open
    }

    pub(super) fn draw(&self, screen: &mut Buffer, area: Rect, theme: &Theme) {
        let name_cells = self.choices.iter().map(|c| text::width(&c.name, 40)).max().unwrap_or(0);
        let count_cells = self.choices.iter().map(|c| text::thousands(c.count).len()).max().unwrap_or(0);
        let hint =
            if self.empty { "pick at least one" } else { "space picks · a all · o only · ⏎ applies" };
        let width =
            (name_cells + count_cells + 9).max(text::width(hint, 80) + 5).min(usize::from(area.width));
        let height = (self.choices.len() + 2).min(usize::from(area.height)).max(3);
        let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else { return };
        let x = area.x + (area.width.saturating_sub(width)) / 2;
        let y = area.y + (area.height.saturating_sub(height)) / 2;
        let outer = Rect { x, y, width, height }.intersection(area);
        Clear.render(outer, screen);
        screen.set_style(outer, theme.style("ui.overlay"));
        let hint_style = theme.style(if self.empty { "ui.warning" } else { "ui.hint.text" });
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(theme.style("ui.border.focus"))
            .title_top(ratatui::text::Line::styled(" edge types ", theme.style("ui.title.focus")))
            .title_bottom(ratatui::text::Line::styled(format!(" {hint} "), hint_style));
        let inner = block.inner(outer);
        block.render(outer, screen);
        let seen = usize::from(inner.height);
        let start = (self.at + 1).saturating_sub(seen);
        let room = usize::from(inner.width).saturating_sub(count_cells + 7);
        for (row, (i, choice)) in self.choices.iter().enumerate().skip(start).take(seen).enumerate() {
            let y = inner.y + u16::try_from(row).unwrap_or(0);
            let check = if choice.on { "✓" } else { " " };
            let name = text::clip(&choice.name, room);
            let pad = room.saturating_sub(text::width(&choice.name, room));
            let count = text::thousands(choice.count);
            let line = format!(" {check} {name}{}  {count:>count_cells$} ", " ".repeat(pad));
            let scope = match (i == self.at, choice.on) {
                (true, _) => "ui.selection",
                (false, true) => "ui.text",
                (false, false) => "ui.text.muted",
            };
            screen.set_style(
                Rect { y, height: 1, ..inner },
                theme.style("ui.overlay").patch(theme.style(scope)),
            );
            screen.set_stringn(inner.x, y, line, usize::from(inner.width), theme.style(scope));
        }
    }
}
