//! What can stand at the cursor of the REPL: dot-commands and their arguments, else SQL, which the
//! completer of all programs knows.

use clap::ValueEnum as _;

use crate::bus::complete::{Words, complete as complete_sql};
use crate::bus::registry::DOT;
use crate::cli::args::Format;

/// What the cursor may complete.
#[derive(Debug, PartialEq, Eq)]
pub enum Completion {
    /// Words that replace the text from a byte on.
    Words(usize, Vec<String>),
    /// The name of a file.
    File,
}

/// The candidates at the end of `line`, whose statement began with the lines in `before`.
pub fn complete(words: &Words, before: &str, line: &str) -> Completion {
    if before.trim().is_empty() && line.trim_start().starts_with('.') {
        return dot_command(words, line);
    }
    let (start, found) = statement(words, before, line);
    Completion::Words(start, found)
}

fn dot_command(words: &Words, line: &str) -> Completion {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (head, prefix) = line.split_at(start);
    let mut given = head.split_whitespace();
    let types = || words.types.iter().map(|found| found.name.clone());
    let pick = |names: Vec<String>| {
        let found = names.into_iter().filter(|name| name.starts_with(prefix));
        Completion::Words(start, found.collect())
    };
    match (given.next(), given.count()) {
        (None, _) => pick(DOT.iter().map(|spec| spec.name.to_owned()).collect()),
        (Some(".schema" | ".export"), 0) => pick(types().collect()),
        (Some(".format"), 0) => {
            let names = Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
            pick(names.map(|value| value.get_name().to_owned()).collect())
        }
        (Some(".timing"), 0) => pick(vec!["off".to_owned(), "on".to_owned()]),
        (Some(".import"), _) if head.trim_end().ends_with("--type") => pick(types().collect()),
        (Some(".read"), 0) | (Some(".export"), 1) | (Some(".import"), _) => Completion::File,
        (Some(".explain"), _) => {
            let at = line.find(".explain").map_or(0, |at| at + ".explain".len());
            let sql = line.get(at..).unwrap_or_default();
            let (start, found) = statement(words, "", sql);
            Completion::Words(at + start, found)
        }
        _ => Completion::Words(start, Vec::new()),
    }
}

/// The line editor fills in what all candidates begin with, so only those are given that go on with
/// what is typed.
fn statement(words: &Words, before: &str, line: &str) -> (usize, Vec<String>) {
    let text = format!("{before}{line}");
    let found = complete_sql(words, &text, text.len());
    // What was begun on a line before stays as it is.
    let Some(start) = found.from.checked_sub(before.len()) else { return (line.len(), Vec::new()) };
    let begun = found.items.into_iter().filter(|item| item.goes_on);
    (start, begun.map(|item| item.text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::complete::{FunctionWords, TypeWords};

    fn words() -> Words {
        let typed = |name: &str, properties: &[&str]| TypeWords {
            name: name.to_owned(),
            properties: properties.iter().map(|p| ((*p).to_owned(), "text".to_owned())).collect(),
            ..TypeWords::default()
        };
        let function = |name: &str| FunctionWords { name: name.to_owned(), ..FunctionWords::default() };
        Words {
            types: vec![
                typed("package", &["name", "version", "Size"]),
                typed("person", &["name", "born"]),
                typed("Mixed Case", &["order"]),
            ],
            functions: vec![function("count"), function("coalesce"), function("percent_rank")],
        }
    }

    fn at(before: &str, line: &str) -> (String, Vec<String>) {
        match complete(&words(), before, line) {
            Completion::Words(start, found) => (line[..start].to_owned(), found),
            Completion::File => ("file".to_owned(), Vec::new()),
        }
    }

    fn found(line: &str) -> Vec<String> {
        at("", line).1
    }

    #[test]
    fn statements_are_completed_over_their_lines() {
        assert_eq!(found("SELECT * FROM pac"), ["package"]);
        assert_eq!(at("SELECT *\n", "FROM per"), ("FROM ".to_owned(), vec!["person".to_owned()]));
        assert_eq!(found("SELECT coun"), ["count("]);
        assert_eq!(found("SELECT nothing_like_this"), Vec::<String>::new());
        assert!(at("SELECT 'a\n", "sel").1.is_empty());
    }

    #[test]
    fn dot_commands_have_arguments_of_their_own() {
        assert_eq!(found(".ex"), [".export", ".explain", ".exit"]);
        assert_eq!(found(".schema p"), ["package", "person"]);
        assert_eq!(found(".format js"), ["json", "jsonl"]);
        assert_eq!(at("", ".read a"), ("file".to_owned(), Vec::new()));
        assert_eq!(
            at("", ".import x.csv --type pe"),
            (".import x.csv --type ".to_owned(), vec!["person".to_owned()])
        );
        assert_eq!(at("", ".explain SELECT * FROM pe").1, ["person"]);
        assert_eq!(at("SELECT 1\n", ".ex").1, Vec::<String>::new());
    }
}
