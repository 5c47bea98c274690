//! Themes: which style a scope of the screen has.
//!
//! A theme is a TOML file (`themes/*.toml`, embedded): a palette of named colours and scopes that
//! use them. A scope that is not listed takes the style of its parent: `ui.text.focus`, then
//! `ui.text`, then `ui`. Styles leave out what they do not set, so they can be painted over one
//! another; only `ui` and the fills have a background.
//!
//! A theme that `inherits` another has that one's scopes with its own palette, but for those that it
//! lists itself.
//!
//! Each colour of the palette is given twice, as a true colour and by its name on a terminal of
//! 16 colours (the name alone, with `""` before it, holds on every terminal); without colour (`NO_COLOR`) a scope keeps its bold, italic, underline and what
//! `mono` adds.

use std::collections::{BTreeMap, HashMap};

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use crate::model::{Error, Result};

const EMBEDDED: [(&str, &str, &str); 9] = [
    ("dusk", "dark", include_str!("../../themes/dusk.toml")),
    ("paper", "light", include_str!("../../themes/paper.toml")),
    ("contrast", "high-contrast", include_str!("../../themes/contrast.toml")),
    ("sixteen", "16", include_str!("../../themes/sixteen.toml")),
    ("nord", "", include_str!("../../themes/nord.toml")),
    ("gruvbox", "", include_str!("../../themes/gruvbox.toml")),
    ("dracula", "", include_str!("../../themes/dracula.toml")),
    ("solarized", "", include_str!("../../themes/solarized.toml")),
    ("rose", "", include_str!("../../themes/rose.toml")),
];

/// The theme of a start without `--theme`.
pub const DEFAULT_THEME: &str = "dusk";

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorDepth {
    /// 24 bits.
    #[default]
    True,
    /// The 256 indexed colours.
    Indexed,
    /// The 16 named colours.
    Ansi,
    /// No colour.
    Mono,
}

impl ColorDepth {
    /// What the environment promises: the values of `NO_COLOR`, `COLORTERM` and `TERM`.
    #[must_use]
    pub fn from_environment(no_color: Option<&str>, colorterm: Option<&str>, term: Option<&str>) -> Self {
        if no_color.is_some_and(|v| !v.is_empty()) || term == Some("dumb") {
            ColorDepth::Mono
        } else if colorterm.is_some_and(|v| v == "truecolor" || v == "24bit")
            || term.is_some_and(|t| t.ends_with("-direct"))
        {
            ColorDepth::True
        } else if term.is_some_and(|t| t.contains("256color")) {
            ColorDepth::Indexed
        } else {
            ColorDepth::Ansi
        }
    }
}

/// The styles of one theme at one colour depth.
#[derive(Debug, Clone)]
pub struct Theme {
    name: String,
    depth: ColorDepth,
    styles: HashMap<String, Style>,
}

impl Theme {
    /// A built-in theme by its name, or by `dark` or `light`.
    ///
    /// # Errors
    /// `NotFound`, naming the themes there are.
    pub fn load(name: &str, depth: ColorDepth) -> Result<Self> {
        let (_, _, text) = EMBEDDED
            .iter()
            .find(|(own, alias, _)| !name.is_empty() && (*own == name || *alias == name))
            .ok_or_else(|| {
                Error::not_found(format!("there is no theme '{name}'"))
                    .with_hint(format!("themes are: {}", Self::names().collect::<Vec<_>>().join(", ")))
            })?;
        Self::parse(text, depth)
    }

    /// The names of the built-in themes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _, _)| *name)
    }

    /// What a built-in theme is, in a sentence: the first line of its file.
    #[must_use]
    pub fn about(name: &str) -> &'static str {
        let found = EMBEDDED.iter().find(|(own, _, _)| *own == name);
        let line = found.and_then(|(_, _, text)| text.lines().next()).unwrap_or_default();
        line.trim_start_matches('#').trim()
    }

    /// Reads a theme.
    ///
    /// # Errors
    /// `BadInput` for text that is not a theme, and for colours that are not in its palette.
    pub fn parse(text: &str, depth: ColorDepth) -> Result<Self> {
        let file = ThemeFile::read(text)?;
        let mut scopes = match &file.inherits {
            None => BTreeMap::new(),
            Some(other) => {
                let found = EMBEDDED.iter().find(|(own, _, _)| own == other && *own != file.name);
                let (_, _, text) = found
                    .ok_or_else(|| Error::bad_input(format!("there is no theme '{other}' to inherit")))?;
                ThemeFile::read(text)?.scopes
            }
        };
        scopes.extend(file.scopes);
        let mut palette = HashMap::new();
        for (name, (true_color, ansi)) in &file.palette {
            palette.insert(name.as_str(), color(true_color, ansi, depth)?);
        }
        let styles = scopes
            .iter()
            .map(|(scope, spec)| Ok((scope.clone(), spec.style(&palette, depth)?)))
            .collect::<Result<_>>()?;
        Ok(Self { name: file.name, depth, styles })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The colour depth its styles are made for.
    #[must_use]
    pub fn depth(&self) -> ColorDepth {
        self.depth
    }

    /// The style of a scope, or of the nearest scope above it; the terminal's own when there is none.
    #[must_use]
    pub fn style(&self, scope: &str) -> Style {
        let mut scope = scope;
        loop {
            if let Some(style) = self.styles.get(scope) {
                return *style;
            }
            match scope.rfind('.') {
                Some(dot) => scope = scope.get(..dot).unwrap_or_default(),
                None => return Style::default(),
            }
        }
    }

    /// The scopes it lists, in order.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<&str> = self.styles.keys().map(String::as_str).collect();
        scopes.sort_unstable();
        scopes
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThemeFile {
    name: String,
    // Told to users who pick a theme; styles do not need it.
    #[allow(dead_code)]
    dark: bool,
    /// The theme whose scopes it takes; that one inherits nothing.
    inherits: Option<String>,
    palette: BTreeMap<String, (String, String)>,
    #[serde(default)]
    scopes: BTreeMap<String, ScopeSpec>,
}

impl ThemeFile {
    fn read(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| Error::bad_input(format!("not a theme: {}", e.message())))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpec {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    bold: bool,
    #[serde(default)]
    italic: bool,
    #[serde(default)]
    underline: bool,
    #[serde(default)]
    reverse: bool,
    /// What stands in for the colours where there are none.
    mono: Option<String>,
}

impl ScopeSpec {
    fn style(&self, palette: &HashMap<&str, Color>, depth: ColorDepth) -> Result<Style> {
        let find = |name: &Option<String>| {
            name.as_deref()
                .map(|name| {
                    palette
                        .get(name)
                        .copied()
                        .ok_or_else(|| Error::bad_input(format!("the palette has no colour '{name}'")))
                })
                .transpose()
        };
        let (fg, bg) = (find(&self.fg)?, find(&self.bg)?);
        let mut style = Style::default();
        if depth != ColorDepth::Mono {
            style.fg = fg;
            style.bg = bg;
        }
        for (set, modifier) in [
            (self.bold, Modifier::BOLD),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ] {
            if set {
                style = style.add_modifier(modifier);
            }
        }
        match self.mono.as_deref() {
            _ if depth != ColorDepth::Mono => {}
            None => {}
            Some("reverse") => style = style.add_modifier(Modifier::REVERSED),
            Some("underline") => style = style.add_modifier(Modifier::UNDERLINED),
            Some("italic") => style = style.add_modifier(Modifier::ITALIC),
            Some(other) => return Err(Error::bad_input(format!("'{other}' is not a way to show a scope"))),
        }
        Ok(style)
    }
}

fn color(true_color: &str, ansi: &str, depth: ColorDepth) -> Result<Color> {
    let rgb = true_color
        .strip_prefix('#')
        .or_else(|| true_color.is_empty().then_some("000000"))
        .filter(|digits| digits.len() == 6)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .ok_or_else(|| {
            Error::bad_input(format!("'{true_color}' is not a colour")).with_hint("colours look like #1d2027")
        })?;
    let [_, r, g, b] = rgb.to_be_bytes();
    let named = match ansi {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "gray" => Color::Gray,
        "dark-gray" => Color::DarkGray,
        "light-red" => Color::LightRed,
        "light-green" => Color::LightGreen,
        "light-yellow" => Color::LightYellow,
        "light-blue" => Color::LightBlue,
        "light-magenta" => Color::LightMagenta,
        "light-cyan" => Color::LightCyan,
        "white" => Color::White,
        other => return Err(Error::bad_input(format!("'{other}' is not one of the 16 colours"))),
    };
    Ok(match depth {
        _ if true_color.is_empty() => named,
        ColorDepth::True => Color::Rgb(r, g, b),
        ColorDepth::Indexed => Color::Indexed(nearest_indexed(r, g, b)),
        ColorDepth::Ansi | ColorDepth::Mono => named,
    })
}

/// The nearest of xterm's 240 fixed colours: the 6x6x6 cube (16..=231) and the greys (232..=255).
fn nearest_indexed(r: u8, g: u8, b: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |x: u8, y: u8, z: u8| {
        let part = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        part(r, x) + part(g, y) + part(b, z)
    };
    let mut best = (u32::MAX, 16);
    for (i, x) in (0u8..).zip(LEVELS) {
        for (j, y) in (0u8..).zip(LEVELS) {
            for (k, z) in (0u8..).zip(LEVELS) {
                best = best.min((distance(x, y, z), 16 + 36 * i + 6 * j + k));
            }
        }
    }
    for step in 0u8..24 {
        let grey = 8 + 10 * step;
        best = best.min((distance(grey, grey, grey), 232 + step));
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [ColorDepth; 4] =
        [ColorDepth::True, ColorDepth::Indexed, ColorDepth::Ansi, ColorDepth::Mono];

    #[test]
    fn every_theme_loads_at_every_depth_and_lists_the_same_scopes() {
        let first = Theme::load(DEFAULT_THEME, ColorDepth::True).unwrap();
        for name in Theme::names() {
            for depth in DEPTHS {
                let theme = Theme::load(name, depth).unwrap();
                assert_eq!(theme.name(), name);
                assert_eq!(theme.scopes(), first.scopes(), "{name}");
            }
        }
        assert_eq!(Theme::load("light", ColorDepth::True).unwrap().name(), "paper");
        assert!(Theme::load("nope", ColorDepth::True).unwrap_err().hint().unwrap().contains("dusk"));
    }

    #[test]
    fn a_scope_falls_back_by_its_dots() {
        let theme = Theme::load("dusk", ColorDepth::True).unwrap();
        assert_eq!(theme.style("ui.text.muted.more.still"), theme.style("ui.text.muted"));
        assert_eq!(theme.style("ui.nothing"), theme.style("ui"));
        assert_eq!(theme.style("nothing"), Style::default());
    }

    #[test]
    fn without_colour_what_is_selected_still_shows() {
        let theme = Theme::load("dusk", ColorDepth::Mono).unwrap();
        for scope in theme.scopes() {
            assert_eq!((theme.style(scope).fg, theme.style(scope).bg), (None, None), "{scope}");
        }
        // The cell under the cursor must differ from its row.
        for scope in ["ui.cursor", "graph.node.selected"] {
            assert!(theme.style(scope).add_modifier.contains(Modifier::REVERSED), "{scope}");
        }
        assert!(theme.style("ui.selection").add_modifier.contains(Modifier::UNDERLINED));
    }

    #[test]
    fn text_never_has_the_colour_of_its_ground() {
        for name in Theme::names() {
            for depth in [ColorDepth::True, ColorDepth::Indexed, ColorDepth::Ansi] {
                let theme = Theme::load(name, depth).unwrap();
                let ground = theme.style("ui").bg;
                for scope in theme.scopes() {
                    let style = theme.style(scope);
                    let own = style.bg.or(ground);
                    assert!(
                        style.fg.is_none() || style.fg == Some(Color::Reset) || style.fg != own,
                        "{name} {scope}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_environment_decides_the_depth() {
        let depth = ColorDepth::from_environment;
        assert_eq!(depth(Some("1"), Some("truecolor"), None), ColorDepth::Mono);
        assert_eq!(depth(Some(""), Some("truecolor"), None), ColorDepth::True);
        assert_eq!(depth(None, None, Some("xterm-256color")), ColorDepth::Indexed);
        assert_eq!(depth(None, None, Some("xterm")), ColorDepth::Ansi);
        assert_eq!((nearest_indexed(255, 0, 0), nearest_indexed(8, 8, 8)), (196, 232));
    }
}
