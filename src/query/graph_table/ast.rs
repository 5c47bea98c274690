//! The syntax tree of GRAPH_TABLE: what was written, not yet what it means in a graph.

use sqlparser::ast::{Expr, Ident, ObjectName};

use crate::model::Span;

/// Where something was written, in bytes of the statement. Two of them are always equal, so that trees
/// are compared by what they say alone.
#[derive(Debug, Clone, Copy)]
pub struct At(pub Span);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for At {}

impl At {
    /// From the start of this one to the end of `last`.
    #[must_use]
    pub fn to(self, last: At) -> At {
        At(Span { start: self.0.start, end: last.0.end })
    }
}

/// What a name means: as it is in quotes, in small letters otherwise.
#[must_use]
pub fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_ascii_lowercase() }
}

/// `GRAPH_TABLE (graph MATCH [mode] path, ... [WHERE ...] COLUMNS (...))`.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphTable {
    /// The graph's name.
    pub graph: ObjectName,
    /// Which elements may be matched more than once.
    pub mode: Option<MatchMode>,
    /// The path patterns; at least one.
    pub paths: Vec<PathPattern>,
    /// The condition behind all patterns.
    pub filter: Option<Expr>,
    /// The columns it gives; at least one.
    pub columns: Vec<OutputColumn>,
    /// The word GRAPH_TABLE and its parentheses.
    pub at: At,
}

/// Whether several edge patterns may match one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchMode {
    /// `REPEATABLE ELEMENTS`: they may. Also the meaning where none is written.
    RepeatableElements,
    /// `DIFFERENT EDGES`: no edge stands twice in a match, over all path patterns.
    DifferentEdges,
}

/// `[p =] [prefix] element element ...`.
#[derive(Debug, Clone, PartialEq)]
pub struct PathPattern {
    /// The path's variable.
    pub variable: Option<Ident>,
    /// Which of the matching paths are taken.
    pub prefix: Option<PathPrefix>,
    /// What the path goes through; at least one, never two edges in a row.
    pub factors: Vec<PathFactor>,
    /// Its bytes.
    pub at: At,
}

/// `ANY SHORTEST TRAIL`, `ALL`, `ACYCLIC` and so on; one of the two parts is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathPrefix {
    /// How many paths are taken between two ends.
    pub search: Option<Search>,
    /// Which paths count.
    pub restrictor: Option<Restrictor>,
    /// Its bytes.
    pub at: At,
}

/// How many of the paths with the same first and last node are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// `ALL`: every path, as without a word.
    All,
    /// `ANY [k]`: at most so many, whichever.
    Any(u64),
    /// The best ones.
    Best {
        /// By what.
        by: Measure,
        /// Which of them.
        pick: Pick,
    },
}

/// By what one path is better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// `SHORTEST`: fewer edges.
    Length,
    /// `CHEAPEST`: the lower sum of all COST.
    Cost,
}

/// Which of the best paths are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pick {
    /// `ANY SHORTEST`: one of the best.
    One,
    /// `ALL SHORTEST`: the best and all as good.
    Ties,
    /// `SHORTEST k`: the k best, ties broken at will.
    Count(u64),
    /// `SHORTEST k GROUPS`: all paths of the k best measures.
    Groups(u64),
}

/// Which paths count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restrictor {
    /// Every path. Also the meaning where none is written.
    Walk,
    /// No edge twice.
    Trail,
    /// No node twice.
    Acyclic,
    /// No node twice, but the last may be the first.
    Simple,
}

/// A part of a path and how often it is repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct PathFactor {
    /// The part.
    pub primary: Primary,
    /// How often; once when absent. Never behind a node.
    pub quantifier: Option<Quantifier>,
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Primary {
    /// `(v IS label WHERE ...)`.
    Node(Box<NodePattern>),
    /// `-[e IS label WHERE ...]->`.
    Edge(Box<EdgePattern>),
    /// `(... WHERE ...)` around a path. Its first and last node are one with the nodes beside it.
    Group(Box<GroupPattern>),
}

#[cfg(test)]
impl Primary {
    /// Its bytes.
    pub fn at(&self) -> At {
        match self {
            Primary::Node(node) => node.at,
            Primary::Edge(edge) => edge.at,
            Primary::Group(group) => group.at,
        }
    }
}

/// `(v IS label WHERE ...)`.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePattern {
    /// The variable; the same one twice is the same node.
    pub variable: Option<Ident>,
    /// The labels; any when absent.
    pub label: Option<LabelExpr>,
    /// The condition.
    pub filter: Option<Expr>,
    /// Its bytes, with the parentheses.
    pub at: At,
}

/// `-[e IS label WHERE ... COST ...]->`; `->` is the same without anything in it.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgePattern {
    /// Which way the edge goes.
    pub direction: Direction,
    /// The variable.
    pub variable: Option<Ident>,
    /// The labels; any when absent.
    pub label: Option<LabelExpr>,
    /// The condition.
    pub filter: Option<Expr>,
    /// What the edge adds to the cost of a path.
    pub cost: Option<Expr>,
    /// Its bytes, with the arrow.
    pub at: At,
}

/// Which way an edge goes, read from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `-[ ]->`, `->`.
    Right,
    /// `<-[ ]-`, `<-`.
    Left,
    /// `-[ ]-`, `-`; also `<-[ ]->`, `<->`, which is the same where every edge has a direction.
    /// An edge from a node to itself is matched once.
    Either,
}

/// `([p =] [TRAIL] path [WHERE ...] [COST ...])`.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPattern {
    /// The part's own path variable.
    pub variable: Option<Ident>,
    /// Which paths count in each repetition.
    pub restrictor: Option<Restrictor>,
    /// What the part goes through; as in [`PathPattern::factors`].
    pub factors: Vec<PathFactor>,
    /// The condition, for each repetition.
    pub filter: Option<Expr>,
    /// What each repetition adds to the cost of a path.
    pub cost: Option<Expr>,
    /// Its bytes, with the parentheses.
    pub at: At,
}

/// `{n}`, `{m,n}`, `{m,}`, `{,n}`, `*`, `+`, `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantifier {
    /// The least number of repetitions.
    pub min: u32,
    /// The greatest; any when absent. At least 1, and never below `min`.
    pub max: Option<u32>,
    /// `?`: none or once, and the variables inside are single elements or NULL, no lists.
    pub optional: bool,
    /// Its bytes.
    pub at: At,
}

/// A condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelExpr {
    /// What it says.
    pub kind: LabelKind,
    /// Its bytes.
    pub at: At,
}

/// What a condition on labels says.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelKind {
    /// The element has this label.
    Name(Ident),
    /// `%`: it has a label.
    Any,
    /// `!a`.
    Not(Box<LabelExpr>),
    /// `a & b`; at least two.
    And(Vec<LabelExpr>),
    /// `a | b`; at least two.
    Or(Vec<LabelExpr>),
}

/// One entry of COLUMNS.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputColumn {
    /// `expr [AS name]`. Without a name the expression is `variable.property`.
    Expr {
        /// The value.
        expr: Box<Expr>,
        /// The name behind AS.
        name: Option<Ident>,
        /// Its bytes.
        at: At,
    },
    /// `v.*`: all properties of the element.
    All {
        /// The element's variable.
        variable: Ident,
        /// Its bytes.
        at: At,
    },
}

impl OutputColumn {
    /// The column's name; none for `v.*`.
    #[must_use]
    pub fn name(&self) -> Option<&Ident> {
        match self {
            OutputColumn::Expr { name: Some(name), .. } => Some(name),
            OutputColumn::Expr { expr, .. } => property_name(expr),
            OutputColumn::All { .. } => None,
        }
    }
}

/// The last name of `v.property`, or of `property`.
pub(super) fn property_name(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    }
}
