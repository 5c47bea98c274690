//! The arguments of `aresadb`. Names, syntax and help lines of subcommands come from the registry.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::bus::registry::{self, LATER};
use crate::model::Direction;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "aresadb",
    version,
    about = "An embedded database for graphs, tables and key-value data",
    after_help = "Nodes are given by id, or as TYPE:NAME such as package:tmux (TYPE.PROPERTY:VALUE names the property).\n\
        Exit codes: 0 ok; 1 a statement failed; 2 usage; 3 busy or locked, try again; 4 damaged data; 130 interrupted."
)]
pub struct Arguments {
    /// The database's folder, or :memory:; otherwise the nearest .aresadb folder upward is used
    #[arg(short, long, env = "ARESADB_DATABASE", hide_env_values = true, value_name = "PATH", global = true)]
    pub database: Option<PathBuf>,
    /// How results are printed; table on a terminal, csv otherwise
    #[arg(short, long, value_enum, global = true)]
    pub format: Option<Format>,
    /// Refuse every write
    #[arg(long, global = true)]
    pub readonly: bool,
    /// Open a database whose log is damaged, to read what is before the damage
    #[arg(long, global = true)]
    pub salvage: bool,
    /// Run SQL statements; can be repeated, also mixed with --file
    #[arg(long, value_name = "SQL")]
    pub exec: Vec<String>,
    /// Run the SQL statements of a file, - is standard input; can be repeated
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// What $1, $2, ... stand for, in order: JSON, anything else is text
    #[arg(long, value_name = "V", global = true, allow_hyphen_values = true)]
    pub param: Vec<String>,
    /// Print at most so many rows of each result
    #[arg(long, value_name = "N", global = true)]
    pub limit: Option<u64>,
    /// Stop a statement that takes longer
    #[arg(long, value_name = "SECONDS", global = true, value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Leave out the header
    #[arg(long, global = true)]
    pub no_header: bool,
    /// Colour errors and headers
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,
    /// Say more on standard error; can be repeated
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// What to do; SQL is read without one
    #[command(subcommand)]
    pub command: Option<Subcommands>,
    /// `--exec` and `--file` in the order in which they were given.
    #[arg(skip)]
    pub scripts: Vec<Script>,
}

/// A length of time: `2`, `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a positive number of seconds is needed, such as 30 or 0.5".to_owned();
    let given: f64 = text.parse().map_err(|_| wrong())?;
    let most = f64::from(i32::MAX / 1000);
    if given > 0.0 && given <= most { Ok(Duration::from_secs_f64(given)) } else { Err(wrong()) }
}

/// SQL given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// The text itself.
    Text(String),
    /// A file.
    File(PathBuf),
    /// Standard input, statement by statement as it arrives.
    StandardInput,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines and columns for people
    Table,
    /// An array of objects
    Json,
    /// One object a line
    Jsonl,
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// A Markdown table
    Markdown,
    /// One line a value
    Vertical,
    /// An Arrow IPC stream
    Arrow,
    /// A Parquet file
    Parquet,
    /// Graphviz, to draw a graph
    Dot,
    /// GraphML, for a graph
    Graphml,
    /// JSON Graph Format, for a graph
    Jgf,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do. Descriptions are filled in from the registry.
#[allow(missing_docs)]
#[derive(Debug, Subcommand)]
pub enum Subcommands {
    Init {
        /// The folder; it is made if need be
        path: PathBuf,
        /// The database's name; the folder's otherwise
        #[arg(long)]
        name: Option<String>,
    },
    Info,
    Stats,
    Verify,
    Checkpoint,
    Compact,
    Backup {
        /// A folder that does not exist or is empty
        dest: PathBuf,
    },
    Restore {
        /// The folder of a backup
        src: PathBuf,
    },
    Config {
        /// What to do; all settings are shown without
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    Insert {
        /// The node type
        node_type: String,
        /// The properties, a JSON object
        json: String,
    },
    Get {
        /// A node or edge
        id: String,
    },
    Update {
        /// A node or edge
        id: String,
        /// What is set, a JSON object
        json: String,
    },
    Delete {
        /// A node or edge
        id: String,
    },
    Link {
        /// The node the edge leaves
        from: String,
        /// The edge type
        edge_type: String,
        /// The node the edge enters
        to: String,
        /// The edge's properties, a JSON object
        json: Option<String>,
    },
    Unlink {
        /// An edge
        id: String,
    },
    Query {
        /// One statement or several
        sql: String,
    },
    Explain {
        /// Run the statement and show what it took
        #[arg(long)]
        analyze: bool,
        /// A statement
        sql: String,
    },
    View {
        /// A node type or an edge type
        node_type: String,
        /// As rows and columns, as edges with their ends, or as keys with their values
        #[arg(long = "as", value_enum, value_name = "FORM", default_value = "table")]
        form: Form,
    },
    #[command(alias = "neighbours")]
    Neighbors {
        /// A node
        id: String,
        #[command(flatten)]
        follow: Follow,
    },
    Traverse {
        /// Where to start
        id: String,
        /// How many levels at most
        #[arg(long, default_value_t = 3)]
        depth: u32,
        #[command(flatten)]
        follow: Follow,
    },
    Path {
        /// Where it starts
        from: String,
        /// Where it ends
        to: String,
        #[command(flatten)]
        follow: Follow,
    },
    Schema {
        /// Only this type, with its properties
        name: Option<String>,
    },
    Index {
        /// What to do
        #[command(subcommand)]
        command: IndexCommand,
    },
    Import(ImportArguments),
    Export {
        /// A type's name, or SQL; for a graph also `graph`, which is everything
        what: String,
        /// The file; its extension says the format. - is standard output, for a graph
        file: PathBuf,
    },
    Demo,
    Wal {
        /// What to do
        #[command(subcommand)]
        command: WalCommand,
    },
    Repl,
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// What is asked of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Show settings
    Get {
        /// One of them, such as wal.sync
        name: Option<String>,
    },
    /// Change a setting; it holds from the next opening on
    Set {
        /// Which, such as wal.sync
        name: String,
        /// Its new value
        value: String,
    },
}

/// What is done with indexes.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum IndexCommand {
    /// Make an index
    Create {
        /// The type
        node_type: String,
        /// What it is ordered by, the first one first
        #[arg(required = true)]
        properties: Vec<String>,
        /// No two rows may have the same values
        #[arg(long)]
        unique: bool,
        /// Its name; made of the type and the properties otherwise
        #[arg(long, value_name = "N")]
        name: Option<String>,
    },
    /// List indexes
    List {
        /// Only those of this type
        node_type: Option<String>,
    },
    /// Drop an index
    Drop {
        /// Its name
        name: String,
    },
}

/// One of the forms in which the same data is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Rows and columns
    Table,
    /// Edges with the nodes at their ends
    Graph,
    /// Ids with the whole record
    Kv,
}

/// What is asked of the log.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum WalCommand {
    /// List the segments
    List,
    /// Show the last transactions, as what they did
    Tail {
        /// Wait for more, until Ctrl-C
        #[arg(long)]
        follow: bool,
        /// The first transaction to show, by its number
        #[arg(long, value_name = "LSN")]
        from: Option<u64>,
        /// How many of the last transactions
        #[arg(long, value_name = "N", default_value_t = 20)]
        lines: u64,
    },
    /// Read the whole log and check it
    Verify,
}

/// Which edges are followed.
#[derive(Debug, Args)]
pub struct Follow {
    /// Only edges of these types
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub edges: Vec<String>,
    /// Which way
    #[arg(long, value_enum, default_value = "out")]
    direction: DirectionArgument,
}

impl Follow {
    /// Which way.
    pub fn direction(&self) -> Direction {
        match self.direction {
            DirectionArgument::Out => Direction::Out,
            DirectionArgument::In => Direction::In,
            DirectionArgument::Both => Direction::Both,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DirectionArgument {
    /// Along the edges
    Out,
    /// Against them
    In,
    /// Either way
    Both,
}

/// The arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The files, gzip and Zstandard are unpacked; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The node type; the file's name without extensions otherwise
    #[arg(long = "type", value_name = "T", conflicts_with_all = ["edge", "from", "to"])]
    pub node_type: Option<String>,
    /// The edge type; the file's name otherwise where --from and --to are given
    #[arg(long, value_name = "E", requires = "from", requires = "to")]
    pub edge: Option<String>,
    /// How the node an edge leaves is found
    #[arg(long, value_name = "T.PROP=COLUMN", requires = "to")]
    pub from: Option<String>,
    /// How the node an edge enters is found
    #[arg(long, value_name = "T.PROP=COLUMN", requires = "from")]
    pub to: Option<String>,
    /// Rows in one commit
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// All rows of a file in one commit, or none
    #[arg(long)]
    pub atomic: bool,
    /// What happens to a row that is wrong
    #[arg(long, value_enum, value_name = "WHAT", default_value = "stop")]
    pub on_error: OnErrorArgument,
    /// Update rows whose value of this property exists
    #[arg(long, value_name = "PROP")]
    pub key: Option<String>,
}

/// What happens to a row that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnErrorArgument {
    /// The import stops
    Stop,
    /// The row goes to FILE.rejected
    Skip,
}

/// A shell that completions can be printed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The parser, with descriptions from the registry and the commands that do not work yet.
#[must_use]
pub fn command() -> clap::Command {
    let mut command = Arguments::command();
    let own: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for spec in registry::SHELL {
        if own.iter().any(|name| name == spec.name) {
            command = command.mut_subcommand(spec.name, |sub| sub.about(spec.help));
        }
    }
    let later: Vec<&str> = registry::SHELL.iter().filter(|s| s.group == LATER).map(|s| s.name).collect();
    command.after_long_help(format!("Not available yet: {}.", later.join(", ")))
}

/// Reads the command line.
///
/// # Errors
/// clap's own error, which says whether it is help or a mistake.
pub fn parse<I, T>(arguments: I) -> Result<Arguments, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let matches = command().try_get_matches_from(arguments)?;
    let mut parsed = Arguments::from_arg_matches(&matches)?;
    let at = |name| matches.indices_of(name).into_iter().flatten();
    let texts = at("exec").zip(parsed.exec.iter().map(|sql| Script::Text(sql.clone())));
    let files = at("file").zip(parsed.file.iter().map(|file| match file.to_str() {
        Some("-") => Script::StandardInput,
        _ => Script::File(file.clone()),
    }));
    let mut scripts: Vec<(usize, Script)> = texts.chain(files).collect();
    scripts.sort_by_key(|(place, _)| *place);
    parsed.scripts = scripts.into_iter().map(|(_, script)| script).collect();
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_parser_and_the_registry_name_the_same_commands() {
        let mut command = command();
        command.build();
        command.clone().debug_assert();
        let parsed: BTreeSet<&str> = command
            .get_subcommands()
            .flat_map(|c| std::iter::once(c.get_name()).chain(c.get_all_aliases()))
            .collect();
        let registered: BTreeSet<&str> = (registry::SHELL.iter().filter(|s| s.group != LATER))
            .flat_map(|s| std::iter::once(&s.name).chain(s.aliases).copied())
            .collect();
        assert_eq!(parsed, registered);
        for spec in registry::SHELL.iter().filter(|s| s.group != LATER && s.name != "help") {
            let sub = command.find_subcommand(spec.name).unwrap();
            assert_eq!(sub.get_about().map(ToString::to_string).unwrap_or_default(), spec.help);
            for option in sub.get_opts().filter_map(|o| o.get_long()) {
                let global = [
                    "database",
                    "format",
                    "readonly",
                    "salvage",
                    "param",
                    "limit",
                    "timeout",
                    "no-header",
                    "color",
                    "verbose",
                ];
                let told = spec.syntax.contains(&format!("--{option}"));
                assert!(told || global.contains(&option), "{}: the syntax lacks --{option}", spec.name);
            }
        }
    }

    #[test]
    fn scripts_keep_their_order() {
        let parsed = parse(["aresadb", "--file", "a.sql", "--exec", "SELECT 1", "--file", "-"]).unwrap();
        let file = Script::File("a.sql".into());
        assert_eq!(parsed.scripts, [file, Script::Text("SELECT 1".into()), Script::StandardInput]);
    }

    #[test]
    fn edges_need_both_ends() {
        assert!(parse(["aresadb", "import", "x.csv", "--edge", "e", "--from", "p.name"]).is_err());
        assert!(
            parse(["aresadb", "import", "x.csv", "--type", "t", "--from", "p.name", "--to", "p.name"])
                .is_err()
        );
        assert!(parse(["aresadb", "import", "x.csv", "--from", "p.name=a", "--to", "p.name=b"]).is_ok());
    }
}
