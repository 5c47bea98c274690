//! Subcommands that look after a database: checkpoint, verify, backup, restore, compact, config.

use std::path::PathBuf;
use std::time::Duration;

use crate::bus::{Command, EventBody, Finding, Verification};
use crate::model::{Error, PropertyType, Value, escape_control};

use super::args::{ConfigCommand, Format};
use super::commands::{column, integer, print, values_as};
use super::data::{ProgressLine, long_work};
use super::io::{Outcome, Stop};
use super::session::{Session, show_duration};

/// `checkpoint`
pub fn checkpoint(session: &mut Session<'_>) -> Outcome {
    let (summary, elapsed) = session.request(Command::Checkpoint, &mut |_, _, _| Ok(()))?;
    let done = summary.note.unwrap_or_else(|| "done".to_owned());
    session.io.note(&format!("{done}, in {}", show_duration(elapsed)));
    Ok(())
}

/// `backup DEST`
pub fn backup(session: &mut Session<'_>, dest: PathBuf) -> Outcome {
    let into = format!("into {}", dest.display());
    let folder = std::path::absolute(&dest).map_err(|e| Error::io("find the working directory", &e))?;
    long_work(session, Command::Backup { folder }, &into, &|note| note.to_owned())
}

/// `restore SRC`
pub fn restore(session: &mut Session<'_>, src: PathBuf, path: PathBuf) -> Outcome {
    let full = |path: PathBuf| {
        std::path::absolute(path).map_err(|e| Stop::from(Error::io("find the working directory", &e)))
    };
    let command = Command::Restore { backup: full(src)?, path: full(path.clone())? };
    verified(session, command, &path.display().to_string())
}

/// `compact`
pub fn compact(session: &mut Session<'_>, path: PathBuf) -> Outcome {
    if path.as_os_str() == ":memory:" {
        return Err(Stop::usage(Error::bad_input("a database in memory has no files to compact")));
    }
    let path = std::path::absolute(path).map_err(|e| Error::io("find the working directory", &e))?;
    let (summary, elapsed) = session.request(Command::Compact { path }, &mut |_, _, _| Ok(()))?;
    let done = summary.note.unwrap_or_else(|| "done".to_owned());
    session.io.note(&format!("{done}, in {}", show_duration(elapsed)));
    Ok(())
}

/// `config [get [NAME] | set NAME VALUE]`
pub fn config(session: &mut Session<'_>, command: Option<ConfigCommand>) -> Outcome {
    let (only, set) = match command {
        None => (None, None),
        Some(ConfigCommand::Get { name }) => (name, None),
        Some(ConfigCommand::Set { name, value }) => (Some(name.clone()), Some((name, value))),
    };
    let mut settings = Vec::new();
    let is_set = set.is_some();
    let (summary, _) = session.request(Command::Config { set }, &mut |_, _, body| {
        if let EventBody::Settings(found) = body {
            settings = found;
        }
        Ok(())
    })?;
    if let Some(name) = &only {
        let names: Vec<String> = settings.iter().map(|(name, _)| name.clone()).collect();
        settings.retain(|(known, _)| known == name);
        // One that was taken away is not listed any more.
        if settings.is_empty() && !is_set {
            let error = Error::not_found(format!("there is no setting '{}'", escape_control(name)));
            return Err(error.with_hint(format!("the settings are {}", names.join(", "))).into());
        }
    }
    let (values, kept) = values_as(session.settings.format);
    let rows = settings.into_iter().map(|(name, value)| vec![Value::from(name), kept(value)]);
    print(session, vec![column("setting", PropertyType::String), column("value", values)], rows.collect())?;
    if let Some(note) = summary.note {
        session.io.note(&note);
    }
    Ok(())
}

/// `verify`
pub fn verify(session: &mut Session<'_>) -> Outcome {
    verified(session, Command::Verify, "the database")
}

/// Runs a command that verifies, and prints what it found. Damage is an error: exit code 4.
pub fn verified(session: &mut Session<'_>, command: Command, what: &str) -> Outcome {
    let mut line = ProgressLine::default();
    let mut found = None;
    let outcome = session.request(command, &mut |io, settings, body| {
        match body {
            EventBody::Progress(progress) => line.show(io, settings, &progress),
            EventBody::Verified(verification) => found = Some(*verification),
            _ => {}
        }
        Ok(())
    });
    line.clear(&mut session.io);
    let (summary, elapsed) = outcome?;
    let Some(verification) = found else {
        return Err(Error::internal("the engine did not answer with what it verified").into());
    };
    if session.settings.format == Format::Json {
        print_json(session, &verification, elapsed)?;
    } else {
        print_rows(session, &verification)?;
    }
    if let Some(note) = &summary.note {
        session.io.note(note);
    }
    let entries = verification.checked.iter().map(|part| part.count).sum::<u64>();
    let time = show_duration(elapsed);
    if verification.found == 0 {
        session.io.note(&format!("{what} is whole: {entries} entries verified in {time}"));
        return Ok(());
    }
    let kept = verification.findings.len() as u64;
    if kept < verification.found {
        session.io.note(&format!("the first {kept} of {} findings are shown", verification.found));
    }
    let things =
        if verification.found == 1 { "1 thing is" } else { &format!("{} things are", verification.found) };
    let message = format!("{what} is damaged: {things} wrong, {entries} entries verified in {time}");
    Err(Error::corrupt(message).with_hint("restore it from a backup, or export what can be read").into())
}

fn print_json(session: &mut Session<'_>, verification: &Verification, elapsed: Duration) -> Outcome {
    let checked: serde_json::Map<String, serde_json::Value> =
        verification.checked.iter().map(|part| (part.part.clone(), part.count.into())).collect();
    let findings: Vec<serde_json::Value> = verification.findings.iter().map(finding_json).collect();
    let report = serde_json::json!({
        "whole": verification.found == 0,
        "checked": checked,
        "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        "found": verification.found,
        "findings": findings,
    });
    let mut text = serde_json::to_string_pretty(&report)
        .map_err(|e| Stop::from(Error::internal(format!("the report cannot be written: {e}"))))?;
    text.push('\n');
    session.io.data(text.as_bytes())
}

fn finding_json(finding: &Finding) -> serde_json::Value {
    serde_json::json!({
        "fault": finding.fault.name(),
        "table": finding.table,
        "type": finding.type_name,
        "row": finding.row.map(|row| row.0),
        "id": finding.id,
        "lsn": finding.lsn,
        "place": finding.place.as_ref().map(ToString::to_string),
        "message": finding.message,
    })
}

fn print_rows(session: &mut Session<'_>, verification: &Verification) -> Outcome {
    let columns = vec![column("checked", PropertyType::String), column("count", PropertyType::Integer)];
    let rows = verification.checked.iter();
    let rows = rows.map(|part| vec![Value::from(part.part.as_str()), integer(part.count)]).collect();
    print(session, columns, rows)?;
    if verification.findings.is_empty() {
        return Ok(());
    }
    let columns = vec![
        column("fault", PropertyType::String),
        column("table", PropertyType::String),
        column("type", PropertyType::String),
        column("row", PropertyType::Integer),
        column("id", PropertyType::Uuid),
        column("lsn", PropertyType::Integer),
        column("place", PropertyType::String),
        column("message", PropertyType::String),
    ];
    let row = |finding: &Finding| {
        vec![
            Value::from(finding.fault.name()),
            Value::from(finding.table.as_str()),
            Value::from(finding.type_name.as_deref()),
            finding.row.map_or(Value::Null, |row| integer(row.0)),
            Value::from(finding.id),
            finding.lsn.map_or(Value::Null, integer),
            Value::from(finding.place.as_ref().map(ToString::to_string)),
            Value::from(finding.message.as_str()),
        ]
    };
    let rows = verification.findings.iter().map(row).collect();
    print(session, columns, rows)
}

#[cfg(test)]
mod tests {
    use super::super::session::Interrupt;
    use super::super::testing::{Captured, engine, settings};
    use super::*;
    use crate::bus::{CheckedPart, Fault, Summary};
    use crate::model::{Place, RowId, TypeId};

    fn run(format: Format, verification: Verification) -> (u8, String, String) {
        let (client, events) = engine(move |command| {
            assert_eq!(*command, Command::Verify);
            let summary = Summary { verb: "VERIFY".to_owned(), ..Summary::default() };
            vec![
                EventBody::Verified(Box::new(verification.clone())),
                EventBody::Done { summary, elapsed: Duration::from_millis(7) },
            ]
        });
        let mut captured = Captured::default();
        let mut session = Session::new(client, events, Interrupt::default(), captured.io(), settings(format));
        let code = match verify(&mut session) {
            Ok(()) => 0,
            Err(stop) => {
                let Stop::Failed(failure) = &stop else { panic!() };
                session.io.failure(failure, &settings(format));
                stop.exit_code()
            }
        };
        (code, captured.out(), captured.err())
    }

    fn whole() -> Verification {
        let part = |part: &str, count| CheckedPart { part: part.to_owned(), count };
        Verification { checked: vec![part("nodes", 3), part("ids", 3)], ..Verification::default() }
    }

    fn damaged() -> Verification {
        let finding = Finding {
            type_name: Some("person".to_owned()),
            row: Some(RowId::new(TypeId(1), 4)),
            place: Some(Place::Offset { path: "data.redb".to_owned(), offset: 4096 }),
            ..Finding::new(Fault::StrayId, "ids", "it leads to nothing")
        };
        Verification { findings: vec![finding], found: 2, ..whole() }
    }

    #[test]
    fn what_is_whole_is_counted() {
        let (code, out, err) = run(Format::Csv, whole());
        assert_eq!((code, out.as_str()), (0, "checked,count\nnodes,3\nids,3\n"));
        assert_eq!(err, "the database is whole: 6 entries verified in 7 ms\n");
    }

    #[test]
    fn damage_is_listed_and_has_its_exit_code() {
        let (code, out, err) = run(Format::Csv, damaged());
        assert_eq!(code, 4);
        let listed = out.split_once("fault,table,type,row,id,lsn,place,message\n").unwrap().1;
        assert_eq!(
            listed,
            "stray_id,ids,person,1099511627780,,,\"data.redb, byte 4096\",it leads to nothing\n"
        );
        assert!(
            err.starts_with(
                "the first 1 of 2 findings are shown\nerror: the database is damaged: 2 things are wrong"
            ),
            "{err}"
        );
    }

    #[test]
    fn json_is_one_object() {
        let (code, out, _) = run(Format::Json, damaged());
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(code, 4);
        assert_eq!(report["whole"], false);
        assert_eq!((&report["checked"]["nodes"], &report["found"]), (&3.into(), &2.into()));
        assert_eq!(report["findings"][0]["fault"], "stray_id");
        assert_eq!(report["findings"][0]["place"], "data.redb, byte 4096");
        let (code, out, _) = run(Format::Json, whole());
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &report["whole"]), (0, &true.into()));
    }
}
