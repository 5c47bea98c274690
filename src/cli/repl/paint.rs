//! SQL of the REPL with colours.

use std::borrow::Cow;

use crate::bus::complete::{State, Token, lex};

/// A line with colours: what it shows is as wide as before.
pub fn painted(line: &str, state: State) -> Cow<'_, str> {
    let (stretches, _) = lex(line, state);
    let mut text = String::with_capacity(line.len() + 16 * stretches.len());
    let mut done = 0;
    for (range, token) in stretches {
        let code = match token {
            Token::Keyword => "1;34",
            Token::String => "32",
            Token::Number => "36",
            Token::Comment => "90",
            Token::Name | Token::QuotedName => continue,
        };
        let (Some(before), Some(shown)) = (line.get(done..range.start), line.get(range.clone())) else {
            continue;
        };
        text.push_str(&format!("{before}\u{1b}[{code}m{shown}\u{1b}[0m"));
        done = range.end;
    }
    if done == 0 {
        return Cow::Borrowed(line);
    }
    text.push_str(line.get(done..).unwrap_or_default());
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let line = "SELECT 'é', 1 FROM t -- done";
        let shown = painted(line, State::Plain);
        assert!(shown.starts_with("\u{1b}[1;34mSELECT\u{1b}[0m \u{1b}[32m'é'\u{1b}[0m, "), "{shown}");
        let mut plain = String::new();
        for part in shown.split('\u{1b}') {
            plain.push_str(part.strip_prefix('[').map_or(part, |p| p.split_once('m').unwrap().1));
        }
        assert_eq!(plain, line);
        assert!(matches!(painted("a.b, c", State::Plain), Cow::Borrowed(_)));
    }
}
