//! The tree as text that is read as the same tree again: for views and EXPLAIN.
//!
//! The spelling is the shortest one of PostgreSQL: `IS` for labels, `->` for an edge without anything in
//! it, `{0,n}` for `{,n}`. Two hyphens never
//! stand side by side: between two edges stands a node.

use std::fmt::{self, Display, Formatter};

use sqlparser::ast::{Expr, Ident};

use super::ast::{
    Direction, EdgePattern, GraphTable, GroupPattern, LabelExpr, LabelKind, MatchMode, Measure, NodePattern,
    OutputColumn, PathFactor, PathPattern, PathPrefix, Pick, Primary, Quantifier, Restrictor, Search,
};

/// Writes values with something between them.
pub(super) fn list<T: Display>(f: &mut Formatter<'_>, values: &[T], between: &str) -> fmt::Result {
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            f.write_str(between)?;
        }
        value.fmt(f)?;
    }
    Ok(())
}

impl Display for GraphTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "GRAPH_TABLE ({} MATCH ", self.graph)?;
        match self.mode {
            None => {}
            Some(MatchMode::RepeatableElements) => f.write_str("REPEATABLE ELEMENTS ")?,
            Some(MatchMode::DifferentEdges) => f.write_str("DIFFERENT EDGES ")?,
        }
        list(f, &self.paths, ", ")?;
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {filter}")?;
        }
        f.write_str(" COLUMNS (")?;
        list(f, &self.columns, ", ")?;
        f.write_str("))")
    }
}

impl Display for PathPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(variable) = &self.variable {
            write!(f, "{variable} = ")?;
        }
        if let Some(prefix) = &self.prefix {
            write!(f, "{prefix} ")?;
        }
        factors(f, &self.factors)
    }
}

/// Two parts side by side begin and end with brackets, but for edges without anything in them.
fn factors(f: &mut Formatter<'_>, factors: &[PathFactor]) -> fmt::Result {
    factors.iter().try_for_each(|factor| factor.fmt(f))
}

impl Display for PathFactor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.primary {
            Primary::Node(node) => node.fmt(f)?,
            Primary::Edge(edge) => edge.fmt(f)?,
            Primary::Group(group) => group.fmt(f)?,
        }
        self.quantifier.iter().try_for_each(|quantifier| quantifier.fmt(f))
    }
}

impl Display for PathPrefix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // GROUPS stands behind the restrictor.
        let groups = match self.search {
            Some(Search::Best { by, pick: Pick::Groups(number) }) => {
                write!(f, "{by} {number}")?;
                " GROUPS"
            }
            Some(search) => {
                search.fmt(f)?;
                ""
            }
            None => "",
        };
        if let Some(restrictor) = &self.restrictor {
            if self.search.is_some() {
                f.write_str(" ")?;
            }
            restrictor.fmt(f)?;
        }
        f.write_str(groups)
    }
}

impl Display for Search {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Search::All => f.write_str("ALL"),
            Search::Any(1) => f.write_str("ANY"),
            Search::Any(number) => write!(f, "ANY {number}"),
            Search::Best { by, pick: Pick::One } => write!(f, "ANY {by}"),
            Search::Best { by, pick: Pick::Ties } => write!(f, "ALL {by}"),
            Search::Best { by, pick: Pick::Count(number) } => write!(f, "{by} {number}"),
            Search::Best { by, pick: Pick::Groups(number) } => write!(f, "{by} {number} GROUPS"),
        }
    }
}

impl Display for Measure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Measure::Length => "SHORTEST",
            Measure::Cost => "CHEAPEST",
        })
    }
}

impl Display for Restrictor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Restrictor::Walk => "WALK",
            Restrictor::Trail => "TRAIL",
            Restrictor::Acyclic => "ACYCLIC",
            Restrictor::Simple => "SIMPLE",
        })
    }
}

/// The parts of an element with single spaces between them.
fn filler(
    f: &mut Formatter<'_>,
    variable: Option<&Ident>,
    label: Option<&LabelExpr>,
    filter: Option<&Expr>,
    cost: Option<&Expr>,
) -> fmt::Result {
    let mut space = "";
    if let Some(variable) = variable {
        write!(f, "{variable}")?;
        space = " ";
    }
    if let Some(label) = label {
        write!(f, "{space}IS {label}")?;
        space = " ";
    }
    if let Some(filter) = filter {
        write!(f, "{space}WHERE {filter}")?;
        space = " ";
    }
    if let Some(cost) = cost {
        write!(f, "{space}COST {cost}")?;
    }
    Ok(())
}

impl Display for NodePattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        filler(f, self.variable.as_ref(), self.label.as_ref(), self.filter.as_ref(), None)?;
        f.write_str(")")
    }
}

impl Display for EdgePattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.direction == Direction::Left {
            f.write_str("<")?;
        }
        f.write_str("-")?;
        let (variable, label) = (self.variable.as_ref(), self.label.as_ref());
        let (filter, cost) = (self.filter.as_ref(), self.cost.as_ref());
        if variable.is_some() || label.is_some() || filter.is_some() || cost.is_some() {
            f.write_str("[")?;
            filler(f, variable, label, filter, cost)?;
            f.write_str("]-")?;
        }
        if self.direction == Direction::Right {
            f.write_str(">")?;
        }
        Ok(())
    }
}

impl Display for GroupPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        if let Some(variable) = &self.variable {
            write!(f, "{variable} = ")?;
        }
        if let Some(restrictor) = &self.restrictor {
            write!(f, "{restrictor} ")?;
        }
        factors(f, &self.factors)?;
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {filter}")?;
        }
        if let Some(cost) = &self.cost {
            write!(f, " COST {cost}")?;
        }
        f.write_str(")")
    }
}

impl Display for Quantifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            _ if self.optional => f.write_str("?"),
            (0, None) => f.write_str("*"),
            (1, None) => f.write_str("+"),
            (min, None) => write!(f, "{{{min},}}"),
            (min, Some(max)) if min == max => write!(f, "{{{min}}}"),
            (min, Some(max)) => write!(f, "{{{min},{max}}}"),
        }
    }
}

impl Display for LabelExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let several = |f: &mut Formatter<'_>, parts: &[LabelExpr], between: &str| {
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    f.write_str(between)?;
                }
                part.within(f)?;
            }
            Ok(())
        };
        match &self.kind {
            LabelKind::Name(name) => name.fmt(f),
            LabelKind::Any => f.write_str("%"),
            LabelKind::Not(inner) => {
                f.write_str("!")?;
                inner.within(f)
            }
            LabelKind::And(parts) => several(f, parts, " & "),
            LabelKind::Or(parts) => several(f, parts, " | "),
        }
    }
}

impl LabelExpr {
    /// As a part of another one.
    fn within(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            LabelKind::And(_) | LabelKind::Or(_) => write!(f, "({self})"),
            _ => self.fmt(f),
        }
    }
}

impl Display for OutputColumn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            OutputColumn::Expr { expr, name: Some(name), .. } => write!(f, "{expr} AS {name}"),
            OutputColumn::Expr { expr, name: None, .. } => expr.fmt(f),
            OutputColumn::All { variable, .. } => write!(f, "{variable}.*"),
        }
    }
}
