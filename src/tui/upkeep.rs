//! Commands that say one thing to the engine: transactions, checkpoint, verification, backup.

use std::path::PathBuf;
use std::time::Duration;

use super::app::{App, Level, Purpose, RunKind, Tab};
use super::text;
use super::tree::quote_name;
use crate::bus::{Command, EventBody, Finding, Summary, Verification};
use crate::model::ErrorKind;

/// What the engine was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    Checkpoint,
    Verify,
    Backup,
}

impl Chore {
    fn noun(self) -> &'static str {
        match self {
            Chore::Checkpoint => "the checkpoint",
            Chore::Verify => "the verification",
            Chore::Backup => "the backup",
        }
    }
}

/// Runs a command of this module; false where it is none.
pub(super) fn command(app: &mut App, name: &str, argument: &str) -> bool {
    match name {
        "begin" => say(app, "BEGIN"),
        "commit" if app.in_transaction => say(app, "COMMIT"),
        "commit" => app.note(Level::Info, "no transaction is open; Ctrl-S in the rows commits staged edits"),
        "rollback" if argument.is_empty() => say(app, "ROLLBACK"),
        "rollback" => say(app, &format!("ROLLBACK TO SAVEPOINT {}", quote_name(argument))),
        "savepoint" if argument.is_empty() => app.note(Level::Info, "give it a name: :savepoint NAME"),
        "savepoint" => say(app, &format!("SAVEPOINT {}", quote_name(argument))),
        "checkpoint" => start(app, Chore::Checkpoint, Command::Checkpoint),
        "verify" => start(app, Chore::Verify, Command::Verify),
        "backup" if argument.is_empty() => {
            app.note(Level::Info, "name a folder that is empty or does not exist: :backup FOLDER");
        }
        "backup" => start(app, Chore::Backup, Command::Backup { folder: PathBuf::from(argument) }),
        _ => return false,
    }
    true
}

/// A statement about the transaction: it shows in the history, as if it had been typed.
fn say(app: &mut App, sql: &str) {
    app.run(sql.to_owned(), None, RunKind::Script);
}

fn start(app: &mut App, chore: Chore, command: Command) {
    if app.database.is_none() {
        app.note(Level::Error, "no database is open yet");
        return;
    }
    if app.waits_for(|purpose| *purpose == Purpose::Chore(chore)) {
        let stops = if chore == Chore::Checkpoint { "" } else { ": Ctrl-C stops it" };
        app.note(Level::Info, &format!("{} is under way{stops}", chore.noun()));
        return;
    }
    app.send(Purpose::Chore(chore), command);
    app.note(Level::Info, &format!("{} is under way …", chore.noun()));
}

/// Takes what the engine says of it.
pub(super) fn answer(app: &mut App, chore: Chore, body: EventBody) {
    match body {
        EventBody::Verified(verification) => verified(app, &verification),
        EventBody::Done { summary, elapsed } => done(app, chore, &summary, elapsed),
        EventBody::Failed { error, .. } => {
            app.progress = None;
            if error.kind() == ErrorKind::Cancelled {
                app.note(Level::Info, &format!("{} is stopped", chore.noun()));
            } else {
                app.error(&format!("{} failed", chore.noun()), &error);
            }
        }
        _ => {}
    }
}

fn done(app: &mut App, chore: Chore, summary: &Summary, elapsed: Duration) {
    app.progress = None;
    let span = text::span(elapsed);
    let said = match (chore, &summary.note) {
        // What it found was told already.
        (Chore::Verify, None) => return,
        (Chore::Verify, Some(note)) => return app.message(Level::Info, note, &[]),
        (Chore::Checkpoint, Some(note)) => format!("{note} ({span})"),
        (Chore::Checkpoint, None) => format!("all that is committed is in the tables ({span})"),
        (Chore::Backup, note) => {
            let rows = text::count(summary.rows);
            let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            format!("{rows} rows are copied after {span}{note}")
        }
    };
    app.message(Level::Ok, &said, &[]);
    app.note(Level::Ok, &said);
}

fn verified(app: &mut App, verification: &Verification) {
    let parts: Vec<String> = verification
        .checked
        .iter()
        .map(|part| format!("{:>12} {}", text::count(part.count), part.part))
        .collect();
    if verification.found == 0 {
        let entries = verification.checked.iter().map(|part| part.count).sum::<u64>();
        let said = format!("the database is whole: {} entries verified", text::count(entries));
        app.message(Level::Ok, &said, &parts);
        app.note(Level::Ok, &said);
        return;
    }
    let mut lines: Vec<String> = verification.findings.iter().map(finding_text).collect();
    if (lines.len() as u64) < verification.found {
        lines.push(format!("the first {} of {} findings", lines.len(), text::count(verification.found)));
    }
    lines.extend(parts);
    let said = format!("the database is damaged: {} findings, see Messages", text::count(verification.found));
    app.message(Level::Error, &said, &lines);
    app.note(Level::Error, &said);
    app.tab = Tab::Messages;
}

/// `missing entry in edges out, package 0198…: the edge ... (log/000003 at byte 812)`.
fn finding_text(finding: &Finding) -> String {
    let mut said = format!("{} in {}", finding.fault.name(), finding.table);
    for part in [finding.type_name.clone(), finding.id.map(|id| id.to_string())].into_iter().flatten() {
        said.push_str(&format!(", {part}"));
    }
    said.push_str(&format!(": {}", finding.message));
    if let Some(place) = &finding.place {
        said.push_str(&format!(" ({place})"));
    }
    said
}
