//! Statements out of text that arrives piece by piece.
//!
//! A statement ends at a semicolon that does not stand in quotes or a comment. The scanner keeps its
//! state between pieces, so each byte is looked at once however long a statement is.

/// Collects text and hands out whole statements.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: String,
    /// How far the buffer is scanned, in bytes.
    scanned: usize,
    state: State,
    /// Something other than white space and comments stands before `scanned`.
    has_content: bool,
    /// Line ends before the buffer's start.
    lines_before: u32,
}

/// A statement with its place in all the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The statement, with white space around it and its semicolon.
    pub sql: String,
    /// Lines before it.
    pub lines_before: u32,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    /// `'...'`; with backslash escapes after `E`.
    Text {
        escapes: bool,
    },
    /// `"..."` or `` `...` ``
    Name(u8),
    LineComment,
    BlockComment {
        depth: u32,
    },
    /// `$tag$ ... $tag$`, with the closing tag.
    Dollar(String),
}

impl Splitter {
    /// Adds text.
    pub fn push(&mut self, text: &str) {
        self.buffer.push_str(text);
    }

    /// The next whole statement.
    pub fn next(&mut self) -> Option<Piece> {
        self.scan(false)
    }

    /// What is left at the end of the text, which then counts as a statement.
    pub fn rest(&mut self) -> Option<Piece> {
        if let Some(piece) = self.scan(true) {
            return Some(piece);
        }
        let has_content = self.has_content;
        let piece = self.cut(self.buffer.len());
        has_content.then_some(piece)
    }

    /// Whether a statement has begun.
    pub fn is_within_statement(&self) -> bool {
        self.has_content || self.state != State::Plain
    }

    /// Forgets what has been collected.
    pub fn clear(&mut self) {
        *self = Splitter { lines_before: self.lines_before, ..Splitter::default() };
    }

    fn cut(&mut self, end: usize) -> Piece {
        let tail = self.buffer.split_off(end);
        let sql = std::mem::replace(&mut self.buffer, tail);
        let lines_before = self.lines_before;
        let lines = sql.bytes().filter(|b| *b == b'\n').count();
        self.lines_before += u32::try_from(lines).unwrap_or(u32::MAX);
        self.scanned = 0;
        self.has_content = false;
        self.state = State::Plain;
        Piece { sql, lines_before }
    }

    /// Scans on. Where a decision needs more text than there is, it waits, unless `last`.
    fn scan(&mut self, last: bool) -> Option<Piece> {
        while let Some(byte) = self.byte(0) {
            let step = self.step(byte, last)?;
            if step == 0 {
                let content = self.has_content;
                let piece = self.cut(self.scanned + 1);
                if content {
                    return Some(piece);
                }
                continue;
            }
            self.scanned += step;
        }
        None
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.buffer.as_bytes().get(self.scanned + ahead).copied()
    }

    /// How many bytes are passed; 0 at the end of a statement; `None` to wait for more text.
    fn step(&mut self, byte: u8, last: bool) -> Option<usize> {
        let next = self.byte(1);
        let waits = next.is_none() && !last;
        Some(match &mut self.state {
            State::Plain => return self.plain(byte, next, last),
            State::Text { escapes: true } if byte == b'\\' => {
                if waits {
                    return None;
                }
                2
            }
            State::Text { .. } if byte == b'\'' => {
                if waits {
                    return None;
                }
                self.quote_ends(byte, next)
            }
            State::Name(quote) if byte == *quote => {
                if waits {
                    return None;
                }
                self.quote_ends(byte, next)
            }
            State::LineComment if byte == b'\n' => {
                self.state = State::Plain;
                1
            }
            State::BlockComment { depth }
                if matches!((byte, next), (b'/', Some(b'*')) | (b'*', Some(b'/'))) =>
            {
                *depth = if byte == b'/' { *depth + 1 } else { *depth - 1 };
                if *depth == 0 {
                    self.state = State::Plain;
                }
                2
            }
            State::BlockComment { .. } if matches!(byte, b'/' | b'*') && waits => return None,
            State::Dollar(tag) if byte == b'$' => {
                let rest = self.buffer.get(self.scanned..).unwrap_or_default();
                if rest.starts_with(tag.as_str()) {
                    let length = tag.len();
                    self.state = State::Plain;
                    length
                } else if !last && tag.starts_with(rest) {
                    return None;
                } else {
                    1
                }
            }
            _ => 1,
        })
    }

    /// A doubled quote stays within; a single one ends.
    fn quote_ends(&mut self, byte: u8, next: Option<u8>) -> usize {
        if next == Some(byte) {
            return 2;
        }
        self.state = State::Plain;
        1
    }

    fn plain(&mut self, byte: u8, next: Option<u8>, last: bool) -> Option<usize> {
        let waits = next.is_none() && !last;
        match byte {
            b';' => return Some(0),
            b'-' | b'/' if waits => return None,
            b'-' if next == Some(b'-') => {
                self.state = State::LineComment;
                return Some(2);
            }
            b'/' if next == Some(b'*') => {
                self.state = State::BlockComment { depth: 1 };
                return Some(2);
            }
            b'\'' => {
                let before = self.scanned.checked_sub(1).and_then(|at| self.buffer.as_bytes().get(at));
                let escapes = before.is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) && !self.word_before(2);
                self.state = State::Text { escapes };
            }
            b'"' | b'`' => self.state = State::Name(byte),
            b'$' if !self.word_before(1) => {
                let rest = self.buffer.get(self.scanned + 1..).unwrap_or_default();
                let tag = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
                let is_parameter = rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
                match rest.as_bytes().get(tag) {
                    Some(b'$') if !is_parameter => {
                        let length = tag + 2;
                        let tag = self.buffer.get(self.scanned..self.scanned + length).unwrap_or_default();
                        self.state = State::Dollar(tag.to_owned());
                        self.has_content = true;
                        return Some(length);
                    }
                    None if !last && !is_parameter => return None,
                    _ => {}
                }
            }
            _ => {}
        }
        self.has_content |= !byte.is_ascii_whitespace();
        Some(1)
    }

    /// Whether the byte `back` places before is part of a word.
    fn word_before(&self, back: usize) -> bool {
        let byte = self.scanned.checked_sub(back).and_then(|at| self.buffer.as_bytes().get(at));
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the pieces are, the statements are the same.
    fn split(text: &str) -> Vec<(String, u32)> {
        let mut all: Vec<Vec<(String, u32)>> = Vec::new();
        for size in [1, 2, 3, text.len().max(1)] {
            let mut splitter = Splitter::default();
            let mut found = Vec::new();
            let chars: Vec<char> = text.chars().collect();
            for part in chars.chunks(size) {
                splitter.push(&part.iter().collect::<String>());
                while let Some(piece) = splitter.next() {
                    found.push((piece.sql.trim().to_owned(), piece.lines_before));
                }
            }
            while let Some(piece) = splitter.rest() {
                found.push((piece.sql.trim().to_owned(), piece.lines_before));
            }
            all.push(found);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        all.remove(0)
    }

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|(sql, _)| sql).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_end_a_statement() {
        assert_eq!(
            texts(
                "SELECT ';', \"a;b\", 'it''s;' -- one; two\n, 1 /* ; /* ; */ ; */;SELECT $1; SELECT $$;$$, $x$ ; $$ $x$"
            ),
            [
                "SELECT ';', \"a;b\", 'it''s;' -- one; two\n, 1 /* ; /* ; */ ; */;",
                "SELECT $1;",
                "SELECT $$;$$, $x$ ; $$ $x$"
            ]
        );
        assert_eq!(texts("SELECT E'\\';', 'a\\'; SELECT 2"), ["SELECT E'\\';', 'a\\';", "SELECT 2"]);
        assert_eq!(texts("SELECT 7-2/1;"), ["SELECT 7-2/1;"]);
    }

    #[test]
    fn nothing_is_not_a_statement_and_lines_are_counted() {
        assert_eq!(texts(" ;; -- only words\n ; /* x */ "), Vec::<String>::new());
        assert_eq!(
            split("SELECT\n1;\n\nSELECT 2;"),
            [("SELECT\n1;".to_owned(), 0), ("SELECT 2;".to_owned(), 1)]
        );
    }
}
