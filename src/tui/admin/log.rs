//! The log: a line for each transaction and one for each thing it did.

use crate::bus::{LogAction, LogOperation, LogTransaction};
use crate::model::{Value, escape_control, format_timestamp};

use super::super::text;
use super::figures::bytes;
use super::{Line, Target};

pub(super) fn lines(transaction: &LogTransaction) -> Vec<Line> {
    let count = transaction.operations.len();
    let plural = if count == 1 { "operation" } else { "operations" };
    let more = if transaction.more { ", more follow" } else { "" };
    let about = format!(
        "  {} {plural}{more}, {}, segment {}",
        text::count(count as u64),
        bytes(transaction.bytes),
        transaction.segment
    );
    let details = format!(
        "transaction    {}\ncommitted      {}\nsegment        {}\nat byte        {}\nbytes          {}\nrecords        {}\ndurable before {}",
        transaction.lsn,
        format_timestamp(transaction.time_micros),
        transaction.segment,
        text::count(transaction.offset),
        text::count(transaction.bytes),
        transaction.records,
        transaction.durable_lsn
    );
    let head = Line {
        heading: true,
        ..Line::new(vec![
            (format!("{:>9}  ", text::count(transaction.lsn)), "ui.number"),
            (format_timestamp(transaction.time_micros), "ui.time"),
            (about, "ui.text.muted"),
        ])
    };
    let title = format!("transaction {}", text::count(transaction.lsn));
    std::iter::once(head.to(Target::Text(title, details)))
        .chain(transaction.operations.iter().map(operation))
        .collect()
}

fn operation(done: &LogOperation) -> Line {
    let scope = match done.action {
        LogAction::Insert | LogAction::Link => "ui.ok",
        LogAction::Update => "ui.warning",
        LogAction::Delete | LogAction::Unlink | LogAction::Drop => "ui.error",
        LogAction::Define | LogAction::Checkpoint => "syntax.keyword",
    };
    let mut pieces = vec![(format!("{:>11}{:<11} ", "", done.action.name()), scope)];
    if let Some(name) = &done.type_name {
        pieces.push((format!("{} ", escape_control(name)), "syntax.type"));
    }
    if let Some(properties) = done.properties.as_ref().filter(|p| !p.is_empty()) {
        pieces.push((format!("{} ", text::one_line(&Value::Object(properties.clone()))), "ui.text"));
    }
    if let Some(detail) = &done.detail {
        pieces.push((format!("{} ", text::one_line(&Value::String(detail.clone()))), "ui.text.muted"));
    }
    if let Some((from, to)) = done.ends {
        pieces.push((format!("{from} → {to} "), "ui.id"));
    }
    if let Some(id) = done.id {
        pieces.push((id.to_string(), "ui.id"));
    }
    // A record that is gone by now is told of by the line alone.
    let target = match done.id {
        Some(id) => Target::Record(id),
        None => Target::Text(done.action.name().to_owned(), done.to_string()),
    };
    Line::new(pieces).to(target)
}
