//! Where the rows of a query come from, when that is one type whose records can be changed through
//! them: decided from the syntax tree.

use std::collections::BTreeMap;

use sqlparser::ast::{self, Expr, GroupByExpr, SelectItem, SetExpr, TableFactor};

use super::statement::{Statement, parse};

/// The one type of a query's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditSource {
    /// Its name.
    pub type_name: String,
    /// The result's columns that are not the property of their name: which one they are, or none.
    pub columns: BTreeMap<String, Option<String>>,
}

impl EditSource {
    /// The property or system column that a result's column shows; `None` for a computed one.
    #[must_use]
    pub fn property<'a>(&'a self, column: &'a str) -> Option<&'a str> {
        match self.columns.get(column) {
            Some(source) => source.as_deref(),
            None => Some(column),
        }
    }
}

/// The type whose records a query's rows are, each row one record.
///
/// # Errors
/// Says why the rows cannot be traced back to records of one type.
pub fn edit_source(sql: &str) -> Result<EditSource, &'static str> {
    let statement = parse(sql).map_err(|_| "the statement is not a query")?;
    let Statement::Sql(statement) = statement else { return Err("the statement is not a query") };
    let ast::Statement::Query(query) = *statement else {
        return Err("the rows come from a statement that writes");
    };
    if query.with.is_some() {
        return Err("the rows come from a WITH query");
    }
    let select = match *query.body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { .. } => return Err("the rows come from a UNION or the like"),
        _ => return Err("the rows are not those of one type"),
    };
    if select.distinct.is_some() {
        return Err("DISTINCT rows stand for several records");
    }
    let grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
    };
    if grouped || select.having.is_some() {
        return Err("grouped rows stand for several records");
    }
    let [from] = select.from.as_slice() else { return Err("the rows come from several types, or from none") };
    if !from.joins.is_empty() {
        return Err("the rows come from a join");
    }
    let TableFactor::Table { name, args: None, .. } = &from.relation else {
        return Err("the rows come from a subquery or a function");
    };
    let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
        return Err("the rows come from another schema");
    };
    Ok(EditSource { type_name: folded(name), columns: columns(&select.projection)? })
}

fn columns(items: &[SelectItem]) -> Result<BTreeMap<String, Option<String>>, &'static str> {
    let mut columns = BTreeMap::new();
    for item in items {
        match item {
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {}
            SelectItem::UnnamedExpr(expr) => match column(expr) {
                Some(_) => {}
                None if is_aggregate(expr) => return Err("the rows are an aggregate"),
                // Its name is the planner's affair: the expression's text, in whatever form.
                None => {
                    columns.insert(expr.to_string(), None);
                }
            },
            SelectItem::ExprWithAlias { expr, alias } => {
                if is_aggregate(expr) {
                    return Err("the rows are an aggregate");
                }
                columns.insert(folded(alias), column(expr));
            }
            SelectItem::ExprWithAliases { .. } => return Err("a column is made of several"),
        }
    }
    Ok(columns)
}

fn column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::Nested(inner) => column(inner),
        _ => None,
    }
}

/// Whether an aggregate function is called at the top: nested ones the planner knows, and a result
/// without a record's id is not changed anyway.
fn is_aggregate(expr: &Expr) -> bool {
    const AGGREGATES: [&str; 8] =
        ["count", "sum", "avg", "min", "max", "array_agg", "string_agg", "bool_and"];
    match expr {
        Expr::Function(call) => {
            call.over.is_none()
                && AGGREGATES.iter().any(|name| call.name.to_string().eq_ignore_ascii_case(name))
        }
        Expr::Nested(inner) => is_aggregate(inner),
        _ => false,
    }
}

fn folded(name: &ast::Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_type_are_traced_to_it() {
        let source = edit_source("SELECT _id, p.Name AS n, upper(name), name || 'x' AS y FROM Package p WHERE a > 1 ORDER BY 1 LIMIT 5").unwrap();
        assert_eq!(source.type_name, "package");
        assert_eq!(source.property("n"), Some("name"));
        assert_eq!(source.property("y"), None);
        assert_eq!(source.property("_id"), Some("_id"));
        assert_eq!(edit_source("SELECT * FROM \"Odd\"").unwrap().type_name, "Odd");
    }

    #[test]
    fn what_stands_for_several_records_says_why() {
        for (sql, why) in [
            ("SELECT * FROM a JOIN b ON a.id = b.id", "join"),
            ("SELECT * FROM a, b", "several types"),
            ("SELECT name, count(*) FROM a GROUP BY 1", "grouped"),
            ("SELECT count(*) FROM a", "aggregate"),
            ("SELECT DISTINCT name FROM a", "DISTINCT"),
            ("SELECT * FROM (SELECT 1)", "subquery"),
            ("SELECT 1 UNION SELECT 2", "UNION"),
            ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH"),
            ("INSERT INTO a (x) VALUES (1) RETURNING *", "writes"),
            ("SELECT * FROM information_schema.tables", "schema"),
        ] {
            let said = edit_source(sql).unwrap_err();
            assert!(said.contains(why), "{sql}: {said}");
        }
    }
}
