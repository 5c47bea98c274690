//! Edits of rows, all in one transaction: each statement must change the rows it was made for.
//!
//! Within an open transaction the edits become a part of it that is taken back when one fails.

use crate::engine::{Session, StatementResult};
use crate::model::{Error, Result};

use super::server::{Connection, Failure, Running};
use super::{RowEdit, Summary};

const SAVEPOINT: &str = "aresadb_edits";

pub(super) async fn apply(
    connection: &Connection,
    edits: &[RowEdit],
    running: &Running,
) -> Result<Summary, Failure> {
    let session = connection.session()?;
    let within = session.transaction_state().is_open();
    let (begin, commit, undo) = match within {
        false => ("BEGIN".to_owned(), "COMMIT".to_owned(), vec!["ROLLBACK".to_owned()]),
        true => (
            format!("SAVEPOINT {SAVEPOINT}"),
            format!("RELEASE SAVEPOINT {SAVEPOINT}"),
            vec![format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"), format!("RELEASE SAVEPOINT {SAVEPOINT}")],
        ),
    };
    changed(&session, &begin, running).await?;
    let result = all(&session, edits, running).await;
    let result = match result {
        Ok(rows) => changed(&session, &commit, running).await.map(|_| rows).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match result {
        Ok(rows) => {
            let note = within.then(|| "they are part of the open transaction: COMMIT keeps them".to_owned());
            Ok(Summary { verb: "EDIT".to_owned(), rows, truncated: false, note })
        }
        Err(failure) => {
            if session.transaction_state().is_open() {
                // A cancelled request stops no clearing up: this has a token of its own.
                let unstoppable = Running::default();
                for sql in undo {
                    changed(&session, &sql, &unstoppable).await?;
                }
            }
            Err(failure)
        }
    }
}

async fn all(session: &Session, edits: &[RowEdit], running: &Running) -> Result<u64, Failure> {
    let mut rows = 0;
    for (n, edit) in edits.iter().enumerate() {
        let statement = Some(u32::try_from(n).unwrap_or(u32::MAX));
        let failed = |error| Failure { error, statement };
        running.cancel.check().map_err(failed)?;
        let found = changed(session, &edit.sql, running).await.map_err(failed)?;
        if found != edit.rows {
            return Err(failed(
                Error::conflict(match found {
                    0 => "the row was changed or deleted since it was read".to_owned(),
                    n => format!("{n} rows would be changed where {} was meant", edit.rows),
                })
                .with_hint("run the statement again to see what is there now; nothing was committed"),
            ));
        }
        rows += found;
    }
    Ok(rows)
}

async fn changed(session: &Session, sql: &str, running: &Running) -> Result<u64> {
    match session.run(sql, &[], &running.cancel).await? {
        StatementResult::Done(done) => Ok(done.rows),
        StatementResult::Rows(_) => Err(Error::bad_input("an edit is a statement without rows")),
    }
}
