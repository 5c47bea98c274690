//! The figures of the database in groups, and how fast the important ones grow.

use std::collections::VecDeque;
use std::time::Duration;

use crate::bus::{Figure, StatsInfo};
use crate::model::{Value, escape_control};

use super::super::text;
use super::Line;

/// Seconds a graph goes back.
const SECONDS: usize = 120;

/// How fast a figure grows.
#[derive(Debug)]
pub(in crate::tui) struct Rate {
    pub(in crate::tui) title: &'static str,
    group: &'static str,
    name: &'static str,
    last: Option<(Duration, u64)>,
    /// Per second, the latest last.
    pub(in crate::tui) values: VecDeque<u64>,
}

/// The figures whose growth is drawn.
pub(super) fn rates() -> Vec<Rate> {
    let rate = |title, name| Rate { title, group: "log", name, last: None, values: VecDeque::new() };
    vec![rate("commits/s", "commits"), rate("log bytes/s", "written"), rate("syncs/s", "syncs")]
}

impl Rate {
    /// Takes new figures in.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn add(&mut self, stats: &StatsInfo, now: Duration) {
        let found = stats.figures.iter().find(|f| f.group == self.group && f.name == self.name);
        let Some(Value::Integer(value)) = found.map(|f| &f.value) else { return };
        let value = u64::try_from(*value).unwrap_or(0);
        if let Some((then, before)) = self.last.replace((now, value)) {
            let seconds = now.saturating_sub(then).as_secs_f64();
            if seconds > 0.0 {
                self.values.push_back((value.saturating_sub(before) as f64 / seconds).round() as u64);
            }
        }
        let over = self.values.len().saturating_sub(SECONDS);
        self.values.drain(..over);
    }
}

/// A figure's value as people read it.
pub(super) fn shown(figure: &Figure) -> (String, &'static str) {
    match &figure.value {
        Value::Integer(n) if figure.unit == "bytes" => (bytes(u64::try_from(*n).unwrap_or(0)), "ui.number"),
        Value::Integer(n) => (u64::try_from(*n).map_or_else(|_| n.to_string(), text::count), "ui.number"),
        Value::Float(_) => (text::one_line(&figure.value), "ui.number"),
        Value::Null => ("-".to_owned(), "ui.null"),
        other => (text::one_line(other), "ui.text"),
    }
}

/// Bytes with a unit that fits: `70.0 MiB`.
#[allow(clippy::cast_precision_loss)]
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for next in units {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// Groups with their figures.
pub(super) fn lines(stats: &StatsInfo) -> Vec<Line> {
    let names = stats.figures.iter().map(|f| text::width(&f.name)).max().unwrap_or(0).min(40);
    let mut lines = Vec::new();
    let mut group = "";
    for figure in &stats.figures {
        if figure.group != group {
            if !group.is_empty() {
                lines.push(Line::default());
            }
            group = &figure.group;
            lines.push(Line::heading(&escape_control(group)));
        }
        let (value, scope) = shown(figure);
        // What is unknown has no unit, and a position in the log says what it is by its name.
        let bare = ["bytes", "lsn", ""].contains(&figure.unit.as_str()) || figure.value == Value::Null;
        let unit = if bare { String::new() } else { format!(" {}", escape_control(&figure.unit)) };
        lines.push(Line::new(vec![
            (format!("  {}  ", text::fit(&escape_control(&figure.name), names, false)), "ui.text.muted"),
            (value, scope),
            (unit, "ui.text.muted"),
        ]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_was_added_in_a_second() {
        let stats = |n| StatsInfo {
            figures: vec![Figure {
                group: "log".into(),
                name: "commits".into(),
                value: Value::Integer(n),
                unit: String::new(),
            }],
        };
        let mut rate = rates().remove(0);
        rate.add(&stats(100), Duration::from_secs(1));
        rate.add(&stats(150), Duration::from_secs(2));
        rate.add(&stats(150), Duration::from_secs(4));
        rate.add(&stats(350), Duration::from_secs(6));
        assert_eq!(rate.values, [50, 0, 100]);
    }

    #[test]
    fn bytes_are_short() {
        assert_eq!(
            [bytes(0), bytes(1023), bytes(1536), bytes(73_400_320)],
            ["0 B", "1023 B", "1.5 KiB", "70.0 MiB"]
        );
    }
}
