//! The body of GRAPH_TABLE: graph, path patterns, WHERE, COLUMNS.

use std::ops::Range;

use sqlparser::ast::Ident;

use super::ast::{
    At, GraphTable, GroupPattern, MatchMode, Measure, OutputColumn, PathFactor, PathPattern, PathPrefix,
    Pick, Primary, Restrictor, Search, property_name,
};
use super::check::check;
use super::element::{edge, node, quantifier, undirected};
use super::placed::Placed;
use super::reader::Reader;
use crate::model::{Result, Span};

const RESTRICTORS: [&str; 4] = ["walk", "trail", "acyclic", "simple"];
const PREFIXES: [&str; 9] =
    ["all", "any", "shortest", "cheapest", "walk", "trail", "acyclic", "simple", "top"];

/// The table of the tokens between the parentheses of GRAPH_TABLE. `end` is the one that closes them,
/// `at` the whole.
pub(super) fn graph_table(sql: &str, body: &[Placed], end: Range<usize>, at: Span) -> Result<GraphTable> {
    let r = &mut Reader::new(sql, body, "the ')' that ends GRAPH_TABLE", end);
    r.refuse_hidden()?;
    let graph = r.object_name("the name of a graph")?;
    r.expect_word("match")?;
    let mode = match_mode(r)?;
    let mut paths = vec![path_pattern(r)?];
    while r.eat(',') {
        paths.push(path_pattern(r)?);
    }
    if r.is_word("keep") {
        let hint = "write its words in front of each path pattern";
        return Err(r.refuse(r.start().at, "KEEP is not supported", hint));
    }
    let filter = if r.eat_word("where") { Some(r.expression()?) } else { None };
    rows(r)?;
    if !r.eat_word("columns") {
        let before = if filter.is_some() { "" } else { "',', WHERE or " };
        return Err(r.unexpected(&format!("{before}COLUMNS")));
    }
    let columns = columns(r)?;
    if !r.is_at_end() {
        return Err(r.unexpected("the ')' that ends GRAPH_TABLE"));
    }
    let table = GraphTable { graph, mode, paths, filter, columns, at: At(at) };
    check(r, &table)?;
    Ok(table)
}

fn match_mode(r: &mut Reader<'_>) -> Result<Option<MatchMode>> {
    // A path's variable may have either name.
    if r.is_sign_at(1, '=') {
        return Ok(None);
    }
    let mode = if r.eat_word("repeatable") {
        if !r.eat_one_of(&["elements", "element"]) {
            return Err(r.unexpected("ELEMENTS behind REPEATABLE"));
        }
        MatchMode::RepeatableElements
    } else if r.eat_word("different") {
        if !r.eat_one_of(&["edges", "edge", "relationships", "relationship"]) {
            return Err(r.unexpected("EDGES behind DIFFERENT"));
        }
        MatchMode::DifferentEdges
    } else {
        return Ok(None);
    };
    r.eat_word("bindings");
    Ok(Some(mode))
}

/// ONE ROW PER MATCH changes nothing; other rows are refused.
fn rows(r: &mut Reader<'_>) -> Result<()> {
    let start = r.start();
    if r.is_word("export") {
        return Err(r.refuse(start.at, "EXPORT is not supported", "write v.* in COLUMNS"));
    }
    if !r.eat_word("one") {
        return Ok(());
    }
    r.expect_word("row")?;
    r.expect_word("per")?;
    if r.eat_word("match") {
        return Ok(());
    }
    let (what, hint) = if r.eat_one_of(&["vertex", "node"]) {
        ("NODE", "name the path, p = ..., and ask for nodes(p)")
    } else if r.eat_word("step") {
        ("STEP", "name the path, p = ..., and ask for nodes(p) and edges(p)")
    } else {
        return Err(r.unexpected("MATCH behind ONE ROW PER"));
    };
    Err(r.refuse(r.since(start), format!("ONE ROW PER {what} is not supported"), hint))
}

/// `p =`, if it is next.
fn path_variable(r: &mut Reader<'_>) -> Result<Option<Ident>> {
    if !(r.is_name_at(0) && r.is_sign_at(1, '=')) {
        return Ok(None);
    }
    let variable = r.name("a variable for the path")?;
    r.expect('=', "'='")?;
    Ok(Some(variable))
}

fn path_pattern(r: &mut Reader<'_>) -> Result<PathPattern> {
    let start = r.start();
    let variable = path_variable(r)?;
    let prefix = prefix(r)?;
    let expected = match (&variable, &prefix) {
        (_, Some(_)) => "a path pattern: '('",
        (Some(_), None) => "a path pattern: ANY, ALL, SHORTEST, TRAIL or '('",
        (None, None) => "a path pattern: a variable and '=', ANY, ALL, SHORTEST, TRAIL or '('",
    };
    let factors = factors(r, expected)?;
    Ok(PathPattern { variable, prefix, factors, at: r.since(start) })
}

fn prefix(r: &mut Reader<'_>) -> Result<Option<PathPrefix>> {
    let start = r.start();
    if !r.is_one_of(&PREFIXES) {
        return Ok(None);
    }
    if r.is_word("top") {
        let hint = "write SHORTEST k or CHEAPEST k, and the number for k";
        return Err(r.refuse(start.at, "TOP is not supported in a path pattern", hint));
    }
    let mut ranked = None;
    let mut search = if r.eat_word("all") {
        Some(measure(r).map_or(Search::All, |by| Search::Best { by, pick: Pick::Ties }))
    } else if r.eat_word("any") {
        match measure(r) {
            Some(by) => Some(Search::Best { by, pick: Pick::One }),
            None => Some(Search::Any(count(r)?.unwrap_or(1))),
        }
    } else if let Some(by) = measure(r) {
        let number = count(r)?;
        ranked = Some((by, number));
        number.map(|number| Search::Best { by, pick: Pick::Count(number) })
    } else {
        None
    };
    let restrictor = restrictor(r);
    if search.is_some() || ranked.is_some() || restrictor.is_some() {
        r.eat_one_of(&["paths", "path"]);
    }
    if let Some((by, number)) = ranked {
        if r.eat_one_of(&["groups", "group"]) {
            search = Some(Search::Best { by, pick: Pick::Groups(number.unwrap_or(1)) });
        } else if number.is_none() {
            let word = match by {
                Measure::Length => "SHORTEST",
                Measure::Cost => "CHEAPEST",
            };
            let error = r.unexpected(&format!("a number, or GROUP, behind {word}"));
            return Err(error
                .with_hint(format!("write ANY {word} for one path, ALL {word} for all that are as good")));
        }
    }
    Ok(Some(PathPrefix { search, restrictor, at: r.since(start) }))
}

fn measure(r: &mut Reader<'_>) -> Option<Measure> {
    if r.eat_word("shortest") {
        Some(Measure::Length)
    } else if r.eat_word("cheapest") {
        Some(Measure::Cost)
    } else {
        None
    }
}

fn count(r: &mut Reader<'_>) -> Result<Option<u64>> {
    let start = r.start();
    match r.number()? {
        Some(0) => Err(r.wrong_at(start.at, "the number of paths is at least 1")),
        number => Ok(number.map(u64::from)),
    }
}

fn restrictor(r: &mut Reader<'_>) -> Option<Restrictor> {
    let all = [Restrictor::Walk, Restrictor::Trail, Restrictor::Acyclic, Restrictor::Simple];
    RESTRICTORS.into_iter().zip(all).find(|(word, _)| r.eat_word(word)).map(|(_, restrictor)| restrictor)
}

/// Elements up to something that is none.
fn factors(r: &mut Reader<'_>, expected: &str) -> Result<Vec<PathFactor>> {
    let mut factors = Vec::new();
    loop {
        let start = r.start();
        let primary = match r.sign() {
            Some('(') if is_group(r) => Primary::Group(Box::new(group(r)?)),
            Some('(') => Primary::Node(Box::new(node(r)?)),
            Some('-' | '<') => Primary::Edge(Box::new(edge(r)?)),
            Some('~') => {
                r.eat('~');
                return Err(undirected(r, start));
            }
            Some('|') => {
                let hint = "write a GRAPH_TABLE for each of them, with UNION ALL between";
                return Err(r.refuse(start.at, "alternatives of path patterns are not supported", hint));
            }
            _ if factors.is_empty() => return Err(r.unexpected(expected)),
            _ => return Ok(factors),
        };
        let quantifier = quantifier(r)?;
        factors.push(PathFactor { primary, quantifier });
    }
}

/// Whether the parenthesis begins a path, and no node.
fn is_group(r: &Reader<'_>) -> bool {
    let path = |ahead: usize| r.is_word_at(ahead, "path") || r.is_word_at(ahead, "paths");
    match r.sign_at(1) {
        Some('(' | '-' | '<' | '~') => true,
        Some(_) => false,
        None if r.is_sign_at(2, '=') => r.is_name_at(1),
        None => {
            RESTRICTORS.iter().any(|word| r.is_word_at(1, word))
                && (r.is_sign_at(2, '(') || (path(2) && r.is_sign_at(3, '(')))
        }
    }
}

fn group(r: &mut Reader<'_>) -> Result<GroupPattern> {
    let start = r.start();
    r.expect('(', "'('")?;
    r.enter()?;
    let variable = path_variable(r)?;
    let restrictor = restrictor(r);
    if restrictor.is_some() {
        r.eat_one_of(&["paths", "path"]);
    }
    let factors = factors(r, "a path pattern: '('")?;
    let filter = if r.eat_word("where") { Some(r.expression()?) } else { None };
    let cost = if r.eat_word("cost") { Some(r.expression()?) } else { None };
    let before = match (&filter, &cost) {
        (_, Some(_)) => "",
        (Some(_), None) => "COST or ",
        (None, None) => "an edge pattern, WHERE, COST or ",
    };
    r.close(')', before, "path pattern", start)?;
    r.leave();
    Ok(GroupPattern { variable, restrictor, factors, filter, cost, at: r.since(start) })
}

fn columns(r: &mut Reader<'_>) -> Result<Vec<OutputColumn>> {
    let start = r.start();
    r.expect('(', "'(' behind COLUMNS")?;
    let mut columns = vec![column(r)?];
    while r.eat(',') {
        columns.push(column(r)?);
    }
    r.close(')', "AS, ',' or ", "list of columns", start)?;
    Ok(columns)
}

fn column(r: &mut Reader<'_>) -> Result<OutputColumn> {
    let start = r.start();
    if r.sign() == Some('*') {
        let hint = "name an element of the pattern: v.*";
        return Err(r.refuse(start.at, "* is not supported in COLUMNS", hint));
    }
    if r.is_name_at(0) && r.is_sign_at(1, '.') && r.is_sign_at(2, '*') {
        let variable = r.name("a variable")?;
        r.expect('.', "'.'")?;
        r.expect('*', "'*'")?;
        return Ok(OutputColumn::All { variable, at: r.since(start) });
    }
    let expr = Box::new(r.expression()?);
    let name = if r.eat_word("as") { Some(r.name("a name for the column")?) } else { None };
    let at = r.since(start);
    if name.is_none() && property_name(&expr).is_none() {
        if r.is_name_at(0) {
            return Err(r.unexpected("AS before the name of the column"));
        }
        if r.sign() == Some(',') || r.sign() == Some(')') {
            let error = r.wrong_at(at, "a column that is no property needs a name");
            return Err(error.with_hint("write AS and a name behind it"));
        }
    }
    Ok(OutputColumn::Expr { expr, name, at })
}
