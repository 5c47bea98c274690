//! Keys as the registry writes them, matched against keys as the terminal sends them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::bus::registry::KEYS;

/// A key without what does not matter: capital letters need no Shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    code: KeyCode,
    ctrl: bool,
}

impl Key {
    /// The key of an event; none with Alt, which no binding uses.
    pub(super) fn of(event: &KeyEvent) -> Option<Self> {
        if event.modifiers.contains(KeyModifiers::ALT) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            // One byte stands for all three where a terminal has no more to say.
            KeyCode::Char('7' | '_') if ctrl => KeyCode::Char('/'),
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_uppercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Some(Self { code, ctrl })
    }

    /// Reads one key as the registry writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("Ctrl-") {
            let code = Self::parse(rest).filter(|key| !key.ctrl)?.code;
            let code = match code {
                KeyCode::Char(c) => KeyCode::Char(c.to_ascii_uppercase()),
                code => code,
            };
            return Some(Self { code, ctrl: true });
        }
        let code = match text {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "S-Tab" => KeyCode::BackTab,
            "Space" => KeyCode::Char(' '),
            "Backspace" => KeyCode::Backspace,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "PageUp" => KeyCode::PageUp,
            "PageDown" => KeyCode::PageDown,
            _ => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => KeyCode::Char(c),
                    (Some('F'), Some(_)) => {
                        KeyCode::F(text.get(1..)?.parse().ok().filter(|n| (1..=12).contains(n))?)
                    }
                    _ => return None,
                }
            }
        };
        Some(Self { code, ctrl: false })
    }

    /// Whether it is text where text is typed.
    pub(super) fn is_text(self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && !self.ctrl
    }

    /// The digit it is.
    pub(super) fn digit(self) -> Option<u64> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl => c.to_digit(10).map(u64::from),
            _ => None,
        }
    }
}

/// What a sequence of keys means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A command's name.
    Command(&'static str),
    /// The start of a longer sequence.
    Prefix,
    /// Nothing.
    Nothing,
}

/// The registry's keys, read once.
#[derive(Debug)]
pub(super) struct Keymap {
    bindings: Vec<(&'static str, Vec<Key>, &'static str)>,
}

impl Keymap {
    pub(super) fn new() -> Self {
        let bindings = KEYS
            .iter()
            .filter_map(|binding| {
                let keys: Option<Vec<Key>> = binding.keys.split(' ').map(Key::parse).collect();
                Some((binding.context, keys?, binding.command))
            })
            .collect();
        Self { bindings }
    }

    /// What the keys mean in the first of the contexts that knows them.
    pub(super) fn find(&self, contexts: &[&str], keys: &[Key]) -> Found {
        for context in contexts {
            let mut prefix = false;
            for (own, sequence, command) in &self.bindings {
                if own == context && sequence.starts_with(keys) {
                    if sequence.len() == keys.len() {
                        return Found::Command(command);
                    }
                    prefix = true;
                }
            }
            if prefix {
                return Found::Prefix;
            }
        }
        Found::Nothing
    }
}

/// Whether the keys begin with one that is text where text is typed.
pub(super) fn is_text(keys: &str) -> bool {
    keys.split(' ').next().and_then(Key::parse).is_some_and(Key::is_text)
}

/// The first key of a command in a context or anywhere, as the registry writes it; where text is
/// typed, the first that is no text.
pub(super) fn key_of(context: &str, command: &str, typing: bool) -> Option<&'static str> {
    let find = |context: &str| {
        KEYS.iter().find(|k| k.context == context && k.command == command && !(typing && is_text(k.keys)))
    };
    find(context).or_else(|| find("anywhere")).map(|k| k.keys)
}

/// A key in few columns, for the status line: `^P`, `gn`, `⏎`.
pub(super) fn short(keys: &str) -> String {
    keys.split(' ')
        .map(|key| match key {
            "Enter" => "⏎".to_owned(),
            "Backspace" => "⌫".to_owned(),
            other => other.strip_prefix("Ctrl-").map_or_else(|| other.to_owned(), |c| format!("^{c}")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_registry_can_be_pressed() {
        for binding in KEYS {
            for key in binding.keys.split(' ') {
                let key = Key::parse(key).unwrap_or_else(|| panic!("{key}"));
                // Terminals send Ctrl-J for a line feed and Ctrl-I for Tab: neither may be bound.
                assert!(!(key.ctrl && matches!(key.code, KeyCode::Char('J' | 'I' | 'M'))), "{binding:?}");
                assert!(!(binding.context == "editor" && key.is_text()), "{binding:?}");
            }
        }
        assert_eq!(Keymap::new().bindings.len(), KEYS.len());
    }

    #[test]
    fn a_pane_stands_before_anywhere_and_sequences_wait() {
        let map = Keymap::new();
        let keys = |text: &str| text.split(' ').map(|k| Key::parse(k).unwrap()).collect::<Vec<_>>();
        let contexts = ["results", "anywhere"];
        assert_eq!(map.find(&contexts, &keys("g")), Found::Prefix);
        assert_eq!(map.find(&contexts, &keys("g n")), Found::Command("neighbours"));
        assert_eq!(map.find(&contexts, &keys("g x")), Found::Nothing);
        assert_eq!(map.find(&contexts, &keys("Home")), Found::Command("first-column"));
        assert_eq!(map.find(&["tree", "anywhere"], &keys("Home")), Found::Command("first"));
        let d = KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(map.find(&contexts, &[Key::of(&d).unwrap()]), Found::Command("half-page-down"));
        assert_eq!((short("Ctrl-P"), short("g n"), short("Enter")), ("^P".into(), "gn".into(), "⏎".into()));
    }
}
