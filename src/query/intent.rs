//! What a statement would do, for programs that ask before something is lost; and its text laid out
//! anew. Read from the syntax tree alone: nothing is looked up.

use sqlparser::ast::{
    self, AlterTableOperation, FromTable, ObjectName, ObjectType, SetExpr, TableFactor, TableWithJoins,
};
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::model::{Error, Result};

use super::dialect::DIALECT;
use super::graph_table::GraphStatement;
use super::rewrite::type_name;
use super::statement::{Statement, parse, split_statements};

/// What a statement would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    /// It changes data or schema.
    pub writes: bool,
    /// What is gone afterwards, beyond rows that a condition picks.
    pub losses: Vec<Loss>,
}

/// Something that is gone afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// `DROP TABLE`, `DELETE FROM`, ...
    pub verb: &'static str,
    /// The name of the table, view or index; a column with its table before it.
    pub name: String,
    /// How much of it.
    pub lost: Lost,
}

/// How much is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// A table with its rows.
    Table,
    /// All rows of a table, or a value in all of them.
    Rows,
    /// An index, a view, a property graph, a column.
    Part,
}

/// The intents of a script's statements, in order. One that cannot be read intends nothing: it will not
/// run either.
#[must_use]
pub fn statement_intents(script: &str) -> Vec<Intent> {
    let Ok(spans) = split_statements(script) else { return Vec::new() };
    let sql = |span: &crate::model::Span| script.get(span.start..span.end).unwrap_or_default();
    spans.iter().map(|span| parse(sql(span)).map(|s| intent(&s)).unwrap_or_default()).collect()
}

fn intent(statement: &Statement) -> Intent {
    match statement {
        Statement::Sql(statement) => intent_of(statement),
        Statement::CreateEdgeTable(_) => Intent { writes: true, losses: Vec::new() },
        Statement::Graph(statement) => Intent { writes: true, losses: graph_losses(statement) },
        Statement::Delete(deletion) => delete(&deletion.delete),
    }
}

fn graph_losses(statement: &GraphStatement) -> Vec<Loss> {
    let GraphStatement::Drop(drop) = statement else { return Vec::new() };
    let loss = |name| Loss { verb: "DROP PROPERTY GRAPH", name: shown(name), lost: Lost::Part };
    drop.names.iter().map(loss).collect()
}

fn intent_of(statement: &ast::Statement) -> Intent {
    let loss = |verb, name, lost| Loss { verb, name, lost };
    let writes = |losses| Intent { writes: true, losses };
    match statement {
        ast::Statement::Query(query) => query_intent(query),
        ast::Statement::Explain { analyze: false, .. } => Intent::default(),
        ast::Statement::Explain { statement, .. } => intent_of(statement),
        ast::Statement::Delete(deletion) => delete(deletion),
        ast::Statement::Update(update) if !is_picked(update.selection.as_ref()) => {
            let name = first_table(std::slice::from_ref(&update.table));
            writes(name.map(|name| loss("UPDATE", name, Lost::Rows)).into_iter().collect())
        }
        ast::Statement::Truncate(truncate) => {
            let names = truncate.table_names.iter().filter_map(|target| type_name(&target.name));
            writes(names.map(|name| loss("TRUNCATE", name, Lost::Rows)).collect())
        }
        ast::Statement::Drop { object_type, names, .. } => {
            let (verb, lost) = match object_type {
                ObjectType::Table => ("DROP TABLE", Lost::Table),
                ObjectType::View => ("DROP VIEW", Lost::Part),
                ObjectType::Index => ("DROP INDEX", Lost::Part),
                _ => ("DROP", Lost::Part),
            };
            writes(names.iter().map(|name| loss(verb, shown(name), lost)).collect())
        }
        ast::Statement::AlterTable(alter) => {
            let table = shown(&alter.name);
            let dropped = alter.operations.iter().flat_map(|operation| match operation {
                AlterTableOperation::DropColumn { column_names, .. } => column_names.as_slice(),
                _ => &[],
            });
            let column = |column: &ast::Ident| format!("{table}.{}", column.value);
            writes(dropped.map(|c| loss("ALTER TABLE DROP COLUMN", column(c), Lost::Part)).collect())
        }
        ast::Statement::ShowVariable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. }
        | ast::Statement::ExplainTable { .. }
        | ast::Statement::StartTransaction { .. }
        | ast::Statement::Commit { .. }
        | ast::Statement::Rollback { .. }
        | ast::Statement::Set(_) => Intent::default(),
        _ => writes(Vec::new()),
    }
}

fn query_intent(query: &ast::Query) -> Intent {
    let tables = query.with.iter().flat_map(|with| &with.cte_tables).map(|table| query_intent(&table.query));
    tables.chain(std::iter::once(body_intent(&query.body))).fold(Intent::default(), |mut all, one| {
        all.writes |= one.writes;
        all.losses.extend(one.losses);
        all
    })
}

fn body_intent(body: &SetExpr) -> Intent {
    match body {
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => intent_of(statement),
        SetExpr::Query(query) => query_intent(query),
        _ => Intent::default(),
    }
}

fn delete(delete: &ast::Delete) -> Intent {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let all = !is_picked(delete.selection.as_ref()) && delete.using.is_none();
    let name = first_table(from).filter(|_| all);
    let losses = name.map(|name| Loss { verb: "DELETE FROM", name, lost: Lost::Rows }).into_iter().collect();
    Intent { writes: true, losses }
}

/// Whether a condition picks rows; one that is always true does not.
fn is_picked(condition: Option<&ast::Expr>) -> bool {
    match condition {
        None => false,
        Some(ast::Expr::Nested(inner)) => is_picked(Some(inner)),
        Some(ast::Expr::Value(value)) => !matches!(value.value, ast::Value::Boolean(true)),
        Some(ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right }) => {
            let constant = |e: &ast::Expr| matches!(e, ast::Expr::Value(_));
            !(constant(left) && constant(right) && left == right)
        }
        Some(_) => true,
    }
}

fn first_table(from: &[TableWithJoins]) -> Option<String> {
    match &from.first()?.relation {
        TableFactor::Table { name, .. } => type_name(name),
        _ => None,
    }
}

fn shown(name: &ObjectName) -> String {
    type_name(name).unwrap_or_else(|| name.to_string())
}

/// A statement laid out on lines of its own: clauses below one another, lists indented.
///
/// # Errors
/// `BadInput` for what cannot be read; `Unsupported` where comments would be lost or the text would
/// mean something else.
pub fn format_statement(sql: &str) -> Result<String> {
    let (body, end) = match sql.trim_end().strip_suffix(';') {
        Some(body) => (body, ";"),
        None => (sql, ""),
    };
    let tokens = Tokenizer::new(&DIALECT, body)
        .tokenize()
        .map_err(|e| Error::bad_input(format!("the statement cannot be read: {e}")))?;
    let comment = |token: &Token| {
        matches!(
            token,
            Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
        )
    };
    if tokens.iter().any(comment) {
        return Err(Error::unsupported("a statement with comments is not laid out: they would be lost"));
    }
    let tree = |sql: &str| -> Result<ast::Statement> {
        match parse(sql)? {
            Statement::Sql(statement) => match *statement {
                statement @ (ast::Statement::Query(_) | ast::Statement::Update(_)) => Ok(statement),
                statement @ (ast::Statement::Insert(_) | ast::Statement::CreateView(_)) => Ok(statement),
                _ => Err(Error::unsupported("only queries, INSERT, UPDATE and DELETE are laid out")),
            },
            Statement::Delete(deletion) if !deletion.restrict => Ok(ast::Statement::Delete(*deletion.delete)),
            _ => Err(Error::unsupported("only queries, INSERT, UPDATE and DELETE are laid out")),
        }
    };
    let statement = tree(body)?;
    let text = format!("{statement:#}");
    if tree(&text)?.to_string() != statement.to_string() {
        return Err(Error::unsupported(
            "the statement is not laid out: its new text would mean another thing",
        ));
    }
    Ok(text + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(sql: &str) -> Vec<(&'static str, String, Lost)> {
        let all = statement_intents(sql).into_iter().flat_map(|intent| intent.losses);
        all.map(|loss| (loss.verb, loss.name, loss.lost)).collect()
    }

    #[test]
    fn what_is_lost_is_read_from_the_tree() {
        assert_eq!(
            losses("DROP TABLE a, \"B c\""),
            [("DROP TABLE", "a".to_owned(), Lost::Table), ("DROP TABLE", "B c".to_owned(), Lost::Table)]
        );
        assert_eq!(losses("delete from Package"), [("DELETE FROM", "package".to_owned(), Lost::Rows)]);
        assert_eq!(losses("DELETE FROM a WHERE true; UPDATE b SET x = 1 WHERE (1 = 1)").len(), 2);
        assert_eq!(losses("TRUNCATE a")[0].2, Lost::Rows);
        assert_eq!(losses("DROP VIEW v; DROP INDEX i").iter().filter(|l| l.2 == Lost::Part).count(), 2);
        assert_eq!(losses("ALTER TABLE a DROP COLUMN b")[0].1, "a.b");
        for harmless in [
            "SELECT 'DROP TABLE a'",
            "DELETE FROM a WHERE id = 3",
            "UPDATE a SET x = 1 WHERE y",
            "SELECT 1 -- delete from a",
            "INSERT INTO a VALUES (1)",
            "DROP TABLE",
            "EXPLAIN DELETE FROM a",
        ] {
            assert_eq!(losses(harmless), [], "{harmless}");
        }
        assert_eq!(losses("EXPLAIN ANALYZE DELETE FROM a").len(), 1);
    }

    #[test]
    fn what_writes_is_told_from_what_reads() {
        let writes = |sql: &str| statement_intents(sql).iter().any(|intent| intent.writes);
        for sql in
            ["SELECT 1", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "EXPLAIN UPDATE a SET b = 1"]
        {
            assert!(!writes(sql), "{sql}");
        }
        for sql in
            ["INSERT INTO a VALUES (1)", "CREATE TABLE a (b int)", "/* SELECT */ DELETE FROM a WHERE b"]
        {
            assert!(writes(sql), "{sql}");
        }
    }

    #[test]
    fn statements_are_laid_out_only_where_nothing_is_lost() {
        let text =
            format_statement("select a, b from t where a > 1 and b in (select 1) order by 2;").unwrap();
        assert!(text.lines().count() > 4 && text.ends_with(';'), "{text}");
        assert_eq!(format_statement(&text).unwrap(), text);
        assert!(format_statement("select 1 -- why").is_err());
        assert!(format_statement("select (").is_err());
        assert!(format_statement("DROP TABLE a").is_err());
    }
}
