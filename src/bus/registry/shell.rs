//! The commands of the shell: `aresadb NAME ...`.

use super::CommandSpec;

const fn command(
    group: &'static str,
    name: &'static str,
    syntax: &'static str,
    help: &'static str,
) -> CommandSpec {
    CommandSpec { name, aliases: &[], group, syntax, help }
}

/// The group of commands that are named but do not work yet: each answers `Unsupported`.
pub const LATER: &str = "not available yet";

/// Subcommands, in the order help lists them.
pub const SHELL: &[CommandSpec] = &[
    command("database", "init", "PATH [--name N]", "make a new database in a folder"),
    command("database", "info", "", "name, place, types and row counts of the database"),
    command("database", "stats", "", "sizes, counts, cache and storage figures"),
    command("database", "verify", "", "read everything and check it: records, ids, edges, counts, log"),
    command("database", "checkpoint", "", "write what is in the log alone to the tables"),
    command("database", "compact", "", "give the free space of the files back to the disk"),
    command("database", "backup", "DEST", "copy the database into a new folder while it is in use"),
    command("database", "restore", "SRC", "make the database at -d PATH from a backup, and verify it"),
    command("database", "config", "[get [NAME] | set NAME VALUE]", "show or change settings"),
    command("records", "insert", "TYPE JSON", "insert a node; its type is made when it does not exist"),
    command("records", "get", "ID", "show a node or an edge"),
    command("records", "update", "ID JSON", "set properties of a node or edge; null removes one"),
    command("records", "delete", "ID", "delete a node with its edges, or an edge"),
    command("records", "link", "FROM TYPE TO [JSON]", "insert an edge between two nodes"),
    command("records", "unlink", "ID", "delete an edge"),
    command("query", "query", "SQL", "run SQL statements and print their results"),
    command("query", "explain", "[--analyze] SQL", "show how a statement is run"),
    command("query", "view", "TYPE [--as table|graph|kv]", "show a type in one of its three forms"),
    CommandSpec {
        name: "neighbors",
        aliases: &["neighbours"],
        group: "graph",
        syntax: "ID [--edges A,B] [--direction out|in|both]",
        help: "list a node's edges with the nodes at their other ends",
    },
    command(
        "graph",
        "traverse",
        "ID [--depth N] [--edges A,B] [--direction out|in|both]",
        "list the nodes that are reached, level by level",
    ),
    command(
        "graph",
        "path",
        "FROM TO [--edges A,B] [--direction out|in|both]",
        "find a shortest path between two nodes",
    ),
    command("schema", "schema", "[TYPE]", "list the types, or the properties of one"),
    command(
        "schema",
        "index",
        "create TYPE PROPERTY... [--unique] [--name N] | list [TYPE] | drop NAME",
        "make, list and drop indexes",
    ),
    command(
        "data",
        "import",
        "FILE... [--type T | --edge E --from T.PROP=COLUMN --to T.PROP=COLUMN] [--format F] [--batch N] [--atomic] [--on-error stop|skip] [--key PROP]",
        "read files into a node type or an edge type",
    ),
    command("data", "export", "TYPE|SQL|graph FILE", "write a type, a query's result, or a graph to a file"),
    command("data", "demo", "", "load the example graph: this program's own dependencies"),
    command(
        "log",
        "wal",
        "list | tail [--follow] [--from LSN] [--lines N] | verify",
        "look into the log, also while another program writes it",
    ),
    command("shell", "repl", "", "read statements from the terminal"),
    command("shell", "completions", "SHELL", "print a completion script for bash, zsh or fish"),
    command("shell", "help", "[COMMAND]", "show help for the program or a command"),
    command(LATER, "push", "", "send changes to the bucket"),
    command(LATER, "pull", "", "fetch changes from the bucket"),
    command(LATER, "sync", "", "push and pull"),
    command(LATER, "status", "", "compare with the bucket"),
    command(LATER, "publish", "URL", "write the database as Parquet to a bucket"),
    command(LATER, "serve", "", "serve the database on a local socket"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_command_is_described() {
        let mut seen = BTreeSet::new();
        for spec in SHELL {
            for name in std::iter::once(&spec.name).chain(spec.aliases) {
                assert!(seen.insert(*name), "{name} stands twice");
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            }
            assert!(!spec.help.is_empty() && !spec.help.ends_with('.'), "{}", spec.name);
        }
    }
}
