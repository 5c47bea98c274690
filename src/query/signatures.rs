//! How functions are called and what they do, for programs that complete them.

use std::collections::BTreeMap;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::Documentation;

use super::functions::function_names;

/// A function as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// How it is called: `lpad(str, n[, padding])`.
    pub syntax: String,
    /// What it does, in one line.
    pub about: String,
}

/// The functions in the order of their names.
#[must_use]
pub fn function_signatures() -> Vec<Signature> {
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut add = |name: &str, aliases: &[String], documented: Option<&Documentation>| {
        let Some(documented) = documented else { return };
        let first = |text: &str| text.trim().lines().next().unwrap_or_default().trim().to_owned();
        let syntax = first(&documented.syntax_example);
        let about = first(&documented.description);
        for alias in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
            // Another name is called the same way.
            let own = match syntax.strip_prefix(name) {
                Some(rest) if rest.starts_with('(') => format!("{alias}{rest}"),
                _ => syntax.clone(),
            };
            known.entry(alias.to_owned()).or_insert((own, about.clone()));
        }
    };
    for function in SessionStateDefaults::default_scalar_functions() {
        add(function.name(), function.aliases(), function.documentation());
    }
    for function in SessionStateDefaults::default_aggregate_functions() {
        add(function.name(), function.aliases(), function.documentation());
    }
    for function in SessionStateDefaults::default_window_functions() {
        add(function.name(), function.aliases(), function.documentation());
    }
    for (name, syntax, about) in super::graph_functions::described() {
        known.insert(name.to_owned(), (syntax, about.to_owned()));
    }
    let signature = |name: String| {
        let (syntax, about) = known.remove(&name).unwrap_or_else(|| (format!("{name}(…)"), String::new()));
        Signature { name, syntax, about }
    };
    function_names().into_iter().map(signature).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_say_how_they_are_called() {
        let all = function_signatures();
        let of = |name: &str| all.iter().find(|s| s.name == name).unwrap().clone();
        assert!(of("lpad").syntax.starts_with("lpad(") && !of("lpad").about.is_empty());
        assert!(of("row_number").syntax.starts_with("row_number("));
        let described = all.iter().filter(|s| !s.about.is_empty()).count();
        assert!(described * 10 > all.len() * 7, "{described} of {}", all.len());
        assert!(all.iter().all(|s| !s.syntax.contains('\n')));
    }
}
