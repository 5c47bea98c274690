//! The commands of the terminal program and their keys.
//!
//! Handling, key hints, help, palette and `:` line all read these tables. A key is a character, a
//! name (`Enter`, `F5`, `S-Tab`) or `Ctrl-X`; a sequence has its keys apart: `g g`. No key is bound
//! twice in a context; the contexts of the panes stand before `anywhere`.

use super::{CommandSpec, KeyBinding};

const fn command(
    group: &'static str,
    name: &'static str,
    aliases: &'static [&'static str],
    syntax: &'static str,
    help: &'static str,
) -> CommandSpec {
    CommandSpec { name, aliases, group, syntax, help }
}

const fn key(context: &'static str, keys: &'static str, command: &'static str) -> KeyBinding {
    KeyBinding { context, keys, command }
}

/// Commands, in the order help lists them.
pub const SCREEN: &[CommandSpec] = &[
    command("query", "run", &[], "", "run the statement under the cursor, or the selection"),
    command("query", "run-all", &[], "", "run every statement of the editor"),
    command("query", "explain", &[], "", "show the plan of the statement under the cursor"),
    command("query", "analyze", &[], "", "run the statement and show its plan with rows and times"),
    command("query", "cancel", &[], "", "cancel the running statement"),
    command("query", "browse", &[], "[TYPE]", "show the rows of a type"),
    // The editor's tabs, history and saved queries.
    command("editor", "new-query", &["tabnew"], "", "open another tab in the editor"),
    command("editor", "close-query", &["tabclose"], "", "close this tab of the editor"),
    command("editor", "next-query", &["tabnext"], "", "go to the next tab of the editor"),
    command("editor", "previous-query", &["tabprevious"], "", "go to the previous tab of the editor"),
    command("editor", "rename-query", &[], "[NAME]", "rename this tab, or the saved query"),
    command("editor", "complete", &[], "", "list what can stand at the cursor; Tab takes it"),
    command("editor", "recall", &[], "[SQL]", "find a statement that was run, with a preview"),
    command("editor", "history", &[], "", "show all statements that were run: time, rows, errors"),
    command("editor", "history-filter", &[], "", "list all, those of this database, or failed ones"),
    command("editor", "save-query", &["write", "w"], "[NAME]", "keep this tab as a saved query"),
    command("editor", "open-query", &["e"], "NAME", "open a saved query in a tab"),
    command("editor", "delete-query", &[], "[NAME]", "delete a saved query"),
    command("editor", "find-text", &[], "", "find a text in the editor"),
    command("editor", "comment", &[], "", "make lines comments, or take the marks away"),
    command("editor", "format", &[], "", "lay the statement under the cursor out on lines"),
    command("editor", "edit-outside", &[], "", "edit the text in $VISUAL or $EDITOR"),
    command("panes", "tree", &[], "", "go to the types"),
    command("panes", "editor", &["edit"], "", "go to the SQL editor"),
    command("panes", "results", &[], "", "go to the rows of the last statement"),
    command("panes", "inspector", &[], "", "go to the inspector"),
    command("panes", "graph", &[], "", "go to the graph"),
    command("panes", "plan", &[], "", "go to the plan of the last EXPLAIN"),
    command("panes", "messages", &[], "", "go to the messages"),
    command("panes", "next-pane", &[], "", "go to the next pane"),
    command("panes", "previous-pane", &[], "", "go to the previous pane"),
    command("panes", "next-tab", &[], "", "show the next result; then Graph, Plan, Messages"),
    command("panes", "previous-tab", &[], "", "show the result before; then Messages, Plan, Graph"),
    command("panes", "zoom", &[], "", "give the whole screen to this pane, or take it back"),
    command("move", "up", &[], "", "move up"),
    command("move", "down", &[], "", "move down"),
    command("move", "left", &[], "", "move left; fold"),
    command("move", "right", &[], "", "move right; unfold"),
    command("move", "half-page-down", &[], "", "move half a screen down"),
    command("move", "half-page-up", &[], "", "move half a screen up"),
    command("move", "page-down", &[], "", "move a screen down"),
    command("move", "page-up", &[], "", "move a screen up"),
    command("move", "first", &["top"], "", "go to the first row"),
    command("move", "last", &["bottom"], "", "go to the last row"),
    command("move", "next-column", &[], "", "go to the next column"),
    command("move", "previous-column", &[], "", "go to the previous column"),
    command("move", "first-column", &[], "", "go to the first column"),
    command("move", "last-column", &[], "", "go to the last column"),
    command("move", "row", &["goto"], "N", "go to row N; the number alone does the same"),
    command("move", "count", &[], "", "take a number, then repeat the next movement so often"),
    command("data", "open", &[], "", "open what is under the cursor"),
    command("data", "view", &[], "", "show the whole cell: wrapped, JSON indented"),
    command("data", "record", &[], "", "show the row with one column a line"),
    command("data", "inspect", &[], "[ID]", "inspect the record under the cursor"),
    command("data", "neighbours", &["neighbors"], "", "show the graph around the record under the cursor"),
    command("data", "copy", &["yank"], "", "copy the cell to the terminal's clipboard"),
    command("data", "copy-row", &[], "", "copy the row, tab-separated"),
    command(
        "data",
        "copy-as",
        &[],
        "[FORMAT [row|marked|all]]",
        "copy as CSV, TSV, JSON, INSERT or Markdown",
    ),
    command("data", "export", &[], "[FILE]", "write the rows, or the graph, as shown to a file"),
    command("data", "select", &["mark-row"], "", "mark the row, or take its mark away"),
    command("data", "next-row", &[], "", "show the next row"),
    command("data", "previous-row", &[], "", "show the row before"),
    command("data", "next-form", &[], "", "show the value as a tree, as text, as bytes"),
    command("data", "fold-all", &[], "", "fold everything"),
    command("data", "unfold-all", &[], "", "unfold everything"),
    command(
        "rows",
        "find",
        &["search"],
        "[TEXT]",
        "find a text in all rows; capitals count if you type them",
    ),
    command("rows", "find-next", &[], "", "go to the next cell with the text"),
    command("rows", "find-previous", &[], "", "go to the cell before with the text"),
    command("rows", "filter-rows", &["filter"], "[FILTER]", "show the rows with a text, or with size > 100"),
    command("rows", "filter-columns", &["columns"], "[NAME]", "show the columns whose names hold a text"),
    command("rows", "filter-cell", &[], "", "show the rows that have this cell's value"),
    command("rows", "sort", &[], "[COLUMN]", "sort by this column: up, down, not"),
    command("rows", "sort-add", &[], "[COLUMN]", "sort by this column behind those before"),
    command("rows", "narrower", &[], "", "make the column narrower"),
    command("rows", "wider", &[], "", "make the column wider"),
    command("rows", "fit", &[], "", "make the column as wide as its cells"),
    command("rows", "freeze", &[], "", "keep the columns up to here when others scroll"),
    command("rows", "hide", &[], "", "hide the column"),
    command("rows", "restore", &["unhide"], "", "show hidden columns again"),
    command("edit", "edit-cell", &[], "", "change the cell; nothing is written before the commit"),
    command("edit", "new-row", &[], "", "add a row, to be committed"),
    command("edit", "delete-row", &[], "", "delete the row or the marked ones at the commit"),
    command("edit", "unstage", &[], "", "take a staged edit back"),
    command("edit", "discard", &[], "", "drop all staged edits of this result"),
    command("edit", "review", &[], "", "show the SQL of the staged edits, to commit it"),
    command("edit", "commit", &[], "", "commit the staged edits in the review; else the open transaction"),
    command("edit", "begin", &[], "", "begin a transaction"),
    command("edit", "rollback", &[], "[SAVEPOINT]", "roll the transaction back, or back to a savepoint"),
    command("edit", "savepoint", &[], "NAME", "mark a place in the transaction to go back to"),
    command("edit", "accept", &[], "", "take what was typed"),
    command("edit", "set-null", &[], "", "make the value NULL"),
    command("data", "back", &[], "", "go back to what was shown before"),
    command("data", "lens", &[], "", "show the record as a tree, a row, bytes, or a vector"),
    command("data", "plan-shape", &["icicle"], "", "show the plan as a tree, or as an icicle"),
    command("data", "wrap", &[], "", "wrap long lines, or cut them"),
    command("graph", "recentre", &["recenter"], "", "put the selected node in the middle"),
    command("graph", "deeper", &[], "", "show one step more around the middle"),
    command("graph", "shallower", &[], "", "show one step less around the middle"),
    command("graph", "edge-filter", &[], "", "show edges of the next type alone"),
    command("graph", "more", &[], "", "show more neighbours"),
    command("graph", "list", &["map"], "", "show the neighbours as a list, or as a map"),
    command("graph", "mark", &["path"], "", "mark a node; at the second one, find the shortest path"),
    command("program", "help", &[], "", "list the keys that work here; type to filter, Enter runs"),
    command("program", "palette", &[], "", "find any command or type by a few of its letters"),
    command("program", "command-line", &[], "", "type a command by its name"),
    command("program", "refresh", &[], "", "read types and counts again"),
    command("admin", "stats", &[], "", "show figures and rates of the database, live"),
    command("admin", "wal", &["log"], "", "follow the log: each transaction and what it did"),
    command("admin", "storage", &[], "", "show the tables, the segments of the log and their sizes"),
    command("admin", "schema", &[], "", "show types with properties, constraints and indexes"),
    command("admin", "checkpoint", &[], "", "write what is in the log alone to the tables"),
    command("admin", "verify", &[], "", "read everything and hold it against itself"),
    command("admin", "backup", &[], "FOLDER", "copy the open database into a new one"),
    command("program", "theme", &[], "[NAME]", "change the colours; without a name, pick from what there is"),
    command("program", "leave", &[], "", "close what lies on top, or leave this pane"),
    command("program", "close", &[], "", "close what is open; at the end, quit"),
    command("program", "suspend", &[], "", "go back to the shell; `fg` returns"),
    command("program", "quit", &["q", "exit", "x"], "", "quit"),
];

/// Keys, in the order help lists them.
pub const KEYS: &[KeyBinding] = &[
    // The types.
    key("tree", "Enter", "browse"),
    key("tree", "j", "down"),
    key("tree", "k", "up"),
    key("tree", "l", "right"),
    key("tree", "h", "left"),
    key("tree", "Space", "open"),
    key("tree", "g g", "first"),
    key("tree", "G", "last"),
    key("tree", "r", "rename-query"),
    key("tree", "d", "delete-query"),
    // The editor: only keys that are no text.
    key("editor", "F5", "run"),
    key("editor", "F6", "run-all"),
    key("editor", "F7", "explain"),
    key("editor", "F8", "analyze"),
    key("editor", "Esc", "leave"),
    key("editor", "Ctrl-Space", "complete"),
    key("editor", "Ctrl-O", "recall"),
    key("editor", "Ctrl-S", "save-query"),
    key("editor", "Ctrl-T", "new-query"),
    key("editor", "F4", "next-query"),
    key("editor", "F3", "previous-query"),
    key("editor", "F2", "rename-query"),
    key("editor", "Ctrl-X Ctrl-K", "close-query"),
    key("editor", "Ctrl-F", "find-text"),
    key("editor", "Ctrl-/", "comment"),
    key("editor", "Ctrl-X Ctrl-F", "format"),
    key("editor", "Ctrl-X Ctrl-E", "edit-outside"),
    // The rows.
    key("results", "Enter", "view"),
    key("results", "K", "record"),
    key("results", "i", "inspect"),
    key("results", "g n", "neighbours"),
    key("results", "y", "copy"),
    key("results", "Y", "copy-row"),
    key("results", "h", "left"),
    key("results", "j", "down"),
    key("results", "k", "up"),
    key("results", "l", "right"),
    key("results", "w", "next-column"),
    key("results", "b", "previous-column"),
    key("results", "0", "first-column"),
    key("results", "$", "last-column"),
    key("results", "Home", "first-column"),
    key("results", "End", "last-column"),
    key("results", "g g", "first"),
    key("results", "G", "last"),
    key("results", "/", "find"),
    key("results", "n", "find-next"),
    key("results", "N", "find-previous"),
    key("results", "&", "filter-rows"),
    key("results", "*", "filter-columns"),
    key("results", "@", "filter-cell"),
    key("results", "s", "sort"),
    key("results", "S", "sort-add"),
    key("results", "<", "narrower"),
    key("results", ">", "wider"),
    key("results", "=", "fit"),
    key("results", "f", "freeze"),
    key("results", "-", "hide"),
    key("results", "g -", "restore"),
    key("results", "Space", "select"),
    key("results", "g Y", "copy-as"),
    key("results", "X", "export"),
    key("results", "c", "edit-cell"),
    key("results", "o", "new-row"),
    key("results", "d d", "delete-row"),
    key("results", "u", "unstage"),
    key("results", "U", "discard"),
    key("results", "Ctrl-S", "review"),
    key("results", "'", "count"),
    key("results", "]", "next-tab"),
    key("results", "[", "previous-tab"),
    // The plan and the messages.
    key("plan", "Enter", "open"),
    key("plan", "v", "plan-shape"),
    key("plan", "j", "down"),
    key("plan", "k", "up"),
    key("plan", "h", "left"),
    key("plan", "l", "right"),
    key("plan", "g g", "first"),
    key("plan", "G", "last"),
    key("plan", "y", "copy"),
    key("plan", "]", "next-tab"),
    key("plan", "[", "previous-tab"),
    key("messages", "j", "down"),
    key("messages", "k", "up"),
    key("messages", "g g", "first"),
    key("messages", "G", "last"),
    key("messages", "y", "copy"),
    key("messages", "]", "next-tab"),
    key("messages", "[", "previous-tab"),
    // The graph.
    key("graph", "Enter", "recentre"),
    key("graph", "X", "export"),
    key("graph", "Backspace", "back"),
    key("graph", "h", "left"),
    key("graph", "j", "down"),
    key("graph", "k", "up"),
    key("graph", "l", "right"),
    key("graph", "+", "deeper"),
    key("graph", "-", "shallower"),
    key("graph", "e", "edge-filter"),
    key("graph", "m", "more"),
    key("graph", "v", "list"),
    key("graph", "p", "mark"),
    key("graph", "i", "inspect"),
    key("graph", "]", "next-tab"),
    key("graph", "[", "previous-tab"),
    // The inspector.
    key("inspector", "Enter", "open"),
    key("inspector", "Backspace", "back"),
    key("inspector", "v", "lens"),
    key("inspector", "j", "down"),
    key("inspector", "k", "up"),
    key("inspector", "l", "right"),
    key("inspector", "h", "left"),
    key("inspector", "Space", "open"),
    key("inspector", "g g", "first"),
    key("inspector", "G", "last"),
    key("inspector", "g n", "neighbours"),
    key("inspector", "y", "copy"),
    key("inspector", "'", "count"),
    // The admin screens.
    key("admin", "Enter", "open"),
    key("admin", "j", "down"),
    key("admin", "k", "up"),
    key("admin", "g g", "first"),
    key("admin", "G", "last"),
    key("admin", "y", "copy"),
    key("admin", "]", "next-tab"),
    key("admin", "[", "previous-tab"),
    // The whole cell.
    key("cell", "j", "down"),
    key("cell", "k", "up"),
    key("cell", "Down", "down"),
    key("cell", "Up", "up"),
    key("cell", "h", "left"),
    key("cell", "l", "right"),
    key("cell", "Left", "left"),
    key("cell", "Right", "right"),
    key("cell", "Ctrl-D", "half-page-down"),
    key("cell", "Ctrl-U", "half-page-up"),
    key("cell", "PageDown", "page-down"),
    key("cell", "PageUp", "page-up"),
    key("cell", "Space", "page-down"),
    key("cell", "g g", "first"),
    key("cell", "G", "last"),
    key("cell", "?", "help"),
    key("cell", "/", "find"),
    key("cell", "n", "find-next"),
    key("cell", "N", "find-previous"),
    key("cell", "v", "next-form"),
    key("cell", "-", "fold-all"),
    key("cell", "+", "unfold-all"),
    key("cell", "y", "copy"),
    key("cell", "Y", "copy-row"),
    key("cell", "w", "wrap"),
    key("cell", "Enter", "open"),
    key("cell", "Esc", "leave"),
    key("cell", "q", "leave"),
    // A row with one column a line.
    key("record", "?", "help"),
    key("record", "j", "down"),
    key("record", "k", "up"),
    key("record", "Down", "down"),
    key("record", "Up", "up"),
    key("record", "l", "next-row"),
    key("record", "h", "previous-row"),
    key("record", "Right", "next-row"),
    key("record", "Left", "previous-row"),
    key("record", "PageDown", "page-down"),
    key("record", "PageUp", "page-up"),
    key("record", "Ctrl-D", "half-page-down"),
    key("record", "Ctrl-U", "half-page-up"),
    key("record", "g g", "first"),
    key("record", "G", "last"),
    key("record", "Enter", "view"),
    key("record", "i", "inspect"),
    key("record", "y", "copy"),
    key("record", "Y", "copy-row"),
    key("record", "g Y", "copy-as"),
    key("record", "c", "edit-cell"),
    key("record", "u", "unstage"),
    key("record", "K", "leave"),
    key("record", "Esc", "leave"),
    key("record", "q", "leave"),
    // The statements before a commit.
    key("review", "Enter", "commit"),
    key("review", "?", "help"),
    key("review", "j", "down"),
    key("review", "k", "up"),
    key("review", "Down", "down"),
    key("review", "Up", "up"),
    key("review", "PageDown", "page-down"),
    key("review", "PageUp", "page-up"),
    key("review", "g g", "first"),
    key("review", "G", "last"),
    key("review", "u", "unstage"),
    key("review", "y", "copy"),
    key("review", "Esc", "leave"),
    key("review", "q", "leave"),
    // A line that is typed; the keys of any line besides.
    key("input", "Enter", "accept"),
    key("input", "Esc", "leave"),
    key("input", "Ctrl-C", "leave"),
    key("input", "Ctrl-N", "set-null"),
    // Lists to pick from: help and palette. Characters are the filter.
    key("list", "Down", "down"),
    key("list", "Up", "up"),
    key("list", "Ctrl-N", "down"),
    key("list", "Ctrl-P", "up"),
    key("list", "PageDown", "page-down"),
    key("list", "PageUp", "page-up"),
    key("list", "Enter", "open"),
    key("list", "Esc", "leave"),
    key("list", "Ctrl-C", "leave"),
    // Statements that were run. Characters are the filter.
    key("history", "Enter", "open"),
    key("history", "F5", "run"),
    key("history", "Ctrl-Enter", "run"),
    key("history", "Tab", "history-filter"),
    key("history", "Down", "down"),
    key("history", "Up", "up"),
    key("history", "Ctrl-N", "down"),
    key("history", "Ctrl-P", "up"),
    key("history", "PageDown", "page-down"),
    key("history", "PageUp", "page-up"),
    key("history", "Esc", "leave"),
    key("history", "Ctrl-C", "leave"),
    // Anywhere.
    key("anywhere", "?", "help"),
    // The one that works where text is typed.
    key("anywhere", "F1", "help"),
    key("anywhere", "Ctrl-P", "palette"),
    key("anywhere", ":", "command-line"),
    key("anywhere", "Tab", "next-pane"),
    key("anywhere", "S-Tab", "previous-pane"),
    key("anywhere", "1", "tree"),
    key("anywhere", "2", "editor"),
    key("anywhere", "3", "results"),
    key("anywhere", "4", "inspector"),
    key("anywhere", "5", "graph"),
    key("anywhere", "z", "zoom"),
    key("anywhere", "Up", "up"),
    key("anywhere", "Down", "down"),
    key("anywhere", "Left", "left"),
    key("anywhere", "Right", "right"),
    key("anywhere", "Ctrl-D", "half-page-down"),
    key("anywhere", "Ctrl-U", "half-page-up"),
    key("anywhere", "PageDown", "page-down"),
    key("anywhere", "PageUp", "page-up"),
    key("anywhere", "Home", "first"),
    key("anywhere", "End", "last"),
    key("anywhere", "F5", "run"),
    key("anywhere", "F6", "run-all"),
    key("anywhere", "F7", "explain"),
    key("anywhere", "F8", "analyze"),
    key("anywhere", "R", "refresh"),
    key("anywhere", "Esc", "leave"),
    key("anywhere", "Ctrl-C", "cancel"),
    key("anywhere", "Ctrl-Z", "suspend"),
    key("anywhere", "q", "close"),
];

/// The commands whose keys the status line shows in a context, the most useful first; those of
/// `anywhere` follow where there is room.
pub const HINTS: &[(&str, &[&str])] = &[
    ("tree", &["browse", "open", "refresh"]),
    ("editor", &["run", "leave", "run-all", "explain", "recall", "complete", "save-query", "new-query"]),
    ("history", &["open", "run", "history-filter", "leave"]),
    ("results", &["view", "inspect", "neighbours", "find", "filter-rows", "sort", "copy", "edit-cell"]),
    ("plan", &["open", "plan-shape", "copy", "next-tab"]),
    ("messages", &["copy", "next-tab"]),
    ("graph", &["recentre", "back", "deeper", "edge-filter", "mark", "inspect"]),
    ("inspector", &["open", "back", "neighbours", "lens", "leave", "copy"]),
    ("admin", &["open", "next-tab", "refresh", "leave"]),
    ("cell", &["leave", "next-form", "find", "wrap", "copy"]),
    ("record", &["leave", "next-row", "previous-row", "view", "edit-cell", "copy"]),
    ("review", &["commit", "leave", "unstage", "copy"]),
    ("input", &["accept", "leave"]),
    ("list", &["open", "leave"]),
    ("anywhere", &["help", "palette", "zoom", "next-pane", "close"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bus::registry::screen_command;

    #[test]
    fn every_command_has_a_name_of_its_own_and_help() {
        let mut names = BTreeSet::new();
        for spec in SCREEN {
            for name in [spec.name].iter().chain(spec.aliases) {
                assert!(names.insert(*name), "{name} twice");
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            }
            assert!(!spec.help.is_empty() && !spec.help.ends_with('.'), "{}", spec.name);
            assert!(spec.help.len() <= 70, "{}: {}", spec.name, spec.help);
            assert!(!spec.group.is_empty(), "{}", spec.name);
        }
    }

    #[test]
    fn no_key_is_bound_twice_in_a_context_nor_hides_a_sequence() {
        let mut bound = BTreeSet::new();
        for k in KEYS {
            assert!(screen_command(k.command).is_some(), "{} runs {}", k.keys, k.command);
            assert!(bound.insert((k.context, k.keys)), "{} twice in {}", k.keys, k.context);
        }
        for k in KEYS {
            if let Some((first, _)) = k.keys.split_once(' ') {
                for context in [k.context, "anywhere"] {
                    assert!(!bound.contains(&(context, first)), "{first} hides {} in {context}", k.keys);
                }
            }
        }
    }

    #[test]
    fn every_hint_has_a_key_in_its_context() {
        for (context, commands) in HINTS {
            for command in *commands {
                let found = KEYS
                    .iter()
                    .any(|k| k.command == *command && (k.context == *context || k.context == "anywhere"));
                assert!(found, "{command} in {context}");
            }
        }
    }

    #[test]
    fn every_command_can_be_reached_by_a_key_or_says_its_arguments() {
        for spec in SCREEN {
            let has_key = KEYS.iter().any(|k| k.command == spec.name);
            let typed = [
                "row",
                "theme",
                "stats",
                "wal",
                "storage",
                "schema",
                "quit",
                "plan",
                "messages",
                "open-query",
                "history",
                // What goes far is typed.
                "begin",
                "rollback",
                "savepoint",
                "checkpoint",
                "verify",
                "backup",
            ]
            .contains(&spec.name);
            assert!(has_key || typed, "{} has no key", spec.name);
        }
    }
}
