//! The elements of a path: nodes, edges, labels, quantifiers.

use super::ast::{At, Direction, EdgePattern, LabelExpr, LabelKind, NodePattern, Quantifier};
use super::reader::{Reader, Start};
use crate::model::Result;
use sqlparser::ast::{Expr, Ident};

const EVERY_EDGE_HAS_A_DIRECTION: &str =
    "every edge has a direction: write -[...]-> or <-[...]-, or -[...]- for either";

/// What stands in the brackets of an element.
struct Filler {
    variable: Option<Ident>,
    label: Option<LabelExpr>,
    filter: Option<Expr>,
    cost: Option<Expr>,
}

/// `(v IS label WHERE condition)`; the reader stands at the parenthesis.
pub(super) fn node(r: &mut Reader<'_>) -> Result<NodePattern> {
    let start = r.start();
    r.expect('(', "a node pattern: '('")?;
    let Filler { variable, label, filter, .. } = filler(r, false)?;
    let rest = rest(variable.is_some(), label.is_some(), filter.is_some(), true);
    r.close(')', rest, "node pattern", start)?;
    Ok(NodePattern { variable, label, filter, at: r.since(start) })
}

/// `-[e]->`, `<-` and so on; the reader stands at the first sign.
pub(super) fn edge(r: &mut Reader<'_>) -> Result<EdgePattern> {
    let start = r.start();
    let left = r.eat('<');
    if r.eat('~') {
        return Err(undirected(r, start));
    }
    if !r.eat('-') {
        return Err(r.unexpected("an edge pattern: '<-'"));
    }
    if r.sign() == Some('/') && r.sign_at(1) == Some('*') {
        let error = r.wrong_at(r.since(start), "a comment that begins in an operator");
        return Err(error.with_hint("put a space before the comment"));
    }
    if r.sign() == Some('/') {
        let hint = "write each edge in brackets: -[IS label]->";
        return Err(r.refuse(r.since(start), "a path between -/ and /- is not supported", hint));
    }
    let (mut variable, mut label, mut filter, mut cost) = (None, None, None, None);
    let open = r.start();
    if r.eat('[') {
        Filler { variable, label, filter, cost } = filler(r, true)?;
        let rest = match cost.is_some() {
            true => "",
            false => rest(variable.is_some(), label.is_some(), filter.is_some(), false),
        };
        r.close(']', rest, "edge pattern", open)?;
        r.expect(
            '-',
            if left { "'-' behind the edge pattern" } else { "'->' or '-' behind the edge pattern" },
        )?;
    }
    let right = r.eat('>');
    let direction = match (left, right) {
        (true, false) => Direction::Left,
        (false, true) => Direction::Right,
        _ => Direction::Either,
    };
    Ok(EdgePattern { direction, variable, label, filter, cost, at: r.since(start) })
}

/// `~[e]~` and the like, which are edges without a direction.
pub(super) fn undirected(r: &Reader<'_>, start: Start) -> crate::model::Error {
    r.refuse(r.since(start), "an edge without a direction is not supported", EVERY_EDGE_HAS_A_DIRECTION)
}

/// What may still stand before the bracket that ends an element.
fn rest(variable: bool, label: bool, filter: bool, node: bool) -> &'static str {
    match (variable || label, label, filter) {
        (_, _, true) if node => "",
        (_, _, true) => "COST or ",
        (true, true, _) => "'|', '&', WHERE or ",
        (true, false, _) => "IS, ':', WHERE or ",
        (false, ..) => "a variable, IS, ':', WHERE or ",
    }
}

fn filler(r: &mut Reader<'_>, edge: bool) -> Result<Filler> {
    let mut variable = None;
    if r.is_name_at(0) && !r.is_one_of(&["is", "where"]) && !(edge && at_cost(r)) {
        variable = Some(r.name("a variable")?);
    }
    let label = if r.eat_word("is") || r.eat(':') { Some(labels(r)?) } else { None };
    if r.sign() == Some('{') {
        let at = r.start().at;
        let hint = "write the condition as WHERE v.property = value";
        return Err(r.refuse(at, "properties in braces are not supported", hint));
    }
    if edge && r.sign() == Some('*') {
        let at = r.start().at;
        let hint = "write it behind the edge: -[e]->{1,3}";
        return Err(r.refuse(at, "a quantifier within the brackets of an edge is not supported", hint));
    }
    let filter = if r.eat_word("where") { Some(r.expression()?) } else { None };
    let cost = if edge && r.eat_word("cost") { Some(r.expression()?) } else { None };
    Ok(Filler { variable, label, filter, cost })
}

/// Whether COST begins the clause, and is no variable.
fn at_cost(r: &Reader<'_>) -> bool {
    r.is_word("cost")
        && !r.is_sign_at(1, ']')
        && !r.is_sign_at(1, ':')
        && !r.is_sign_at(1, '*')
        && !r.is_word_at(1, "is")
        && !r.is_word_at(1, "where")
        && !r.is_word_at(1, "cost")
}

/// `a | b & !c`: `!` binds closest, `|` least.
fn labels(r: &mut Reader<'_>) -> Result<LabelExpr> {
    let start = r.start();
    r.enter()?;
    let mut terms = vec![label_term(r)?];
    while r.eat('|') {
        if r.sign() == Some('|') {
            return Err(r.unexpected("a label: labels are joined by one '|'"));
        }
        terms.push(label_term(r)?);
    }
    r.leave();
    Ok(joined(terms, LabelKind::Or, r.since(start)))
}

fn label_term(r: &mut Reader<'_>) -> Result<LabelExpr> {
    let start = r.start();
    let mut factors = vec![label_factor(r)?];
    while r.eat('&') {
        if r.sign() == Some('&') {
            return Err(r.unexpected("a label: labels are joined by one '&'"));
        }
        factors.push(label_factor(r)?);
    }
    Ok(joined(factors, LabelKind::And, r.since(start)))
}

fn joined(mut parts: Vec<LabelExpr>, several: fn(Vec<LabelExpr>) -> LabelKind, at: At) -> LabelExpr {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            LabelExpr { kind: several(parts), at }
        }
        // There is always a first part.
        (_, None) => LabelExpr { kind: several(parts), at },
    }
}

fn label_factor(r: &mut Reader<'_>) -> Result<LabelExpr> {
    let start = r.start();
    let kind = if r.eat('!') {
        r.enter()?;
        let inner = label_factor(r)?;
        r.leave();
        LabelKind::Not(Box::new(inner))
    } else if r.eat('%') {
        LabelKind::Any
    } else if r.eat('(') {
        let inner = labels(r)?;
        r.close(')', "'|', '&' or ", "labels", start)?;
        return Ok(inner);
    } else {
        LabelKind::Name(r.name("a label")?)
    };
    Ok(LabelExpr { kind, at: r.since(start) })
}

/// `{m,n}`, `*`, `+`, `?`, if one is next.
pub(super) fn quantifier(r: &mut Reader<'_>) -> Result<Option<Quantifier>> {
    let start = r.start();
    let (min, max, optional) = if r.eat('*') {
        (0, None, false)
    } else if r.eat('+') {
        (1, None, false)
    } else if r.eat('?') {
        (0, Some(1), true)
    } else if r.eat('{') {
        let (min, max) = bounds(r)?;
        let others = match max {
            None => "a number or ",
            Some(max) if max == min => "',' or ",
            Some(_) => "",
        };
        r.close('}', others, "quantifier", start)?;
        (min, max, false)
    } else {
        return Ok(None);
    };
    let at = r.since(start);
    match max {
        Some(0) => return Err(r.wrong_at(at, "a quantifier repeats at least once: its upper bound is 0")),
        Some(max) if max < min => {
            return Err(r.wrong_at(
                at,
                format!("the bounds of the quantifier are the wrong way round: {min} is more than {max}"),
            ));
        }
        _ => {}
    }
    Ok(Some(Quantifier { min, max, optional, at }))
}

fn bounds(r: &mut Reader<'_>) -> Result<(u32, Option<u32>)> {
    let min = r.number()?;
    let first = r.start();
    match (min, r.eat(',')) {
        (Some(min), false) => Ok((min, Some(min))),
        (Some(min), true) => Ok((min, r.number()?)),
        (None, false) => Err(r.unexpected("a number or ',' in the quantifier")),
        (None, true) => match r.number()? {
            Some(max) => Ok((0, Some(max))),
            None if r.sign() == Some('}') => {
                Err(r.wrong_at(first.at, "a quantifier without bounds").with_hint("write * for any number"))
            }
            None => Err(r.unexpected("a number in the quantifier")),
        },
    }
}
