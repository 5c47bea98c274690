//! The statements over property graphs: what was written.

use sqlparser::ast::{Expr, Ident, ObjectName};

use super::ast::At;

/// A statement over property graphs.
#[derive(Debug, Clone, PartialEq)]
pub enum GraphStatement {
    /// `CREATE PROPERTY GRAPH`.
    Create(CreatePropertyGraph),
    /// `ALTER PROPERTY GRAPH`.
    Alter(AlterPropertyGraph),
    /// `DROP PROPERTY GRAPH`.
    Drop(DropPropertyGraph),
}

/// `CREATE [OR REPLACE] PROPERTY GRAPH [IF NOT EXISTS] name [VERTEX TABLES (...)] [EDGE TABLES (...)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatePropertyGraph {
    /// An existing one is replaced. Never together with the next.
    pub or_replace: bool,
    /// No error when it exists.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// The tables of its nodes.
    pub vertices: Vec<ElementTable>,
    /// The tables of its edges.
    pub edges: Vec<EdgeTable>,
}

/// `DROP PROPERTY GRAPH [IF EXISTS] name, ... [CASCADE | RESTRICT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct DropPropertyGraph {
    /// No error when one does not exist.
    pub if_exists: bool,
    /// The graphs; at least one.
    pub names: Vec<ObjectName>,
    /// What happens to what depends on them.
    pub behavior: Option<DropBehavior>,
}

/// `ALTER PROPERTY GRAPH [IF EXISTS] name ...`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPropertyGraph {
    /// No error when it does not exist.
    pub if_exists: bool,
    /// The graph.
    pub name: ObjectName,
    /// The change.
    pub action: AlterAction,
}

/// What is changed in a graph.
#[derive(Debug, Clone, PartialEq)]
pub enum AlterAction {
    /// `ADD VERTEX TABLES (...) EDGE TABLES (...)`; one of the lists is not empty.
    AddTables {
        /// Tables of nodes.
        vertices: Vec<ElementTable>,
        /// Tables of edges.
        edges: Vec<EdgeTable>,
    },
    /// `DROP VERTEX TABLES (a, b)`.
    DropTables {
        /// Of nodes or of edges.
        kind: ElementKind,
        /// Their aliases.
        tables: Vec<Ident>,
        /// What happens to what depends on them.
        behavior: Option<DropBehavior>,
    },
    /// `ALTER VERTEX TABLE a ADD LABEL l PROPERTIES (...) ...`.
    AddLabels {
        /// Of nodes or of edges.
        kind: ElementKind,
        /// The table's alias.
        table: Ident,
        /// The labels; at least one, each with a name.
        labels: Vec<LabelDefinition>,
    },
    /// `ALTER VERTEX TABLE a DROP LABEL l`.
    DropLabel {
        /// Of nodes or of edges.
        kind: ElementKind,
        /// The table's alias.
        table: Ident,
        /// The label.
        label: Ident,
        /// What happens to what depends on it.
        behavior: Option<DropBehavior>,
    },
    /// `ALTER VERTEX TABLE a ALTER LABEL l ADD PROPERTIES (...)`.
    AddProperties {
        /// Of nodes or of edges.
        kind: ElementKind,
        /// The table's alias.
        table: Ident,
        /// The label.
        label: Ident,
        /// The properties.
        properties: Vec<Property>,
    },
    /// `ALTER VERTEX TABLE a ALTER LABEL l DROP PROPERTIES (...)`.
    DropProperties {
        /// Of nodes or of edges.
        kind: ElementKind,
        /// The table's alias.
        table: Ident,
        /// The label.
        label: Ident,
        /// The properties' names.
        properties: Vec<Ident>,
        /// What happens to what depends on them.
        behavior: Option<DropBehavior>,
    },
    /// `RENAME TO name`.
    Rename(Ident),
}

/// What happens to what depends on a thing that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropBehavior {
    /// It is dropped too.
    Cascade,
    /// It forbids dropping. Also the meaning where no word is written.
    Restrict,
}

/// Of nodes or of edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementKind {
    /// `VERTEX`, `NODE`.
    Vertex,
    /// `EDGE`, `RELATIONSHIP`.
    Edge,
}

/// `table [AS alias] [KEY (...)] [labels and properties]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementTable {
    /// The table.
    pub table: ObjectName,
    /// Its name in the graph; the table's when absent.
    pub alias: Option<Ident>,
    /// What identifies a row; empty for the primary key.
    pub key: Vec<Ident>,
    /// The labels with their properties; at least one. `DEFAULT LABEL` with all columns where none is
    /// written.
    pub labels: Vec<LabelDefinition>,
    /// Its bytes.
    pub at: At,
}

impl ElementTable {
    /// Its name in the graph.
    #[must_use]
    pub fn name(&self) -> Option<&Ident> {
        self.alias.as_ref().or_else(|| self.table.0.last().and_then(|part| part.as_ident()))
    }
}

/// An [`ElementTable`] of edges: `table ... SOURCE ... DESTINATION ... [labels and properties]`.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeTable {
    /// The table.
    pub element: ElementTable,
    /// Where its edges start and end. What the edge type says of itself where it is not written.
    pub ends: Option<(EndPoint, EndPoint)>,
}

/// `[KEY (...) REFERENCES] vertex_table [(...)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct EndPoint {
    /// The edge table's columns; empty where the edges know their ends.
    pub key: Vec<Ident>,
    /// The node table's name in the graph.
    pub table: Ident,
    /// The columns the key refers to; empty for the node table's key, otherwise as many as there.
    pub references: Vec<Ident>,
    /// Its bytes.
    pub at: At,
}

/// A label and its properties.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelDefinition {
    /// The label; absent for `DEFAULT LABEL`, the element table's name in the graph.
    pub label: Option<Ident>,
    /// The properties.
    pub properties: Properties,
    /// Its bytes.
    pub at: At,
}

impl LabelDefinition {
    /// Whether it says what holds where nothing is written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.label.is_none() && matches!(&self.properties, Properties::All { except } if except.is_empty())
    }
}

/// The properties of a label.
#[derive(Debug, Clone, PartialEq)]
pub enum Properties {
    /// `NO PROPERTIES`.
    None,
    /// `PROPERTIES ALL COLUMNS [EXCEPT (...)]`; also where nothing is written.
    All {
        /// The columns that are left out.
        except: Vec<Ident>,
    },
    /// `PROPERTIES (a, b AS c, ...)`; at least one.
    List(Vec<Property>),
}

/// `expr [AS name]`. Without a name the expression is a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The value.
    pub expr: Box<Expr>,
    /// The name behind AS.
    pub name: Option<Ident>,
    /// Its bytes.
    pub at: At,
}

impl Property {
    /// The property's name.
    #[must_use]
    pub fn name(&self) -> Option<&Ident> {
        match (&self.name, self.expr.as_ref()) {
            (Some(name), _) | (None, Expr::Identifier(name)) => Some(name),
            _ => None,
        }
    }
}
