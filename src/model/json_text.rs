//! JSON text (RFC 8259) as values, exactly: every float is the nearest one to its digits (the usual
//! fast parser may be off by one unit in the last place), an integer past 64 bits is an error and
//! not a float, a name that stands twice in an object is an error, and nesting is bounded.

use std::collections::BTreeMap;

use super::{MAX_NESTING, Value};

/// Why text is not JSON that can be stored.
#[derive(Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// The byte at which it shows.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

type Parsed<T> = Result<T, JsonFault>;

/// Reads values from text.
pub struct JsonText<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> JsonText<'t> {
    /// Starts at the beginning of a text.
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Nothing but white space may be left.
    pub fn end(&mut self) -> Parsed<()> {
        match self.token() {
            None => Ok(()),
            Some(_) => self.fault("text stands behind the value"),
        }
    }

    /// Reads an object and gives its members to `member`. `levels` of nesting are allowed, with this one.
    pub fn object(
        &mut self,
        levels: usize,
        member: &mut dyn FnMut(String, Value) -> Result<(), String>,
    ) -> Parsed<()> {
        if self.token() != Some(b'{') {
            return self.fault("'{' is expected");
        }
        self.at += 1;
        if self.token() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.token() != Some(b'"') {
                return self.fault("a name in double quotes is expected");
            }
            let start = self.at;
            let name = self.string()?;
            if self.token() != Some(b':') {
                return self.fault("':' is expected");
            }
            self.at += 1;
            let value = self.value(levels.saturating_sub(1))?;
            member(name, value).map_err(|message| JsonFault { at: start, message })?;
            match self.token() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fault("',' or '}' is expected"),
            }
        }
    }

    fn fault<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(JsonFault { at: self.at, message: format!("{} at byte {}", message.into(), self.at + 1) })
    }

    /// The next byte that is not white space.
    fn token(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Reads a value. `levels` of nesting are allowed.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn value(&mut self, levels: usize) -> Parsed<Value> {
        match self.token() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{' | b'[') if levels == 0 => {
                self.fault(format!("a value is nested deeper than {MAX_NESTING} levels"))
            }
            Some(b'{') => {
                let mut fields = BTreeMap::new();
                self.object(levels, &mut |name, value| {
                    if fields.contains_key(&name) {
                        return Err(format!("the name '{name}' stands twice in an object"));
                    }
                    fields.insert(name, value);
                    Ok(())
                })?;
                Ok(Value::Object(fields))
            }
            Some(b'[') => self.array(levels),
            _ => {
                let words =
                    [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
                let rest = self.text.get(self.at..).unwrap_or_default();
                match words.into_iter().find(|(word, _)| rest.starts_with(word.as_bytes())) {
                    Some((word, value)) => {
                        self.at += word.len();
                        Ok(value)
                    }
                    None => self.fault("a value is expected"),
                }
            }
        }
    }

    fn array(&mut self, levels: usize) -> Parsed<Value> {
        self.at += 1;
        let mut items = Vec::new();
        if self.token() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(levels - 1)?);
            match self.token() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return self.fault("',' or ']' is expected"),
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let leading_zero = self.text.get(self.at) == Some(&b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return self.fault("a number is expected");
        }
        let mut is_integer = true;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            is_integer = false;
            if self.digits() == 0 {
                return self.fault("a digit is expected");
            }
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            is_integer = false;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fault("a digit is expected");
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        if is_integer && text != "-0" {
            return match text.parse() {
                Ok(integer) => Ok(Value::Integer(integer)),
                Err(_) => self.fault(format!("{text} does not fit a 64-bit integer; write it as text")),
            };
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => self.fault(format!("{text} does not fit a 64-bit float")),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let start = self.at;
            while self.text.get(self.at).is_some_and(|b| !matches!(b, b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            bytes.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return match String::from_utf8(bytes) {
                        Ok(text) => Ok(text),
                        Err(_) => self.fault("the text is not UTF-8"),
                    };
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(_) => return self.fault("a control character stands in a text"),
                None => return self.fault("a text is not closed"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let kind = self.text.get(self.at + 1).copied();
        self.at += 2;
        Ok(match kind {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    // A character beyond the basic plane is a pair of surrogates.
                    if self.text.get(self.at..self.at + 2) != Some(b"\\u") {
                        return self.fault("half of a surrogate pair");
                    }
                    self.at += 2;
                    let second = self.hex()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return self.fault("half of a surrogate pair");
                    }
                    0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                match char::from_u32(code) {
                    Some(c) => c,
                    None => return self.fault("half of a surrogate pair"),
                }
            }
            _ => return self.fault("an escape that JSON does not have"),
        })
    }

    fn hex(&mut self) -> Parsed<u32> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|d| std::str::from_utf8(d).ok());
        match digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(digits) => {
                self.at += 4;
                Ok(u32::from_str_radix(digits, 16).unwrap_or_default())
            }
            None => self.fault("four hexadecimal digits are expected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed<Value> {
        let mut parser = JsonText::new(text.as_bytes());
        let value = parser.value(MAX_NESTING)?;
        parser.end().map(|()| value)
    }

    #[test]
    fn every_float_is_the_nearest_to_its_digits() {
        for f in [1.0 / 11.0, 0.1, 5e-324, f64::MAX, 1e22, -2.5e-7, 123_456_789.123_456_79] {
            let text = Value::Float(f).to_json().to_string();
            assert_eq!(read(&text), Ok(Value::Float(f)), "{text}");
        }
        assert!(read("1e400").is_err());
        assert_eq!(read("-0"), Ok(Value::Float(-0.0)));
    }

    #[test]
    fn it_agrees_with_another_parser_on_what_json_is() {
        let texts = [
            "null",
            " [1, -2, 3.5e-2, \"a\\u00e9\\ud83d\\ude00\\n\\/\", {}, [], true, false] ",
            "{\"a\":{\"b\":[{}]}}",
            "",
            "nul",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "[1,]",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "{a:1}",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"open",
            "\"\u{1}\"",
            "[1 2]",
            "1 2",
            "tru",
            "\"\\u12g4\"",
            "{",
            "[",
            "-",
            "\"é\"",
        ];
        for text in texts {
            let other = serde_json::from_str::<serde_json::Value>(text);
            let own = read(text);
            assert_eq!(own.is_ok(), other.is_ok(), "{text}: {own:?}");
            if let (Ok(own), Ok(other)) = (own, other) {
                assert_eq!(own.to_json(), other, "{text}");
            }
        }
    }
}
