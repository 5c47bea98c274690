//! Where the bytes are: the tables of the file, the segments of the log, the rows of the types.

use crate::bus::{CatalogInfo, LogSegment, StatsInfo};
use crate::model::{Value, escape_control, format_timestamp};

use super::super::text;
use super::figures::bytes;
use super::{Line, Target};

/// Columns of a bar.
const BAR: usize = 20;

pub(super) fn lines(stats: &StatsInfo, segments: &[LogSegment], catalog: Option<&CatalogInfo>) -> Vec<Line> {
    let figure = |group: &str, name: &str| {
        let found = stats.figures.iter().find(|f| f.group == group && f.name == name)?;
        match found.value {
            Value::Integer(n) => u64::try_from(n).ok(),
            _ => None,
        }
    };
    let mut lines = Vec::new();
    let file = figure("storage", "file").unwrap_or(0);
    lines.push(Line::heading(&format!("tables, in a file of {}", bytes(file))));
    let tables: Vec<(String, u64, u64)> = stats
        .figures
        .iter()
        .filter(|f| f.group == "storage")
        .filter_map(|f| f.name.strip_suffix(" size"))
        .map(|name| {
            let entries = figure("storage", &format!("{name} entries")).unwrap_or(0);
            let size = figure("storage", &format!("{name} size")).unwrap_or(0);
            (escape_control(name).into_owned(), entries, size)
        })
        .collect();
    let most = tables.iter().map(|(_, _, size)| *size).max().unwrap_or(0);
    lines.extend(tables.iter().map(|(name, entries, size)| {
        Line::new(vec![
            (format!("  {}", text::fit(name, 18, false)), "ui.text"),
            (text::fit(&text::count(*entries), 14, true), "ui.number"),
            (" entries ".to_owned(), "ui.text.muted"),
            (text::fit(&bytes(*size), 12, true), "ui.number"),
            (format!("  {}", bar(*size, most)), "ui.title.focus"),
        ])
    }));
    lines.push(Line::default());
    lines.extend(log(segments));
    lines.extend(catalog.into_iter().flat_map(types));
    lines
}

fn log(segments: &[LogSegment]) -> Vec<Line> {
    if segments.is_empty() {
        return Vec::new();
    }
    let all: u64 = segments.iter().map(|s| s.file_bytes).sum();
    let mut lines = vec![Line::heading(&format!("log, {} in segments", bytes(all)))];
    for segment in segments {
        let range = segment.last_lsn.map_or_else(
            || "empty".to_owned(),
            |last| format!("{} to {}", text::count(segment.first_lsn), text::count(last)),
        );
        let (state, scope) = match (&segment.damage, segment.torn) {
            (Some(damage), _) => (format!("  damaged: {}", escape_control(damage)), "ui.error"),
            (None, true) => ("  ends in what was never acknowledged".to_owned(), "ui.warning"),
            (None, false) => (String::new(), "ui.text"),
        };
        let used = format!("{} of {}", bytes(segment.used_bytes), bytes(segment.file_bytes));
        let about = format!("begun {}", format_timestamp(segment.begun_micros));
        let line = Line::new(vec![
            (format!("  {}", text::fit(&escape_control(&segment.file), 21, false)), "ui.text"),
            (text::fit(&range, 20, true), "ui.number"),
            (
                text::fit(&format!("{} transactions", text::count(segment.transactions)), 24, true),
                "ui.text.muted",
            ),
            (text::fit(&used, 22, true), "ui.number"),
            (state, scope),
        ]);
        lines.push(line.to(Target::Text(escape_control(&segment.file).into_owned(), about)));
    }
    lines.push(Line::default());
    lines
}

fn types(catalog: &CatalogInfo) -> Vec<Line> {
    let most = catalog.types.iter().map(|t| t.rows).max().unwrap_or(0);
    let mut lines = vec![Line::heading("rows by type")];
    lines.extend(catalog.types.iter().map(|info| {
        let kind = if info.is_edge { "edges" } else { "nodes" };
        Line::new(vec![
            (format!("  {}", text::fit(&escape_control(&info.name), 18, false)), "ui.text"),
            (text::fit(&text::count(info.rows), 14, true), "ui.number"),
            (format!(" {kind}               "), "ui.text.muted"),
            (bar(info.rows, most), "ui.title.focus"),
        ])
        .to(Target::Type(info.name.clone()))
    }));
    lines
}

/// A bar that is full at `most`.
fn bar(n: u64, most: u64) -> String {
    let cells = if most == 0 { 0 } else { (u128::from(n) * BAR as u128).div_ceil(u128::from(most)) };
    "▆".repeat(usize::try_from(cells).unwrap_or(BAR).min(BAR))
}
