//! The program `aresadb-tui`: arguments, exit code, terminal.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aresadb::bus::{Bus, BusOptions};
use aresadb::model::Error;
use aresadb::tui::editor::KeyPreset;
use aresadb::tui::theme::{ColorDepth, DEFAULT_THEME, Theme};
use aresadb::tui::{Ended, Folders, Options, run};
use clap::{Parser, ValueEnum};

/// Faster than the system's where threads allocate much and often, as queries and imports do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Browse an AresaDB database in the terminal.
#[derive(Parser)]
#[command(name = "aresadb-tui", version)]
struct Arguments {
    /// The database's folder, or `:memory:` [default: the nearest folder upward that holds `.aresadb`]
    #[arg(env = "ARESADB_DATABASE")]
    path: Option<PathBuf>,
    /// Refuse every write
    #[arg(long)]
    readonly: bool,
    /// The colours: a theme by its name, `:theme` in the program shows them all
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// The editor's keys
    #[arg(long, value_enum, default_value_t = Keys::Standard)]
    keys: Keys,
    /// Open a throw-away database with the example graph
    #[arg(long, conflicts_with = "readonly")]
    demo: bool,
    /// Fill the editor with SQL and run it
    #[arg(long, value_name = "SQL")]
    exec: Option<String>,
    /// Write the session to a new file; `aresadb --file FILE` runs its statements again
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Keys {
    /// Modes, as vi has them
    Vim,
    /// One mode, as most programs have it
    Standard,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return fail(
            2,
            &Error::bad_input("a terminal is needed").with_hint("scripts use `aresadb --exec SQL`"),
        );
    }
    let theme = match Theme::load(arguments.theme.as_deref().unwrap_or(DEFAULT_THEME), depth()) {
        Ok(theme) => theme,
        Err(error) => return fail(2, &error),
    };
    let path = if arguments.demo {
        PathBuf::from(":memory:")
    } else {
        arguments.path.unwrap_or_else(|| nearest(std::env::current_dir().unwrap_or_default().as_path()))
    };
    let options = Options {
        path,
        read_only: arguments.readonly,
        theme,
        keys: match arguments.keys {
            Keys::Vim => KeyPreset::Vim,
            Keys::Standard => KeyPreset::Standard,
        },
        demo: arguments.demo,
        exec: arguments.exec,
        record: arguments.record,
        folders: folders(),
        restores_theme: arguments.theme.is_none(),
    };
    let mut bus = None;
    let ended = run(options, || {
        let started = bus.insert(Bus::start(BusOptions::new(std::env::temp_dir()))?);
        Ok(started.connect())
    });
    if let Some(bus) = bus {
        bus.shutdown();
    }
    match ended {
        Ok(Ended::Quit) => ExitCode::SUCCESS,
        Ok(Ended::Signal(number)) => ExitCode::from(128 + u8::try_from(number).unwrap_or(15)),
        Err(error) => fail(1, &error),
    }
}

/// What the environment says about colours.
fn depth() -> ColorDepth {
    let variable = |name: &str| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned());
    let (no_color, colorterm, term) = (variable("NO_COLOR"), variable("COLORTERM"), variable("TERM"));
    ColorDepth::from_environment(no_color.as_deref(), colorterm.as_deref(), term.as_deref())
}

/// Where the user's files are: `aresadb` in `$XDG_STATE_HOME` and `$XDG_CONFIG_HOME`, or in `~/.local/state`
/// and `~/.config`.
fn folders() -> Folders {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let of = |variable: &str, below: &str| {
        set(variable)
            .or_else(|| set("HOME").map(|home| home.join(below)))
            .map(|folder| folder.join("aresadb"))
    };
    Folders { state: of("XDG_STATE_HOME", ".local/state"), config: of("XDG_CONFIG_HOME", ".config") }
}

/// The nearest folder upward that holds a database, else the folder itself.
fn nearest(folder: &Path) -> PathBuf {
    folder.ancestors().find(|f| f.join(".aresadb").is_dir()).unwrap_or(folder).to_path_buf()
}

fn fail(code: u8, error: &Error) -> ExitCode {
    eprintln!("error: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(code)
}
