//! What is asked of a result's rows: filters and order, as the user writes them and as they are shown.

use crate::bus::{Comparison, RowFilter, RowShape, SortKey};
use crate::model::{Value, escape_control};

use crate::tui::text;

/// A filter with the words it is shown by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Filter {
    pub(in crate::tui) label: String,
    pub(in crate::tui) filter: RowFilter,
}

/// A step that Esc takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Step {
    Filter,
    Sort,
}

/// Filters and order of a result's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::tui) struct Shape {
    pub(in crate::tui) filters: Vec<Filter>,
    pub(in crate::tui) sort: Vec<SortKey>,
    /// In the order they were taken.
    steps: Vec<Step>,
}

impl Shape {
    pub(in crate::tui) fn is_empty(&self) -> bool {
        self.filters.is_empty() && self.sort.is_empty()
    }

    /// How many steps Esc takes back.
    pub(in crate::tui) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// As the bus takes it.
    pub(in crate::tui) fn request(&self) -> RowShape {
        RowShape { filters: self.filters.iter().map(|f| f.filter.clone()).collect(), sort: self.sort.clone() }
    }

    pub(in crate::tui) fn with_filter(&self, filter: Filter) -> Self {
        let mut shape = self.clone();
        shape.filters.push(filter);
        shape.steps.push(Step::Filter);
        shape
    }

    /// Sorted by a column: upwards, then downwards, then not. Added behind the other columns where
    /// `add` says so.
    pub(in crate::tui) fn with_sort(&self, column: usize, add: bool) -> Self {
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        let mut shape = self.clone();
        let before = shape.sort.iter().find(|key| key.column == column).copied();
        if !add {
            shape.sort.retain(|key| key.column == column);
        }
        match before {
            None => shape.sort.push(SortKey { column, descending: false }),
            Some(SortKey { descending: false, .. }) => {
                shape.sort.iter_mut().filter(|k| k.column == column).for_each(|k| k.descending = true);
            }
            Some(_) => shape.sort.retain(|key| key.column != column),
        }
        shape.steps.retain(|step| *step != Step::Sort);
        if !shape.sort.is_empty() {
            shape.steps.push(Step::Sort);
        }
        shape
    }

    /// Without what was asked for last; `None` where nothing was.
    pub(in crate::tui) fn without_last(&self) -> Option<Self> {
        let mut shape = self.clone();
        match shape.steps.pop()? {
            Step::Filter => drop(shape.filters.pop()),
            Step::Sort => shape.sort.clear(),
        }
        Some(shape)
    }

    /// The mark of a column in the header: its direction, and its turn where there are several.
    pub(in crate::tui) fn mark(&self, column: usize) -> Option<String> {
        let turn = self.sort.iter().position(|key| key.column as usize == column)?;
        let arrow = if self.sort.get(turn)?.descending { "▼" } else { "▲" };
        Some(if self.sort.len() > 1 { format!("{arrow}{}", turn + 1) } else { arrow.to_owned() })
    }

    /// What it says in words.
    pub(in crate::tui) fn words(&self, names: &[String]) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.filters.is_empty() {
            let filters: Vec<&str> = self.filters.iter().map(|f| f.label.as_str()).collect();
            words.push(format!("filter {}", filters.join(" and ")));
        }
        if !self.sort.is_empty() {
            let keys: Vec<String> = (self.sort.iter())
                .map(|key| {
                    let name = names.get(key.column as usize).map_or("?", String::as_str);
                    format!("{name} {}", if key.descending { "▼" } else { "▲" })
                })
                .collect();
            words.push(format!("sort {}", keys.join(", ")));
        }
        words.join(" · ")
    }
}

/// The filter that keeps rows like this one in a column.
pub(in crate::tui) fn like_cell(column: usize, name: &str, value: &Value) -> Filter {
    let number = u32::try_from(column).unwrap_or(u32::MAX);
    match value {
        Value::Null => Filter {
            label: format!("{name} is NULL"),
            filter: RowFilter::IsNull { column: number, not: false },
        },
        value => Filter {
            label: format!("{name} = {}", text::cut(&quoted(value), 30)),
            filter: RowFilter::Compare {
                column: number,
                comparison: Comparison::Equal,
                text: value.to_text(),
            },
        },
    }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(_) => format!("'{}'", text::one_line(value)),
        other => text::one_line(other),
    }
}

/// Reads a filter: `size > 1000`, `name = libc6`, `name ~ lib`, `homepage is null`, or a text that any
/// of the shown cells must hold (`!text`: none).
pub(in crate::tui) fn parse_filter(typed: &str, names: &[String], shown: &[usize]) -> Option<Filter> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    if let Some(filter) = parse_null(typed, names).or_else(|| parse_comparison(typed, names)) {
        return Some(filter);
    }
    let (not, text) = match typed.strip_prefix('!') {
        Some(rest) if !rest.trim().is_empty() => (true, rest.trim()),
        _ => (false, typed),
    };
    let columns = if shown.len() == names.len() {
        Vec::new()
    } else {
        shown.iter().filter_map(|c| u32::try_from(*c).ok()).collect()
    };
    let label = format!("{}'{}'", if not { "not " } else { "" }, escape_control(text));
    Some(Filter { label, filter: RowFilter::Contains { text: text.to_owned(), columns, not } })
}

fn column_of(name: &str, names: &[String]) -> Option<(usize, u32)> {
    let name = name.trim().trim_matches('"');
    let place = (names.iter().position(|n| n == name))
        .or_else(|| names.iter().position(|n| n.eq_ignore_ascii_case(name)))?;
    Some((place, u32::try_from(place).ok()?))
}

fn parse_null(typed: &str, names: &[String]) -> Option<Filter> {
    let lower = typed.to_ascii_lowercase();
    let (name, not) = match lower.strip_suffix(" is not null") {
        Some(name) => (name, true),
        None => (lower.strip_suffix(" is null")?, false),
    };
    let (place, column) = column_of(typed.get(..name.len())?, names)?;
    let name = names.get(place)?;
    let label = format!("{name} is {}NULL", if not { "not " } else { "" });
    Some(Filter { label, filter: RowFilter::IsNull { column, not } })
}

fn parse_comparison(typed: &str, names: &[String]) -> Option<Filter> {
    const SIGNS: [(&str, Option<Comparison>); 9] = [
        ("!~", None),
        ("!=", Some(Comparison::NotEqual)),
        ("<>", Some(Comparison::NotEqual)),
        ("<=", Some(Comparison::LessOrEqual)),
        (">=", Some(Comparison::GreaterOrEqual)),
        ("~", None),
        ("=", Some(Comparison::Equal)),
        ("<", Some(Comparison::Less)),
        (">", Some(Comparison::Greater)),
    ];
    // The first sign in the text; of those that begin there, the longest.
    let (at, sign, comparison) = (SIGNS.iter())
        .filter_map(|(sign, comparison)| Some((typed.find(sign)?, *sign, *comparison)))
        .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))?;
    let (place, column) = column_of(typed.get(..at)?, names)?;
    let operand = typed.get(at + sign.len()..)?.trim();
    let text = match operand.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(quoted) => quoted.replace("''", "'"),
        None => operand.to_owned(),
    };
    let label = format!("{} {sign} {}", names.get(place)?, escape_control(operand));
    let filter = match comparison {
        Some(comparison) => RowFilter::Compare { column, comparison, text },
        None => RowFilter::Contains { text, columns: vec![column], not: sign == "!~" },
    };
    Some(Filter { label, filter })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["name", "Size", "is null"].map(str::to_owned).to_vec()
    }

    fn parse(typed: &str) -> RowFilter {
        parse_filter(typed, &names(), &[0, 1, 2]).unwrap().filter
    }

    #[test]
    fn filters_are_read_as_they_are_typed() {
        let compare =
            |column, comparison, text: &str| RowFilter::Compare { column, comparison, text: text.into() };
        assert_eq!(parse("size >= 1,000"), compare(1, Comparison::GreaterOrEqual, "1,000"));
        assert_eq!(parse("name='it''s = x'"), compare(0, Comparison::Equal, "it's = x"));
        assert_eq!(parse("Size <> 3"), compare(1, Comparison::NotEqual, "3"));
        assert_eq!(parse("name is not null"), RowFilter::IsNull { column: 0, not: true });
        let contains =
            |text: &str, columns: Vec<u32>, not| RowFilter::Contains { text: text.into(), columns, not };
        assert_eq!(parse("name ~ lib"), contains("lib", vec![0], false));
        assert_eq!(parse("name !~ lib"), contains("lib", vec![0], true));
        assert_eq!(parse("a = b"), contains("a = b", vec![], false), "no such column: text");
        assert_eq!(parse("!lib"), contains("lib", vec![], true));
        assert!(parse_filter("  ", &names(), &[]).is_none());
    }

    #[test]
    fn a_column_sorts_up_then_down_then_not_and_steps_come_off() {
        let shape = Shape::default().with_sort(1, false);
        assert_eq!(shape.mark(1).as_deref(), Some("▲"));
        let shape = shape.with_sort(1, false).with_sort(0, true);
        assert_eq!((shape.mark(1).as_deref(), shape.mark(0).as_deref()), (Some("▼1"), Some("▲2")));
        let shape = shape.with_filter(parse_filter("lib", &names(), &[0, 1, 2]).unwrap());
        assert_eq!(shape.words(&names()), "filter 'lib' · sort Size ▼, name ▲");
        let shape = shape.without_last().unwrap();
        assert_eq!(shape.words(&names()), "sort Size ▼, name ▲");
        assert!(shape.without_last().unwrap().is_empty());
        assert_eq!(Shape::default().without_last(), None);
        assert!(Shape::default().with_sort(1, false).with_sort(1, false).with_sort(1, false).is_empty());
        assert_eq!(shape.with_sort(0, false).sort, [SortKey { column: 0, descending: true }]);
    }
}
