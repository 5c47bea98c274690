//! The statements over property graphs as text that is read as the same statement again.

use std::fmt::{self, Display, Formatter};

use sqlparser::ast::Ident;

use super::definition::{
    AlterAction, AlterPropertyGraph, CreatePropertyGraph, DropBehavior, DropPropertyGraph, EdgeTable,
    ElementKind, ElementTable, EndPoint, GraphStatement, LabelDefinition, Properties, Property,
};
use super::show::list;

impl Display for GraphStatement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            GraphStatement::Create(create) => create.fmt(f),
            GraphStatement::Alter(alter) => alter.fmt(f),
            GraphStatement::Drop(drop) => drop.fmt(f),
        }
    }
}

impl Display for CreatePropertyGraph {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let replace = if self.or_replace { "OR REPLACE " } else { "" };
        let exists = if self.if_not_exists { "IF NOT EXISTS " } else { "" };
        write!(f, "CREATE {replace}PROPERTY GRAPH {exists}{}", self.name)?;
        tables(f, &self.vertices, &self.edges)
    }
}

impl Display for DropPropertyGraph {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let exists = if self.if_exists { "IF EXISTS " } else { "" };
        write!(f, "DROP PROPERTY GRAPH {exists}")?;
        list(f, &self.names, ", ")?;
        behavior(f, self.behavior)
    }
}

impl Display for AlterPropertyGraph {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let exists = if self.if_exists { "IF EXISTS " } else { "" };
        write!(f, "ALTER PROPERTY GRAPH {exists}{}", self.name)?;
        match &self.action {
            AlterAction::AddTables { vertices, edges } => {
                f.write_str(" ADD")?;
                tables(f, vertices, edges)
            }
            AlterAction::DropTables { kind, tables, behavior: word } => {
                write!(f, " DROP {kind} TABLES ")?;
                names(f, tables)?;
                behavior(f, *word)
            }
            AlterAction::AddLabels { kind, table, labels } => {
                write!(f, " ALTER {kind} TABLE {table}")?;
                labels.iter().try_for_each(|label| write!(f, " ADD {label}"))
            }
            AlterAction::DropLabel { kind, table, label, behavior: word } => {
                write!(f, " ALTER {kind} TABLE {table} DROP LABEL {label}")?;
                behavior(f, *word)
            }
            AlterAction::AddProperties { kind, table, label, properties } => {
                write!(f, " ALTER {kind} TABLE {table} ALTER LABEL {label} ADD PROPERTIES (")?;
                list(f, properties, ", ")?;
                f.write_str(")")
            }
            AlterAction::DropProperties { kind, table, label, properties, behavior: word } => {
                write!(f, " ALTER {kind} TABLE {table} ALTER LABEL {label} DROP PROPERTIES ")?;
                names(f, properties)?;
                behavior(f, *word)
            }
            AlterAction::Rename(name) => write!(f, " RENAME TO {name}"),
        }
    }
}

fn behavior(f: &mut Formatter<'_>, behavior: Option<DropBehavior>) -> fmt::Result {
    match behavior {
        None => Ok(()),
        Some(DropBehavior::Cascade) => f.write_str(" CASCADE"),
        Some(DropBehavior::Restrict) => f.write_str(" RESTRICT"),
    }
}

fn names(f: &mut Formatter<'_>, names: &[Ident]) -> fmt::Result {
    f.write_str("(")?;
    list(f, names, ", ")?;
    f.write_str(")")
}

fn tables(f: &mut Formatter<'_>, vertices: &[ElementTable], edges: &[EdgeTable]) -> fmt::Result {
    if !vertices.is_empty() {
        f.write_str(" VERTEX TABLES (")?;
        for (number, table) in vertices.iter().enumerate() {
            f.write_str(if number > 0 { ", " } else { "" })?;
            head(f, table)?;
            labels(f, table)?;
        }
        f.write_str(")")?;
    }
    if !edges.is_empty() {
        f.write_str(" EDGE TABLES (")?;
        list(f, edges, ", ")?;
        f.write_str(")")?;
    }
    Ok(())
}

fn head(f: &mut Formatter<'_>, table: &ElementTable) -> fmt::Result {
    table.table.fmt(f)?;
    if let Some(alias) = &table.alias {
        write!(f, " AS {alias}")?;
    }
    if !table.key.is_empty() {
        f.write_str(" KEY ")?;
        names(f, &table.key)?;
    }
    Ok(())
}

fn labels(f: &mut Formatter<'_>, table: &ElementTable) -> fmt::Result {
    match table.labels.as_slice() {
        [only] if only.is_default() => Ok(()),
        labels => labels.iter().try_for_each(|label| write!(f, " {label}")),
    }
}

impl Display for ElementTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(f, self)?;
        labels(f, self)
    }
}

impl Display for EdgeTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(f, &self.element)?;
        if let Some((source, destination)) = &self.ends {
            write!(f, " SOURCE {source} DESTINATION {destination}")?;
        }
        labels(f, &self.element)
    }
}

impl Display for EndPoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            f.write_str("KEY ")?;
            names(f, &self.key)?;
            f.write_str(" REFERENCES ")?;
        }
        self.table.fmt(f)?;
        if !self.references.is_empty() {
            f.write_str(" ")?;
            names(f, &self.references)?;
        }
        Ok(())
    }
}

impl Display for LabelDefinition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "LABEL {label}{}", self.properties),
            None => write!(f, "DEFAULT LABEL{}", self.properties),
        }
    }
}

impl Display for Properties {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Properties::None => f.write_str(" NO PROPERTIES"),
            Properties::All { except } if except.is_empty() => Ok(()),
            Properties::All { except } => {
                f.write_str(" PROPERTIES ALL COLUMNS EXCEPT ")?;
                names(f, except)
            }
            Properties::List(properties) => {
                f.write_str(" PROPERTIES (")?;
                list(f, properties, ", ")?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Property {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        match &self.name {
            Some(name) => write!(f, " AS {name}"),
            None => Ok(()),
        }
    }
}

impl Display for ElementKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementKind::Vertex => "VERTEX",
            ElementKind::Edge => "EDGE",
        })
    }
}
