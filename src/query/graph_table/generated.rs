//! Trees made at random are written and read as the same; tokens at random never panic.

use proptest::collection::vec;
use proptest::prelude::*;
use sqlparser::ast::{Expr, Ident, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Tokenizer;

use super::ast::*;
use super::cases::{body, tokens};
use super::cut::restore;
use super::definition::*;
use super::*;
use crate::model::Span;
use crate::query::dialect::DIALECT;

const AT: At = At(Span { start: 0, end: 0 });

/// Makes a tree of choices, one byte each; without choices the smallest one.
struct Maker<'a> {
    choices: std::slice::Iter<'a, u8>,
    names: usize,
    cheapest: bool,
    bounded: bool,
}

impl Maker<'_> {
    fn pick(&mut self, of: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % of)
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.pick(3) == 2).then(|| make(self))
    }

    /// A new name: no variable twice, as inside of repeated parts that would be wrong.
    fn name(&mut self) -> Ident {
        self.names += 1;
        match self.pick(5) {
            0 | 1 => Ident::new(format!("v{}", self.names)),
            2 => Ident::new(format!("Größe{}", self.names)),
            3 => Ident::with_quote('"', format!("a \"b\" {}", self.names)),
            _ => Ident::with_quote('"', format!("where{}", self.names)),
        }
    }

    fn expr(&mut self) -> Expr {
        const ALL: [&str; 14] = [
            "true",
            "a.x = 1",
            "a.x < -1 AND b.y > 2 OR NOT c.z",
            "a.x -> 'k' ->> 'l' = $1",
            "x IN (SELECT y FROM t WHERE t.a = b.c)",
            "EXISTS (SELECT 1 FROM t, u)",
            "f(a, g(b)) || 'é'",
            "a.list[1] + a.list[2]",
            "CASE WHEN a.x THEN 1 ELSE 2 END",
            "a.x BETWEEN 1 AND 2",
            "a.name LIKE 'x%' AND a.name ~ '^y'",
            "a.x IS NULL",
            "CAST(a.x AS INTEGER) % 2",
            "(a.x, a.y) = (1, 2)",
        ];
        let text = ALL[usize::from(self.pick(14))];
        Parser::new(&DIALECT).try_with_sql(text).unwrap().parse_expr().unwrap()
    }

    fn label(&mut self, depth: usize) -> LabelExpr {
        let kind = match self.pick(if depth > 3 { 2 } else { 6 }) {
            0 => LabelKind::Name(self.name()),
            1 => LabelKind::Any,
            2 => LabelKind::Not(Box::new(self.label(depth + 1))),
            choice => {
                let parts = (0..2 + self.pick(2)).map(|_| self.label(depth + 1)).collect();
                if choice % 2 == 0 { LabelKind::And(parts) } else { LabelKind::Or(parts) }
            }
        };
        LabelExpr { kind, at: AT }
    }

    fn node(&mut self) -> PathFactor {
        let variable = self.maybe(Self::name);
        let label = self.maybe(|m| m.label(0));
        let filter = self.maybe(Self::expr);
        PathFactor {
            primary: Primary::Node(Box::new(NodePattern { variable, label, filter, at: AT })),
            quantifier: None,
        }
    }

    fn edge(&mut self, cost: bool) -> PathFactor {
        let direction = [Direction::Right, Direction::Left, Direction::Either][usize::from(self.pick(3))];
        let variable = self.maybe(Self::name);
        let label = self.maybe(|m| m.label(0));
        let filter = self.maybe(Self::expr);
        let cost = cost.then(|| self.expr());
        let edge = EdgePattern { direction, variable, label, filter, cost, at: AT };
        PathFactor { primary: Primary::Edge(Box::new(edge)), quantifier: self.quantifier() }
    }

    fn quantifier(&mut self) -> Option<Quantifier> {
        self.maybe(|m| match m.pick(if m.bounded { 4 } else { 2 }) {
            0 => {
                let min = u32::from(m.pick(4));
                Quantifier { min, max: Some((min + u32::from(m.pick(3))).max(1)), optional: false, at: AT }
            }
            1 => Quantifier { min: 0, max: Some(1), optional: true, at: AT },
            _ => Quantifier { min: u32::from(m.pick(3)), max: None, optional: false, at: AT },
        })
    }

    fn group(&mut self, depth: usize) -> PathFactor {
        let variable = self.maybe(Self::name);
        let restrictor = self.maybe(Self::restrictor);
        let factors = self.factors(depth + 1, true);
        let filter = self.maybe(Self::expr);
        let cost = if self.cheapest { self.maybe(Self::expr) } else { None };
        let group = GroupPattern { variable, restrictor, factors, filter, cost, at: AT };
        PathFactor { primary: Primary::Group(Box::new(group)), quantifier: self.quantifier() }
    }

    /// Nodes and edges in turns, here and there a group for a node.
    fn factors(&mut self, depth: usize, mut edge: bool) -> Vec<PathFactor> {
        let mut factors = vec![self.end(depth)];
        let more = self.pick(4);
        for _ in 0..more.max(u8::from(edge)) {
            // A cost for the first edge of a path, so that CHEAPEST has one.
            let cost = self.cheapest && (edge || self.pick(2) == 1);
            edge = false;
            factors.push(self.edge(cost));
            factors.push(self.end(depth));
        }
        factors
    }

    fn end(&mut self, depth: usize) -> PathFactor {
        if depth < 3 && self.pick(4) == 3 { self.group(depth) } else { self.node() }
    }

    fn restrictor(&mut self) -> Restrictor {
        [Restrictor::Walk, Restrictor::Trail, Restrictor::Acyclic, Restrictor::Simple]
            [usize::from(self.pick(4))]
    }

    fn path(&mut self) -> PathPattern {
        let variable = self.maybe(Self::name);
        let by = if self.pick(2) == 0 { Measure::Length } else { Measure::Cost };
        let number = 1 + u64::from(self.pick(3));
        let search = self.maybe(|m| match m.pick(6) {
            0 => Search::All,
            1 => Search::Any(number),
            2 => Search::Best { by, pick: Pick::One },
            3 => Search::Best { by, pick: Pick::Ties },
            4 => Search::Best { by, pick: Pick::Count(number) },
            _ => Search::Best { by, pick: Pick::Groups(number) },
        });
        let restrictor = self.maybe(Self::restrictor);
        self.cheapest = matches!(search, Some(Search::Best { by: Measure::Cost, .. }));
        self.bounded = !matches!(search, None | Some(Search::All));
        let prefix =
            (search.is_some() || restrictor.is_some()).then_some(PathPrefix { search, restrictor, at: AT });
        let factors = self.factors(0, self.cheapest);
        PathPattern { variable, prefix, factors, at: AT }
    }

    fn table(&mut self) -> GraphTable {
        let mode = self.maybe(|m| match m.pick(2) {
            0 => MatchMode::RepeatableElements,
            _ => MatchMode::DifferentEdges,
        });
        let paths: Vec<PathPattern> = (0..1 + self.pick(3)).map(|_| self.path()).collect();
        let filter = self.maybe(Self::expr);
        let mut columns: Vec<OutputColumn> = (0..1 + self.pick(3))
            .map(|_| {
                let property = self.pick(2) == 0;
                let expr = if property {
                    Expr::CompoundIdentifier(vec![self.name(), self.name()])
                } else {
                    self.expr()
                };
                let name = if property { self.maybe(Self::name) } else { Some(self.name()) };
                OutputColumn::Expr { expr: Box::new(expr), name, at: AT }
            })
            .collect();
        if let Primary::Node(node) = &paths[0].factors[0].primary
            && let Some(variable) = &node.variable
        {
            columns.push(OutputColumn::All { variable: variable.clone(), at: AT });
        }
        let graph = ObjectName::from((0..1 + self.pick(2)).map(|_| self.name()).collect::<Vec<_>>());
        GraphTable { graph, mode, paths, filter, columns, at: AT }
    }

    fn names(&mut self) -> Vec<Ident> {
        (0..1 + self.pick(2)).map(|_| self.name()).collect()
    }

    fn element_table(&mut self) -> ElementTable {
        let table = ObjectName::from(self.names());
        let alias = self.maybe(Self::name);
        let key = self.maybe(Self::names).unwrap_or_default();
        let labels = (0..1 + self.pick(2))
            .map(|_| {
                let label = self.maybe(Self::name);
                let properties = match self.pick(4) {
                    0 => Properties::All { except: Vec::new() },
                    1 => Properties::None,
                    2 => Properties::All { except: self.names() },
                    _ => Properties::List(vec![
                        Property { expr: Box::new(self.expr()), name: Some(self.name()), at: AT },
                        Property { expr: Box::new(Expr::Identifier(self.name())), name: None, at: AT },
                    ]),
                };
                LabelDefinition { label, properties, at: AT }
            })
            .collect();
        ElementTable { table, alias, key, labels, at: AT }
    }

    fn end_point(&mut self) -> EndPoint {
        let key = self.maybe(Self::names).unwrap_or_default();
        let table = self.name();
        let references = match self.pick(2) {
            0 => Vec::new(),
            _ => key.iter().map(|_| self.name()).collect(),
        };
        EndPoint { key, table, references, at: AT }
    }

    fn create(&mut self) -> GraphStatement {
        let or_replace = self.pick(3) == 1;
        let if_not_exists = !or_replace && self.pick(2) == 1;
        let name = ObjectName::from(self.names());
        let vertices = (0..self.pick(3)).map(|_| self.element_table()).collect();
        let edges = (0..self.pick(3))
            .map(|_| {
                let element = self.element_table();
                let ends = self.maybe(|m| (m.end_point(), m.end_point()));
                EdgeTable { element, ends }
            })
            .collect();
        GraphStatement::Create(CreatePropertyGraph { or_replace, if_not_exists, name, vertices, edges })
    }
}

fn maker(choices: &[u8]) -> Maker<'_> {
    Maker { choices: choices.iter(), names: 0, cheapest: false, bounded: false }
}

/// Reads a text as everything it might be; what is read is written and read again.
fn read_all(sql: &str) {
    let Ok(tokens) = Tokenizer::new(&DIALECT, sql).tokenize_with_location() else { return };
    if let Ok(Some(statement)) = graph_statement(sql, &tokens) {
        let shown = statement.to_string();
        let again = graph_statement(&shown, &self::tokens(&shown)).unwrap().unwrap();
        assert_eq!(again, statement, "{shown}");
    }
    let Ok(found) = cut(sql, tokens.clone()) else { return };
    for table in &found.tables {
        let at = table.at.0;
        assert!(sql.get(at.start..at.end).is_some_and(|text| text.ends_with(')')));
    }
    // The tokenizer's tokens do not write all texts in quotes as they were.
    if tokens.iter().map(|token| token.token.to_string()).collect::<String>() != sql {
        return;
    }
    let written = super::cut_cases::text_of(&found);
    let restored = restore(&written, &found.tables);
    // The SQL parser does not read all of its own queries as they were: `SELECT 1. FROM`.
    let Ok(again) = Tokenizer::new(&DIALECT, &restored).tokenize_with_location() else { return };
    match cut(&restored, again) {
        _ if restored.matches("SELECT").count() > 1 => {}
        Ok(again) => assert_eq!(again.tables, found.tables, "{restored}"),
        Err(error) => panic!("{restored}: {error}"),
    }
}

const SIGNS: &[&str] = &[
    "(",
    ")",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "-",
    "->",
    "<-",
    "<",
    ">",
    "~",
    "|",
    "&",
    "!",
    "%",
    "*",
    "+",
    "?",
    ",",
    ".",
    ":",
    "=",
    "1",
    "2.5",
    "'s'",
    "$1",
    "a",
    "b",
    "\"c\"",
    "e",
    "p",
    "IS",
    "WHERE",
    "COST",
    "MATCH",
    "COLUMNS",
    "ANY",
    "ALL",
    "SHORTEST",
    "CHEAPEST",
    "TRAIL",
    "PATH",
    "GROUP",
    "AS",
    "ONE",
    "ROW",
    "PER",
    "KEEP",
    "--",
    "\n",
    "/* c */",
    "GRAPH_TABLE",
    "SELECT",
    "FROM",
    "JOIN",
    "LATERAL",
    "(a)",
    "(b IS x)",
    "-[e]->",
    "<-[f]-",
    "COLUMNS (a.x)",
    "GRAPH_TABLE (g MATCH",
    "aresadb_graph_table(0)",
    "@",
    "#",
    "é",
    ";",
    "::",
    "\\",
];

const WORDS: &[&str] = &[
    "CREATE",
    "OR",
    "REPLACE",
    "PROPERTY",
    "GRAPH",
    "IF",
    "NOT",
    "EXISTS",
    "VERTEX",
    "EDGE",
    "TABLES",
    "TABLE",
    "(",
    ")",
    ",",
    "KEY",
    "SOURCE",
    "DESTINATION",
    "REFERENCES",
    "LABEL",
    "DEFAULT",
    "NO",
    "PROPERTIES",
    "ALL",
    "COLUMNS",
    "EXCEPT",
    "AS",
    "ALTER",
    "DROP",
    "ADD",
    "RENAME",
    "TO",
    "CASCADE",
    "a",
    "b",
    "\"c\"",
    ".",
    "1",
    "+",
    ";",
    "(a)",
];

proptest! {
    #[test]
    fn tables_are_read_as_they_are_written(choices in vec(any::<u8>(), 0..300)) {
        let table = maker(&choices).table();
        let shown = table.to_string();
        let inner = shown.strip_prefix("GRAPH_TABLE (").and_then(|text| text.strip_suffix(")")).unwrap();
        let again = body(inner);
        prop_assert!(again.is_ok(), "{}\n{:?}", shown, again);
        prop_assert_eq!(again.unwrap(), table, "{}", shown);
    }

    #[test]
    fn definitions_are_read_as_they_are_written(choices in vec(any::<u8>(), 0..200)) {
        let statement = maker(&choices).create();
        let shown = statement.to_string();
        let again = graph_statement(&shown, &tokens(&shown));
        prop_assert!(again.is_ok(), "{}\n{:?}", shown, again);
        prop_assert_eq!(again.unwrap(), Some(statement), "{}", shown);
    }

    #[test]
    fn signs_at_random_do_not_panic(
        signs in vec((0..SIGNS.len(), any::<bool>()), 0..60),
        head in 0..4usize,
    ) {
        let heads = ["", "SELECT * FROM ", "SELECT * FROM GRAPH_TABLE (g MATCH ", "SELECT * FROM GRAPH_TABLE (g MATCH (a)"];
        let mut sql = heads[head].to_owned();
        for (sign, space) in signs {
            sql.push_str(SIGNS[sign]);
            sql.push_str(if space { " " } else { "" });
        }
        read_all(&sql);
        sql.push_str(" COLUMNS (1 AS one))");
        read_all(&sql);
    }

    #[test]
    fn words_at_random_do_not_panic(words in vec(0..WORDS.len(), 0..30), head in 0..4usize) {
        let heads = ["", "CREATE PROPERTY GRAPH g ", "ALTER PROPERTY GRAPH g ", "CREATE PROPERTY GRAPH g VERTEX TABLES (v "];
        let words: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
        read_all(&format!("{}{}", heads[head], words.join(" ")));
    }

    #[test]
    fn a_changed_text_does_not_panic(at in any::<prop::sample::Index>(), sign in 0..SIGNS.len(), cut in 0..8usize) {
        let sql = "WITH c AS (SELECT * FROM GRAPH_TABLE (g MATCH p = ANY SHORTEST (a IS x|!y WHERE a.x = 'é')-[e]->{1,3}\
                   ((b)<-[f]-(c) WHERE b.x){2}(d) WHERE EXISTS (SELECT 1 FROM t, GRAPH_TABLE (h MATCH (q) COLUMNS \
                   (q.*)) r) COLUMNS (a.x AS z, a.*)) t (m)) SELECT 1 FROM c, GRAPH_TABLE (g MATCH (a) COLUMNS (a.x))";
        let starts: Vec<usize> = sql.char_indices().map(|(at, _)| at).collect();
        let from = *at.get(&starts);
        let mut to = (from + cut).min(sql.len());
        while !sql.is_char_boundary(to) {
            to += 1;
        }
        read_all(&format!("{}{}{}", &sql[..from], SIGNS[sign], &sql[to..]));
        read_all(&sql[..from]);
    }
}
