//! The dot-commands of the REPL.

use super::CommandSpec;

const fn dot(
    name: &'static str,
    aliases: &'static [&'static str],
    syntax: &'static str,
    help: &'static str,
) -> CommandSpec {
    CommandSpec { name, aliases, group: "repl", syntax, help }
}

/// Dot-commands, in the order `.help` lists them.
pub const DOT: &[CommandSpec] = &[
    dot(".help", &[], "", "this text"),
    dot(".tables", &[], "", "the types with their row counts"),
    dot(".schema", &[], "[TYPE]", "the types, or the properties of one"),
    dot(
        ".format",
        &[],
        "[FORMAT]",
        "how results are printed: table, vertical, csv, tsv, json, jsonl, markdown",
    ),
    dot(".timing", &[], "[on|off]", "say how long each statement took"),
    dot(".read", &[], "FILE", "run the statements of a file"),
    dot(
        ".import",
        &[],
        "FILE... [--type T ...]",
        "read files into a type, with the options of aresadb import",
    ),
    dot(".export", &[], "TYPE|SQL|graph FILE", "write a type, a query's result, or a graph to a file"),
    dot(".stats", &[], "", "sizes, counts, cache and storage figures"),
    dot(".explain", &[], "SQL", "show how a statement is run"),
    dot(".exit", &[".quit"], "", "leave (also Ctrl-D)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_commands_have_names_of_their_own_and_help() {
        let mut seen = std::collections::BTreeSet::new();
        for spec in DOT {
            for name in std::iter::once(&spec.name).chain(spec.aliases) {
                assert!(seen.insert(*name) && name.starts_with('.'), "{name}");
            }
            assert!(!spec.help.is_empty() && !spec.help.ends_with('.'), "{}", spec.name);
        }
    }
}
