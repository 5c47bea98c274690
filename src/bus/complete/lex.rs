//! SQL as it is typed, cut into stretches of one kind. Unlike the parser's, this scanner takes any text and
//! goes on from where the line before it ended, within a string or a comment too.

use std::ops::Range;

use super::super::registry::is_keyword;

/// What a stretch of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A word of SQL.
    Keyword,
    /// Another name, without quotes.
    Name,
    /// A name in quotes.
    QuotedName,
    /// A text, in quotes or dollars.
    String,
    /// A number.
    Number,
    /// A comment of either kind.
    Comment,
}

/// Where a line ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// Between tokens.
    #[default]
    Plain,
    /// Within `'...'`; with backslash escapes after `E`.
    Text {
        /// A backslash escapes what follows.
        escapes: bool,
    },
    /// Within `"..."` or `` `...` ``.
    Name(char),
    /// Within `/* ... */`.
    Comment {
        /// How many are open.
        depth: u32,
    },
    /// Within `$tag$ ... $tag$`.
    Dollar(String),
}

/// A stretch of a line and what it is; what is left out is white space and punctuation.
pub type Stretch = (Range<usize>, Token);

/// Cuts a line that begins in `state`, and says in which state it ends.
#[must_use]
pub fn lex(line: &str, state: State) -> (Vec<Stretch>, State) {
    let mut lexer = Lexer { line, at: 0, found: Vec::new() };
    let end = lexer.run(state);
    (lexer.found, end)
}

struct Lexer<'l> {
    line: &'l str,
    at: usize,
    found: Vec<Stretch>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn run(&mut self, mut state: State) -> State {
        while self.at < self.line.len() || state != State::Plain {
            let start = self.at;
            let (token, next) = match &state {
                State::Plain => {
                    if let Some(opened) = self.plain() {
                        state = opened;
                    }
                    continue;
                }
                State::Text { escapes } => (Token::String, self.quoted('\'', *escapes)),
                State::Name(quote) => (Token::QuotedName, self.quoted(*quote, false)),
                State::Comment { depth } => (Token::Comment, self.comment(*depth)),
                State::Dollar(tag) => {
                    let found = self.rest().find(tag.as_str()).map(|at| self.at + at + tag.len());
                    self.at = found.unwrap_or(self.line.len());
                    (Token::String, if found.is_some() { State::Plain } else { state.clone() })
                }
            };
            self.add(start, token);
            if next != State::Plain && self.at >= self.line.len() {
                return next;
            }
            state = next;
        }
        state
    }

    /// Adds what was passed since `start`, to the stretch before it where both are one token.
    fn add(&mut self, start: usize, token: Token) {
        if start == self.at {
            return;
        }
        let at = self.at;
        match self.found.last_mut() {
            Some((range, last)) if range.end == start && *last == token => range.end = at,
            _ => self.found.push((start..at, token)),
        }
    }

    /// Passes the rest of a quoted text, its closing quote too.
    fn quoted(&mut self, quote: char, escapes: bool) -> State {
        let open = if quote == '\'' { State::Text { escapes } } else { State::Name(quote) };
        let mut chars = self.line.get(self.at..).unwrap_or_default().char_indices().peekable();
        let from = self.at;
        while let Some((at, c)) = chars.next() {
            if c == '\\' && escapes {
                chars.next();
            } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                self.at = from + at + c.len_utf8();
                return State::Plain;
            }
        }
        self.at = self.line.len();
        open
    }

    fn comment(&mut self, mut depth: u32) -> State {
        while self.at < self.line.len() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.at += 2;
                if depth == 0 {
                    return State::Plain;
                }
            } else {
                self.at += self.rest().chars().next().map_or(1, char::len_utf8);
            }
        }
        State::Comment { depth }
    }

    /// Passes one token that begins outside of quotes; gives the state it opens.
    fn plain(&mut self) -> Option<State> {
        let start = self.at;
        let rest = self.rest();
        let first = rest.chars().next()?;
        let opened = |length: usize, token: Token, state: State, this: &mut Self| {
            this.at += length;
            this.add(start, token);
            Some(state)
        };
        if rest.starts_with("--") {
            // A comment ends with its line; several lines can be edited as one.
            self.at += rest.find('\n').unwrap_or(rest.len());
            self.add(start, Token::Comment);
            return None;
        }
        if rest.starts_with("/*") {
            return opened(2, Token::Comment, State::Comment { depth: 1 }, self);
        }
        match first {
            '\'' => return opened(1, Token::String, State::Text { escapes: false }, self),
            'e' | 'E' if rest.get(1..2) == Some("'") => {
                return opened(2, Token::String, State::Text { escapes: true }, self);
            }
            '"' | '`' => return opened(1, Token::QuotedName, State::Name(first), self),
            '$' => {
                let tag = rest.get(1..).unwrap_or_default();
                let length = tag.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tag.len());
                if !tag.starts_with(|c: char| c.is_ascii_digit()) && tag.get(length..length + 1) == Some("$")
                {
                    let tag = rest.get(..length + 2).unwrap_or_default().to_owned();
                    return opened(length + 2, Token::String, State::Dollar(tag), self);
                }
                self.at += 1 + length;
                return None;
            }
            _ => {}
        }
        if first.is_ascii_digit() {
            let length = number_length(rest);
            self.at += length;
            self.add(start, Token::Number);
        } else if first.is_alphabetic() || first == '_' {
            let length =
                rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            let token = if is_keyword(word) { Token::Keyword } else { Token::Name };
            self.at += length;
            self.found.push((start..self.at, token));
        } else {
            self.at += first.len_utf8();
        }
        None
    }
}

/// `12`, `1.5e-3`, `1_000`.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
    let mut at = 0;
    while byte(at).is_ascii_digit() || matches!(byte(at), b'_' | b'.') {
        at += 1;
    }
    let sign = usize::from(matches!(byte(at + 1), b'+' | b'-'));
    if matches!(byte(at), b'e' | b'E') && byte(at + 1 + sign).is_ascii_digit() {
        at += 1 + sign;
        while byte(at).is_ascii_digit() {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str, state: State) -> (Vec<(&str, Token)>, State) {
        let (found, end) = lex(line, state);
        (found.into_iter().map(|(range, token)| (&line[range], token)).collect(), end)
    }

    #[test]
    fn words_strings_numbers_and_comments_are_told_apart() {
        let (found, end) = words("Select a1, 'it''s', \"b c\", 1.5e-3, $1 -- x; 'y'", State::Plain);
        assert_eq!(
            found,
            [
                ("Select", Token::Keyword),
                ("a1", Token::Name),
                ("'it''s'", Token::String),
                ("\"b c\"", Token::QuotedName),
                ("1.5e-3", Token::Number),
                ("-- x; 'y'", Token::Comment),
            ]
        );
        assert_eq!(end, State::Plain);
        assert_eq!(words("E'\\'' from é", State::Plain).0[0], ("E'\\''", Token::String));
        assert_eq!(words("$x$ ' $x$ 1", State::Plain).0[0], ("$x$ ' $x$", Token::String));
    }

    #[test]
    fn a_line_goes_on_where_the_one_before_ended() {
        let (_, open) = lex("SELECT 'abc", State::Plain);
        assert_eq!(open, State::Text { escapes: false });
        let (found, end) = words("def' FROM", open);
        assert_eq!((found[0], end), (("def'", Token::String), State::Plain));
        let (_, open) = lex("/* a /* b */", State::Plain);
        assert_eq!(open, State::Comment { depth: 1 });
        assert_eq!(words("c */ 1", open).0, [("c */", Token::Comment), ("1", Token::Number)]);
        let (_, open) = lex("SELECT $a$ x", State::Plain);
        assert_eq!(open, State::Dollar("$a$".to_owned()));
        assert_eq!(lex("", open.clone()).1, open);
    }

    #[test]
    fn any_text_is_taken() {
        let parts = ["'", "\"", "$", "$$", "/*", "*/", "--", "\n", "e'", "\\", "é", "1", ".", "x", "\u{0}"];
        for a in parts {
            for b in parts {
                for c in parts {
                    let text = format!("{a}{b}{c}");
                    let (found, state) = lex(&text, State::Plain);
                    assert!(found.iter().all(|(range, _)| text.get(range.clone()).is_some()), "{text}");
                    let _ = lex(&text, state);
                }
            }
        }
    }
}
