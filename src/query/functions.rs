//! The names of the functions that SQL has, for programs that complete them.

use std::collections::HashSet;
use std::sync::LazyLock;

use datafusion::execution::SessionStateDefaults;

/// Whether a name is that of an aggregate function.
#[must_use]
pub fn is_aggregate(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let functions = SessionStateDefaults::default_aggregate_functions();
        let names = functions.iter().flat_map(|function| {
            std::iter::once(function.name().to_owned()).chain(function.aliases().iter().cloned())
        });
        names.collect()
    });
    NAMES.contains(name)
}

/// The functions' names in order: scalar, aggregate, window and graph functions, with their other names.
#[must_use]
pub fn function_names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for function in SessionStateDefaults::default_scalar_functions() {
        names.push(function.name().to_owned());
        names.extend(function.aliases().iter().cloned());
    }
    for function in SessionStateDefaults::default_aggregate_functions() {
        names.push(function.name().to_owned());
        names.extend(function.aliases().iter().cloned());
    }
    for function in SessionStateDefaults::default_window_functions() {
        names.push(function.name().to_owned());
        names.extend(function.aliases().iter().cloned());
    }
    names.extend(super::graph_functions::names().map(str::to_owned));
    // Operators have functions behind them, with names nobody writes.
    names.retain(|name| {
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
    });
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_functions_are_there_once() {
        let names = function_names();
        for name in ["abs", "count", "date_trunc", "lower", "row_number", "sum"] {
            assert_eq!(names.iter().filter(|n| *n == name).count(), 1, "{name}");
        }
    }
}
