//! Bytes in lines: offset, hexadecimal, characters.

use std::fmt::Write as _;

/// Bytes of a line in so many columns.
pub(super) fn per_line(columns: usize) -> usize {
    if columns >= 77 { 16 } else { 8 }
}

pub(super) fn lines(bytes: &[u8], columns: usize) -> usize {
    bytes.len().div_ceil(per_line(columns))
}

pub(super) fn line(bytes: &[u8], line: usize, columns: usize) -> Vec<(String, &'static str)> {
    let each = per_line(columns);
    let own: Vec<u8> = bytes.iter().skip(line * each).take(each).copied().collect();
    let mut hex = String::new();
    for place in 0..each {
        match own.get(place) {
            Some(byte) => _ = write!(hex, "{byte:02x} "),
            None => hex.push_str("   "),
        }
        if place == 7 {
            hex.push(' ');
        }
    }
    let shown: String =
        own.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '·' }).collect();
    vec![
        (format!("{:08x}  ", line * each), "ui.text.muted"),
        (hex, "ui.number"),
        (format!(" {shown}"), "ui.string"),
    ]
}
