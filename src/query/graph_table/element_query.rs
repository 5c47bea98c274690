//! The queries that say what the elements of a walked path may be, and what is asked of them.

use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::model::{Error, Span};
use crate::query::rewrite::ident;
use crate::query::traverse::{ElementSpec, InputSpec, Output, Spec};
use crate::storage::Catalog;

use super::ast::{
    At, Direction, EdgePattern, GraphTable, NodePattern, OutputColumn, PathFactor, PathPattern, Primary,
    folded,
};
use super::expand::{Pattern, Placed};
use super::traversal::{Slot, Traversal, joined, refused};

impl Traversal {
    /// What is walked, as the text of the call's first argument, and the queries that are its others.
    pub(super) fn call(&mut self, catalog: &Catalog, at: Span) -> Placed<(String, Vec<Query>)> {
        if self.outputs.is_empty() {
            self.outputs.push(Output::Length);
        }
        let (mut elements, mut queries) = (Vec::new(), Vec::new());
        for (place, slot) in self.slots.iter().enumerate() {
            let needs = [&slot.filters, &slot.around, &slot.costs, &slot.values];
            let sided = self.is_sided(place);
            let input = needs.iter().any(|needed| !needed.is_empty()).then(|| InputSpec {
                place: queries.len(),
                sided,
                cost: (!slot.costs.is_empty()).then_some(1 + usize::from(sided)),
            });
            if input.is_some() {
                queries.push(self.query(place, slot, catalog)?);
            }
            elements.push(ElementSpec {
                types: slot.types.iter().copied().collect(),
                is_edge: slot.is_edge,
                input,
            });
        }
        let outputs = self.outputs.iter().cloned().enumerate();
        let spec = Spec {
            pattern: self.pattern.clone(),
            about: self.about.clone(),
            elements,
            outputs: outputs.map(|(place, output)| (format!(" c{place}"), output)).collect(),
        };
        let text = serde_json::to_string(&spec)
            .map_err(|e| (Error::internal(format!("a traversal that cannot be written: {e}")), at))?;
        Ok((text, queries))
    }

    /// The query of an element: handles, whether along the direction, cost, values.
    fn query(&self, place: usize, slot: &Slot, catalog: &Catalog) -> Placed<Query> {
        let at = At(slot.at);
        let own = slot.name.clone().unwrap_or_else(|| " own".to_owned());
        let beside = slot.beside.filter(|_| !slot.around.is_empty() || self.is_costed_around(place));
        let node = |place: Option<usize>| {
            let slot = place.and_then(|place| self.slots.get(place));
            let variable =
                slot.map(|slot| ident(&slot.name.clone().unwrap_or_else(|| format!(" at{}", slot.at.start))));
            let label = slot.and_then(Slot::label);
            let node = NodePattern { variable, label, filter: None, at };
            PathFactor { primary: Primary::Node(Box::new(node)), quantifier: None }
        };
        let (variable, label, filter) =
            (Some(ident(&own)), slot.label(), joined(&slot.filters, BinaryOperator::And));
        let factors = if slot.is_edge {
            let direction = if beside.is_some() { slot.direction } else { Direction::Right };
            let edge = EdgePattern { direction, variable, label, filter, cost: None, at };
            let edge = PathFactor { primary: Primary::Edge(Box::new(edge)), quantifier: None };
            vec![node(beside.map(|(left, _)| left)), edge, node(beside.map(|(_, right)| right))]
        } else {
            let node = NodePattern { variable, label, filter, at };
            vec![PathFactor { primary: Primary::Node(Box::new(node)), quantifier: None }]
        };
        let column =
            |expr: Expr, name: &str| OutputColumn::Expr { expr: Box::new(expr), name: Some(ident(name)), at };
        let of =
            |variable: &str, property: &str| Expr::CompoundIdentifier(vec![ident(variable), ident(property)]);
        let mut columns = vec![column(of(&own, super::used::ROW), " row")];
        if let (true, Some((left, _))) = (self.is_sided(place), beside) {
            let left = self.slots.get(left);
            let left =
                left.and_then(|slot| slot.name.clone().or_else(|| Some(format!(" at{}", slot.at.start))));
            let forward = Expr::BinaryOp {
                left: Box::new(of(&own, "_from_id")),
                op: BinaryOperator::Eq,
                right: Box::new(of(&left.unwrap_or_default(), "_id")),
            };
            columns.push(column(forward, " forward"));
        }
        columns.extend(joined(&slot.costs, BinaryOperator::Plus).map(|cost| column(cost, " cost")));
        let values = slot.values.iter().enumerate();
        columns.extend(values.map(|(number, value)| column(value.clone(), &format!(" v{number}"))));
        let path = PathPattern { variable: None, prefix: None, factors, at };
        let filter = joined(&slot.around, BinaryOperator::And);
        let table =
            GraphTable { graph: self.graph.clone(), mode: None, paths: vec![path], filter, columns, at };
        if let Some(outer) = table.outer_names(&[]).first() {
            if self.known.contains(&folded(outer)) {
                return Err((super::used::sees_itself(&folded(outer)), slot.at));
            }
            let hint = "put the condition behind the whole pattern: MATCH ... WHERE ...";
            return refused(
                format!("a condition in a path that is repeated or searched for cannot use {outer}"),
                hint,
                slot.at,
            );
        }
        Pattern::new(&table, catalog)?.with_rows().query()
    }
}
