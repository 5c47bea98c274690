//! Dot-commands: what the REPL does besides SQL. Their names and help stand in the registry.

use clap::ValueEnum as _;

use crate::bus::registry::DOT;
use crate::cli::args::{Format, Subcommands, parse};
use crate::cli::commands;
use crate::cli::data;
use crate::cli::io::{Outcome, Stop};
use crate::cli::output::check_format;
use crate::cli::program::run_file;
use crate::cli::session::Session;
use crate::model::Error;

use super::Next;

/// Runs one line.
pub fn command(session: &mut Session<'_>, line: &str) -> Outcome<Next> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let spec = DOT.iter().find(|spec| spec.name == name || spec.aliases.contains(&name));
    let Some(spec) = spec else {
        let near: Vec<&str> = DOT.iter().map(|s| s.name).filter(|n| n.starts_with(name)).collect();
        let hint = if near.is_empty() || name.len() < 2 {
            ".help lists them".to_owned()
        } else {
            format!("did you mean {}?", near.join(" or "))
        };
        return Err(Error::bad_input(format!("there is no command {name}")).with_hint(hint).into());
    };
    let needs = |what: &str| {
        let usage = format!("{} {}", spec.name, spec.syntax);
        Err::<(), Stop>(Error::bad_input(format!("{name} needs {what}")).with_hint(usage).into())
    };
    match spec.name {
        ".exit" => return Ok(Next::Leave),
        ".help" => session.io.data(help().as_bytes())?,
        ".tables" => commands::schema(session, None)?,
        ".schema" => {
            let word = words(rest)?.into_iter().next();
            commands::schema(session, word.as_deref())?;
        }
        ".format" => format(session, rest)?,
        ".timing" => timing(session, rest)?,
        ".stats" => commands::stats(session)?,
        ".read" => match words(rest)?.as_slice() {
            [file] => run_file(session, file.as_ref(), &[])?,
            _ => needs("a file")?,
        },
        ".import" => import(session, rest)?,
        ".export" => match rest.rsplit_once(char::is_whitespace) {
            Some((what, file)) => data::export(session, unquoted(what), unquoted(file).into(), None)?,
            None => needs("a type or SQL, and a file")?,
        },
        ".explain" => match rest.trim_end_matches(';').trim() {
            "" => needs("a statement")?,
            sql => session.run_sql(&format!("EXPLAIN {sql}"), &[], 0)?,
        },
        other => return Err(Error::internal(format!("{other} is listed and does nothing")).into()),
    }
    session.io.flush()?;
    Ok(Next::GoOn)
}

fn help() -> String {
    let shown = |spec: &crate::bus::registry::CommandSpec| format!("{} {}", spec.name, spec.syntax);
    let width = DOT.iter().map(|spec| shown(spec).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for spec in DOT {
        text.push_str(&format!("{:<width$}  {}\n", shown(spec), spec.help));
    }
    text.push_str(
        "A statement ends with a semicolon. Ctrl-C stops a running statement, or drops what was typed.\n\
         Tab completes names and keywords; the arrow keys go through the history.\n\
         The prompt has a star while a transaction is open: BEGIN opens one, COMMIT or ROLLBACK ends it.\n",
    );
    text
}

fn format(session: &mut Session<'_>, name: &str) -> Outcome {
    if name.is_empty() {
        let name = session.settings.format.to_possible_value().map(|v| v.get_name().to_owned());
        session.io.note(&name.unwrap_or_default());
        return Ok(());
    }
    let format = Format::from_str(name, true).map_err(|_| {
        Error::bad_input(format!("there is no format '{name}'"))
            .with_hint("table, vertical, csv, tsv, json, jsonl and markdown are known")
    })?;
    check_format(format, &session.io)?;
    session.settings.format = format;
    Ok(())
}

fn timing(session: &mut Session<'_>, word: &str) -> Outcome {
    session.settings.timing = match word {
        "on" => true,
        "off" => false,
        "" => !session.settings.timing,
        _ => return Err(Error::bad_input(format!("timing is on or off, not '{word}'")).into()),
    };
    session.io.note(if session.settings.timing { "timing is on" } else { "timing is off" });
    Ok(())
}

/// As the subcommand, with its options.
fn import(session: &mut Session<'_>, rest: &str) -> Outcome {
    let given = words(rest)?;
    let line = ["aresadb", "import"].into_iter().map(str::to_owned).chain(given);
    let arguments = parse(line).map_err(|error| {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Stop::from(Error::bad_input(message).with_hint("write .import FILE [--type T] and so on"))
    })?;
    match arguments.command {
        Some(Subcommands::Import(import)) => {
            data::import(session, &import, arguments.format, &mut std::io::empty())
        }
        _ => Err(Error::internal("import was read as another command").into()),
    }
}

/// The words of a line; single or double quotes hold one together.
fn words(line: &str) -> Outcome<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Error::bad_input("a quote is opened and not closed").into());
    }
    words.extend(word);
    Ok(words)
}

/// A word without the quotes around it.
fn unquoted(word: &str) -> &str {
    let word = word.trim();
    let inner = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote).filter(|w| !w.contains(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let split = |line: &str| words(line).ok();
        assert_eq!(split("a  'b c' d\"e f\"").unwrap(), ["a", "b c", "de f"]);
        assert_eq!(split("''").unwrap(), [""]);
        assert!(split("'a").is_none());
        assert_eq!(unquoted(" \"a b\" "), "a b");
        assert_eq!(unquoted("'a' || 'b'"), "'a' || 'b'");
    }

    #[test]
    fn help_names_every_command() {
        let text = help();
        assert!(DOT.iter().all(|spec| text.contains(spec.name) && text.contains(spec.help)));
    }
}
