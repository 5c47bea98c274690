//! CREATE, ALTER and DROP PROPERTY GRAPH.

use std::collections::HashSet;

use sqlparser::ast::Ident;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::ast::{At, folded};
use super::definition::{
    AlterAction, AlterPropertyGraph, CreatePropertyGraph, DropBehavior, DropPropertyGraph, EdgeTable,
    ElementKind, ElementTable, EndPoint, GraphStatement, LabelDefinition, Properties, Property,
};
use super::placed::{Placed, is_word, place};
use super::reader::Reader;
use crate::model::{Result, sqlstate};

const VERTEX: [&str; 2] = ["vertex", "node"];
const EDGE: [&str; 2] = ["edge", "relationship"];

/// The statement, if it is one over property graphs; `None` for every other.
///
/// # Errors
/// `BadInput` and `Unsupported` with the place.
pub fn graph_statement(sql: &str, tokens: &[TokenWithSpan]) -> Result<Option<GraphStatement>> {
    let blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let mut words = tokens.iter().filter(|token| !blank(token)).map(|token| &token.token);
    let Some(first) = words.next() else { return Ok(None) };
    if !["create", "alter", "drop"].iter().any(|word| is_word(first, word)) {
        return Ok(None);
    }
    let between = ["or", "replace", "temp", "temporary"];
    let next = words.find(|token| !between.iter().any(|word| is_word(token, word)));
    if !next.is_some_and(|token| is_word(token, "property"))
        || !words.next().is_some_and(|token| is_word(token, "graph"))
    {
        return Ok(None);
    }
    let placed = place(sql, tokens.to_vec());
    let end = placed.last().map_or(0..0, |last: &Placed| last.bytes.end..last.bytes.end);
    let r = &mut Reader::new(sql, &placed, "the end of the statement", end);
    let (statement, others) = if r.eat_word("create") {
        create(r)?
    } else if r.eat_word("alter") {
        alter(r)?
    } else {
        r.expect_word("drop")?;
        drop_graph(r)?
    };
    let mut others = others;
    while r.eat(';') {
        others = "";
    }
    if !r.is_at_end() {
        return Err(r.unexpected(&format!("{others}the end of the statement")));
    }
    Ok(Some(statement))
}

/// A statement, and what might have stood behind it.
type Read = (GraphStatement, &'static str);

fn create(r: &mut Reader<'_>) -> Result<Read> {
    let or_replace = r.eat_words(&["or", "replace"]);
    if r.is_one_of(&["temp", "temporary"]) {
        let hint = "leave the word away, and drop the graph when it is done with";
        return Err(r.refuse(r.start().at, "a temporary property graph is not supported", hint));
    }
    r.expect_word("property")?;
    r.expect_word("graph")?;
    let start = r.start();
    let if_not_exists = r.eat_words(&["if", "not", "exists"]);
    if or_replace && if_not_exists {
        return Err(r.wrong_at(r.since(start), "OR REPLACE and IF NOT EXISTS contradict each other"));
    }
    let name = r.object_name("a name for the property graph")?;
    let (vertices, edges) = tables(r, false)?;
    let rest = match (vertices.is_empty(), edges.is_empty()) {
        (_, false) => "",
        (false, true) => "EDGE TABLES or ",
        (true, true) => "VERTEX TABLES, EDGE TABLES or ",
    };
    let create = CreatePropertyGraph { or_replace, if_not_exists, name, vertices, edges };
    Ok((GraphStatement::Create(create), rest))
}

fn drop_graph(r: &mut Reader<'_>) -> Result<Read> {
    r.expect_word("property")?;
    r.expect_word("graph")?;
    let if_exists = r.eat_words(&["if", "exists"]);
    let mut names = vec![r.object_name("the name of a property graph")?];
    while r.eat(',') {
        names.push(r.object_name("the name of a property graph")?);
    }
    let (behavior, _) = behavior(r);
    let rest = if behavior.is_some() { "" } else { "',', CASCADE, RESTRICT or " };
    Ok((GraphStatement::Drop(DropPropertyGraph { if_exists, names, behavior }), rest))
}

fn alter(r: &mut Reader<'_>) -> Result<Read> {
    r.expect_word("property")?;
    r.expect_word("graph")?;
    let if_exists = r.eat_words(&["if", "exists"]);
    let name = r.object_name("the name of a property graph")?;
    let start = r.start();
    let (action, rest) = if r.eat_word("add") {
        let (vertices, edges) = tables(r, true)?;
        let rest = match (vertices.is_empty(), edges.is_empty()) {
            (true, true) => return Err(r.unexpected("VERTEX TABLES or EDGE TABLES behind ADD")),
            (false, true) => "EDGE TABLES or ",
            (_, false) => "",
        };
        (AlterAction::AddTables { vertices, edges }, rest)
    } else if r.eat_word("drop") {
        let kind = kind(r, "TABLES")?;
        r.expect_word("tables")?;
        let tables = r.names_in_parentheses("the alias of a table")?;
        let (behavior, rest) = behavior(r);
        (AlterAction::DropTables { kind, tables, behavior }, rest)
    } else if r.eat_word("alter") {
        alter_table(r)?
    } else if r.eat_word("rename") {
        r.expect_word("to")?;
        (AlterAction::Rename(r.name("the new name of the property graph")?), "")
    } else if r.is_one_of(&["owner", "set"]) {
        let what = if r.is_word("owner") { "an owner" } else { "a schema" };
        let message = format!("{what} of a property graph is not supported");
        return Err(r.refuse(start.at, message, "a database has one schema and one owner"));
    } else {
        return Err(r.unexpected("ADD, DROP, ALTER or RENAME TO"));
    };
    Ok((GraphStatement::Alter(AlterPropertyGraph { if_exists, name, action }), rest))
}

fn alter_table(r: &mut Reader<'_>) -> Result<(AlterAction, &'static str)> {
    let kind = kind(r, "TABLE")?;
    r.expect_word("table")?;
    let table = r.name("the alias of a table")?;
    if r.is_word("add") {
        let mut labels = Vec::new();
        let mut at = r.start();
        while r.eat_word("add") {
            r.expect_word("label")?;
            let label = Some(r.name("a name for the label")?);
            let properties = properties(r)?.unwrap_or(Properties::All { except: Vec::new() });
            labels.push(LabelDefinition { label, properties, at: r.since(at) });
            at = r.start();
        }
        return Ok((AlterAction::AddLabels { kind, table, labels }, "ADD LABEL, properties or "));
    }
    if r.eat_word("drop") {
        r.expect_word("label")?;
        let label = r.name("the name of a label")?;
        let (behavior, rest) = behavior(r);
        return Ok((AlterAction::DropLabel { kind, table, label, behavior }, rest));
    }
    if !r.eat_word("alter") {
        return Err(r.unexpected("ADD LABEL, DROP LABEL or ALTER LABEL"));
    }
    r.expect_word("label")?;
    let label = r.name("the name of a label")?;
    if r.eat_word("add") {
        r.expect_word("properties")?;
        let properties = property_list(r)?;
        return Ok((AlterAction::AddProperties { kind, table, label, properties }, ""));
    }
    if !r.eat_word("drop") {
        return Err(r.unexpected("ADD PROPERTIES or DROP PROPERTIES"));
    }
    r.expect_word("properties")?;
    let properties = r.names_in_parentheses("the name of a property")?;
    let (behavior, rest) = behavior(r);
    Ok((AlterAction::DropProperties { kind, table, label, properties, behavior }, rest))
}

fn kind(r: &mut Reader<'_>, behind: &str) -> Result<ElementKind> {
    if r.eat_one_of(&VERTEX) {
        Ok(ElementKind::Vertex)
    } else if r.eat_one_of(&EDGE) {
        Ok(ElementKind::Edge)
    } else {
        Err(r.unexpected(&format!("VERTEX {behind} or EDGE {behind}")))
    }
}

/// CASCADE or RESTRICT, if one is next, and what else might have been.
fn behavior(r: &mut Reader<'_>) -> (Option<DropBehavior>, &'static str) {
    if r.eat_word("cascade") {
        (Some(DropBehavior::Cascade), "")
    } else if r.eat_word("restrict") {
        (Some(DropBehavior::Restrict), "")
    } else {
        (None, "CASCADE, RESTRICT or ")
    }
}

/// `[VERTEX TABLES (...)] [EDGE TABLES (...)]`, in this order.
fn tables(r: &mut Reader<'_>, adding: bool) -> Result<(Vec<ElementTable>, Vec<EdgeTable>)> {
    let (mut vertices, mut edges) = (Vec::new(), Vec::new());
    let mut names = HashSet::new();
    if r.eat_one_of(&VERTEX) {
        r.expect_word("tables")?;
        let start = r.start();
        r.expect('(', "'(' and the name of a table")?;
        loop {
            let mut table = element_table(r)?;
            (table.labels, table.at) = labels(r, table.at)?;
            unique(r, &mut names, &table)?;
            vertices.push(table);
            if !r.eat(',') {
                break;
            }
        }
        let others = vertices.last().map_or(String::new(), |table| rest(table, false, false));
        r.close(')', &others, "list of vertex tables", start)?;
    }
    // ALTER may say ADD for each of the lists.
    if adding && !vertices.is_empty() && r.is_word("add") && !EDGE.iter().any(|word| r.is_word_at(1, word)) {
        return Err(r.unexpected("ADD EDGE TABLES, EDGE TABLES or the end of the statement"));
    }
    if adding && !vertices.is_empty() {
        r.eat_word("add");
    }
    if r.eat_one_of(&EDGE) {
        r.expect_word("tables")?;
        let start = r.start();
        r.expect('(', "'(' and the name of a table")?;
        loop {
            let table = edge_table(r)?;
            unique(r, &mut names, &table.element)?;
            edges.push(table);
            if !r.eat(',') {
                break;
            }
        }
        let others =
            edges.last().map_or(String::new(), |table| rest(&table.element, true, table.ends.is_some()));
        r.close(')', &others, "list of edge tables", start)?;
        if r.is_one_of(&VERTEX) {
            return Err(r.wrong("VERTEX TABLES stand before EDGE TABLES"));
        }
    }
    Ok((vertices, edges))
}

/// What might still have stood behind a table, but for the bracket.
fn rest(table: &ElementTable, edge: bool, ends: bool) -> String {
    let mut words = Vec::new();
    let plain = matches!(table.labels.as_slice(), [only] if only.is_default());
    if plain && !ends {
        words.extend((table.alias.is_none() && table.key.is_empty()).then_some("AS"));
        words.extend(table.key.is_empty().then_some("KEY"));
        words.extend(edge.then_some("SOURCE"));
    }
    if plain || table.labels.iter().any(|label| label.label.is_some()) {
        words.extend(["LABEL", "PROPERTIES"]);
    }
    words.push("','");
    format!("{} or ", words.join(", "))
}

fn unique(r: &Reader<'_>, names: &mut HashSet<String>, table: &ElementTable) -> Result<()> {
    match table.name() {
        Some(name) if !names.insert(folded(name)) => {
            let error = r.wrong_at(table.at, format!("two element tables are named {name}"));
            Err(error
                .with_sqlstate(sqlstate::SYNTAX_OR_ACCESS_RULE)
                .with_hint("give one of them another name with AS"))
        }
        _ => Ok(()),
    }
}

/// What stands before the labels, and for edges before the ends.
fn element_table(r: &mut Reader<'_>) -> Result<ElementTable> {
    let start = r.start();
    let table = r.object_name("the name of a table")?;
    let alias = if r.eat_word("as") { Some(r.name("an alias behind AS")?) } else { None };
    let key = if r.eat_word("key") { r.names_in_parentheses("the name of a column")? } else { Vec::new() };
    Ok(ElementTable { table, alias, key, labels: Vec::new(), at: r.since(start) })
}

fn edge_table(r: &mut Reader<'_>) -> Result<EdgeTable> {
    let mut element = element_table(r)?;
    let ends = if r.eat_word("source") {
        let source = end_point(r, "source")?;
        r.expect_word("destination")?;
        Some((source, end_point(r, "destination")?))
    } else if r.is_word("destination") {
        return Err(r.unexpected("SOURCE before DESTINATION"));
    } else {
        None
    };
    (element.labels, element.at) = labels(r, element.at)?;
    Ok(EdgeTable { element, ends })
}

fn end_point(r: &mut Reader<'_>, which: &str) -> Result<EndPoint> {
    let start = r.start();
    let key = if r.eat_word("key") {
        let key = r.names_in_parentheses("the name of a column")?;
        r.expect_word("references")?;
        key
    } else {
        Vec::new()
    };
    let table = r.name(&format!("the {which}'s vertex table"))?;
    let columns = r.start();
    let references = match r.sign() {
        Some('(') if key.is_empty() => {
            let error = r.unexpected("KEY (...) REFERENCES before the vertex table's columns");
            return Err(error);
        }
        Some('(') => r.names_in_parentheses("the name of a column")?,
        _ => Vec::new(),
    };
    if !references.is_empty() && references.len() != key.len() {
        let message =
            format!("the {which}'s key has {} columns and refers to {}", key.len(), references.len());
        return Err(r.wrong_at(r.since(columns), message));
    }
    Ok(EndPoint { key, table, references, at: r.since(start) })
}

/// The labels of a table that began at `table`, and the bytes of both.
fn labels(r: &mut Reader<'_>, table: At) -> Result<(Vec<LabelDefinition>, At)> {
    let everything = Properties::All { except: Vec::new() };
    let start = r.start();
    if let Some(properties) = properties(r)? {
        let at = r.since(start);
        return Ok((vec![LabelDefinition { label: None, properties, at }], table.to(at)));
    }
    let (mut labels, mut whole) = (Vec::new(), table);
    loop {
        let start = r.start();
        let label = if r.eat_word("label") {
            Some(r.name("a name for the label")?)
        } else if r.eat_words(&["default", "label"]) {
            None
        } else {
            break;
        };
        let properties = properties(r)?.unwrap_or_else(|| everything.clone());
        let at = r.since(start);
        labels.push(LabelDefinition { label, properties, at });
        whole = whole.to(at);
    }
    if labels.is_empty() {
        labels.push(LabelDefinition { label: None, properties: everything, at: table });
    }
    Ok((labels, whole))
}

fn properties(r: &mut Reader<'_>) -> Result<Option<Properties>> {
    if r.eat_words(&["no", "properties"]) {
        return Ok(Some(Properties::None));
    }
    if !r.eat_word("properties") {
        return Ok(None);
    }
    let are = r.eat_word("are");
    if r.eat_word("all") {
        r.expect_word("columns")?;
        let except = match r.eat_word("except") {
            true => r.names_in_parentheses("the name of a column")?,
            false => Vec::new(),
        };
        return Ok(Some(Properties::All { except }));
    }
    if are || r.sign() != Some('(') {
        return Err(r.unexpected(if are { "ALL COLUMNS" } else { "ALL COLUMNS or '('" }));
    }
    Ok(Some(Properties::List(property_list(r)?)))
}

fn property_list(r: &mut Reader<'_>) -> Result<Vec<Property>> {
    let start = r.start();
    r.expect('(', "'(' and a property")?;
    let mut properties = vec![property(r)?];
    while r.eat(',') {
        properties.push(property(r)?);
    }
    r.close(')', "AS, ',' or ", "list of properties", start)?;
    Ok(properties)
}

fn property(r: &mut Reader<'_>) -> Result<Property> {
    let start = r.start();
    let expr = Box::new(r.expression()?);
    let name: Option<Ident> = if r.eat_word("as") { Some(r.name("a name for the property")?) } else { None };
    let property = Property { expr, name, at: r.since(start) };
    if property.name().is_none() && !r.is_name_at(0) {
        let error = r.wrong_at(property.at, "a property that is no column needs a name");
        return Err(error.with_hint("write AS and a name behind it"));
    }
    Ok(property)
}
