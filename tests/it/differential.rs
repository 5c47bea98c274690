//! Random queries over random data, answered by AresaDB and by SQLite, in the dialect both share.
//!
//! 5,000 queries (one costs some 20 ms in a dev build), or as many as `ARESADB_DIFFERENTIAL` says; `ARESADB_SEED` begins elsewhere. Between
//! queries indexes come and go and rows change, which must not change an answer. Ternary-logic
//! partitioning asks AresaDB alone: the rows where a condition holds, where it does not and where it is
//! unknown are all rows. A failure tells the seed, what made the tables, the query and both answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use aresadb::bus::Page;
use aresadb::{Database, Error, ErrorKind, Executor, OpenOptions, Session, Value};
use rusqlite::types::ValueRef;

/// Queries of one round, on tables of its own.
const ROUND: usize = 100;
/// Partitions asked for, of four queries each.
const PARTITIONS: usize = 2_000;

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'p, T: ?Sized>(&mut self, of: &[&'p T]) -> &'p T {
        of[self.below(of.len())]
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Float,
    Text,
}

const KINDS: [Kind; 3] = [Kind::Int, Kind::Float, Kind::Text];
const TABLES: [&str; 3] = ["t", "u", "v"];
const COLUMNS: [(&str, Kind); 7] = [
    ("a", Kind::Int),
    ("b", Kind::Int),
    ("f", Kind::Float),
    ("g", Kind::Float),
    ("s", Kind::Text),
    ("k", Kind::Int),
    ("w", Kind::Text),
];
/// What the columns `k` and `w` of a table are: keys of one column or of both, or plain.
const KEYS: [&str; 4] = [
    "k INTEGER PRIMARY KEY, w TEXT UNIQUE",
    "k INTEGER UNIQUE, w TEXT",
    "k INTEGER NOT NULL, w TEXT, UNIQUE (k, w)",
    "k INTEGER, w TEXT",
];

/// Makes queries.
struct Maker {
    random: Random,
    /// The names of the tables in FROM, innermost query last.
    scopes: Vec<Vec<String>>,
    names: usize,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), scopes: Vec::new(), names: 0 }
    }

    fn column(&mut self, kind: Kind) -> String {
        let scope = self.scopes.last().unwrap();
        let table = scope[self.random.below(scope.len())].clone();
        self.column_of(&table, kind)
    }

    fn column_of(&mut self, table: &str, kind: Kind) -> String {
        let fitting: Vec<&str> = COLUMNS.iter().filter(|(_, k)| *k == kind).map(|(name, _)| *name).collect();
        format!("{table}.{}", self.random.pick(&fitting))
    }

    fn literal(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Int => (i64::try_from(self.random.below(9)).unwrap() - 3).to_string(),
            Kind::Float => self.random.pick(&["0.5", "-1.25", "2.0", "3.75", "-0.5"]).to_owned(),
            Kind::Text => self.random.pick(&["'a'", "'b'", "'ab'", "''", "'B'", "'a%'"]).to_owned(),
        }
    }

    fn value(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 || self.random.one_in(2) {
            return if self.random.one_in(4) { self.literal(kind) } else { self.column(kind) };
        }
        match self.random.below(7) {
            0 => {
                let (p, a, b) =
                    (self.condition(depth - 1), self.value(kind, depth - 1), self.value(kind, depth - 1));
                match self.random.below(2) {
                    0 => format!("CASE WHEN {p} THEN {a} ELSE {b} END"),
                    _ => format!("CASE WHEN {p} THEN {a} END"),
                }
            }
            1 => format!("coalesce({}, {})", self.value(kind, depth - 1), self.value(kind, depth - 1)),
            2 => format!("nullif({}, {})", self.value(kind, depth - 1), self.value(kind, depth - 1)),
            3 if kind != Kind::Text => self.scalar_subquery(kind),
            4 if kind == Kind::Int => format!("length({})", self.value(Kind::Text, depth - 1)),
            5 if kind == Kind::Int => format!("abs({})", self.value(kind, depth - 1)),
            _ => {
                let (a, b) = (self.value(kind, depth - 1), self.value(kind, depth - 1));
                match kind {
                    Kind::Int => format!("({a} {} {b})", self.random.pick(&["+", "-", "*"])),
                    Kind::Float => format!("({a} {} {b})", self.random.pick(&["+", "-"])),
                    Kind::Text => format!("({a} || {b})"),
                }
            }
        }
    }

    fn alias(&mut self) -> String {
        self.names += 1;
        format!("q{}", self.names)
    }

    /// A table with a name of its own, and perhaps a condition that relates it to the query around.
    fn inner(&mut self) -> (String, String, String) {
        let (table, alias) = (self.random.pick(&TABLES).to_owned(), self.alias());
        let related = if self.random.one_in(2) {
            let kind = KINDS[self.random.below(2)];
            let outer = self.column(kind);
            let own = self.column_of(&alias, kind);
            format!("{own} = {outer}")
        } else {
            "1 = 1".to_owned()
        };
        (table, alias, related)
    }

    fn scalar_subquery(&mut self, kind: Kind) -> String {
        let (table, alias, related) = self.inner();
        let column = self.column_of(&alias, kind);
        let own = self.own_condition(&alias);
        if kind == Kind::Int && self.random.one_in(2) {
            return format!("(SELECT count({column}) FROM {table} {alias} WHERE {related} AND {own})");
        }
        let aggregate = self.random.pick(&["max", "min", "sum"]);
        format!("(SELECT {aggregate}({column}) FROM {table} {alias} WHERE {related} AND {own})")
    }

    /// A condition over one table alone.
    fn own_condition(&mut self, alias: &str) -> String {
        self.scopes.push(vec![alias.to_owned()]);
        let made = self.simple_condition();
        self.scopes.pop();
        made
    }

    fn simple_condition(&mut self) -> String {
        let kind = KINDS[self.random.below(3)];
        match self.random.below(6) {
            0 => format!("{} IS {}NULL", self.column(kind), self.random.pick(&["", "NOT "])),
            1 => {
                let (x, low, high) = (self.column(kind), self.literal(kind), self.literal(kind));
                format!("{x} {}BETWEEN {low} AND {high}", self.random.pick(&["", "NOT "]))
            }
            2 => {
                let x = self.column(kind);
                let mut list = vec![self.literal(kind), self.literal(kind)];
                if self.random.one_in(4) {
                    list.push("NULL".to_owned());
                }
                format!("{x} {}IN ({})", self.random.pick(&["", "NOT "]), list.join(", "))
            }
            3 => {
                let (x, pattern) =
                    (self.column(Kind::Text), self.random.pick(&["'a%'", "'%b'", "'_'", "'%'", "'%A%'"]));
                format!("{x} {}LIKE {pattern}", self.random.pick(&["", "NOT "]))
            }
            _ => {
                let x = self.column(kind);
                let y = if self.random.one_in(2) { self.literal(kind) } else { self.column(kind) };
                format!("{x} {} {y}", self.random.pick(&["=", "<>", "<", "<=", ">", ">="]))
            }
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.one_in(4) {
            return self.simple_condition();
        }
        match self.random.below(9) {
            0 | 1 => format!("({} AND {})", self.condition(depth - 1), self.condition(depth - 1)),
            2 | 3 => format!("({} OR {})", self.condition(depth - 1), self.condition(depth - 1)),
            4 => format!("NOT ({})", self.condition(depth - 1)),
            5 => {
                let (table, alias, related) = self.inner();
                let own = self.own_condition(&alias);
                let negated = self.random.pick(&["", "NOT "]);
                format!("{negated}EXISTS (SELECT 1 FROM {table} {alias} WHERE {related} AND {own})")
            }
            6 => {
                let kind = KINDS[self.random.below(3)];
                let x = self.value(kind, 1);
                let (table, alias) = (self.random.pick(&TABLES).to_owned(), self.alias());
                let (column, own) = (self.column_of(&alias, kind), self.own_condition(&alias));
                let negated = self.random.pick(&["", "NOT "]);
                format!("{x} {negated}IN (SELECT {column} FROM {table} {alias} WHERE {own})")
            }
            7 => {
                let kind = KINDS[self.random.below(3)];
                let (x, y) = (self.value(kind, depth - 1), self.value(kind, depth - 1));
                format!("{x} IS {}DISTINCT FROM {y}", self.random.pick(&["", "NOT "]))
            }
            _ => {
                let kind = KINDS[self.random.below(3)];
                let (x, y) = (self.value(kind, depth - 1), self.value(kind, depth - 1));
                format!("{x} {} {y}", self.random.pick(&["=", "<>", "<", "<=", ">", ">="]))
            }
        }
    }

    /// FROM with its joins; their names stay on the scopes until the caller takes them away.
    fn from(&mut self) -> String {
        let alias = self.alias();
        let mut text = format!("{} {alias}", self.random.pick(&TABLES));
        self.scopes.push(vec![alias]);
        for _ in 0..self.random.below(3) {
            let alias = self.alias();
            let table = self.random.pick(&TABLES).to_owned();
            let join = self.random.pick(&["JOIN", "LEFT JOIN", "LEFT JOIN"]).to_owned();
            let kind = KINDS[self.random.below(3)];
            let left = self.column(kind);
            let right = self.column_of(&alias, kind);
            self.scopes.last_mut().unwrap().push(alias);
            let more = if self.random.one_in(3) {
                format!(" AND {}", self.simple_condition())
            } else {
                String::new()
            };
            text = format!("{text} {join} {table} {} ON {left} = {right}{more}", {
                self.scopes.last().unwrap().last().unwrap().clone()
            });
        }
        text
    }

    fn select(&mut self, kinds: &[Kind]) -> String {
        let from = self.from();
        let condition =
            if self.random.one_in(4) { String::new() } else { format!(" WHERE {}", self.condition(2)) };
        let made = if self.random.one_in(3) {
            self.grouped(kinds, &from, &condition)
        } else {
            let items: Vec<String> = kinds.iter().map(|kind| self.value(*kind, 2)).collect();
            let distinct = if self.random.one_in(4) { "DISTINCT " } else { "" };
            format!("SELECT {distinct}{} FROM {from}{condition}", named(&items))
        };
        self.scopes.pop();
        made
    }

    /// A SELECT with groups: a key for one kind, aggregates for the rest.
    fn grouped(&mut self, kinds: &[Kind], from: &str, condition: &str) -> String {
        let key_kind = kinds[0];
        let key = self.column(key_kind);
        let items: Vec<String> = kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| match kind {
                _ if at == 0 => key.clone(),
                Kind::Int => match self.random.below(4) {
                    0 => "count(*)".to_owned(),
                    1 => format!("count(DISTINCT {})", self.column(Kind::Text)),
                    2 => format!("sum({})", self.column(Kind::Int)),
                    _ => format!("max({})", self.value(Kind::Int, 1)),
                },
                Kind::Float => match self.random.below(3) {
                    0 => format!("sum({})", self.column(Kind::Float)),
                    1 => format!("avg({})", self.column(Kind::Int)),
                    _ => format!("min({})", self.column(Kind::Float)),
                },
                Kind::Text => {
                    let aggregate = self.random.pick(&["min", "max"]);
                    format!("{aggregate}({})", self.column(Kind::Text))
                }
            })
            .collect();
        let having = if self.random.one_in(3) {
            format!(
                " HAVING {}",
                self.random.pick(&["count(*) > 1", "count(*) < 3", "sum(1) = 2", "min(1) IS NULL"])
            )
        } else {
            String::new()
        };
        format!("SELECT {} FROM {from}{condition} GROUP BY {key}{having}", named(&items))
    }

    fn query(&mut self) -> String {
        let kinds: Vec<Kind> = (0..=self.random.below(3)).map(|_| KINDS[self.random.below(3)]).collect();
        let mut text = self.select(&kinds);
        if self.random.one_in(6) {
            let operator = self.random.pick(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
            text = format!("{text} {operator} {}", self.select(&kinds));
        }
        if self.random.one_in(3) {
            // A total order: rows that are equal in it are equal.
            let orders: Vec<String> = (1..=kinds.len())
                .map(|n| {
                    let order = self.random.pick(&["", " DESC"]);
                    format!("{n}{order}{}", self.random.pick(&[" NULLS FIRST", " NULLS LAST"]))
                })
                .collect();
            text = format!("{text} ORDER BY {}", orders.join(", "));
            if self.random.one_in(2) {
                text = format!("{text} LIMIT {} OFFSET {}", self.random.below(6), self.random.below(3));
            }
        }
        text
    }

    fn rows(&mut self, table: &str) -> Option<String> {
        let rows: Vec<String> = (0..self.random.below(9))
            .map(|number| {
                let cells: Vec<String> = COLUMNS
                    .iter()
                    .map(|(name, kind)| match *name {
                        "k" => number.to_string(),
                        _ if self.random.one_in(4) => "NULL".to_owned(),
                        "w" => ["'a'", "'b'", "'ab'", "''", "'B'"]
                            .get(number)
                            .map_or_else(|| format!("'w{number}'"), |text| (*text).to_owned()),
                        _ => self.literal(*kind),
                    })
                    .collect();
                format!("({})", cells.join(", "))
            })
            .collect();
        (!rows.is_empty()).then(|| format!("INSERT INTO {table} VALUES {}", rows.join(", ")))
    }

    fn change(&mut self) -> String {
        let table = self.random.pick(&TABLES).to_owned();
        let condition = self.own_condition(&table).replace(&format!("{table}."), "");
        match self.random.below(5) {
            0 => format!("DELETE FROM {table} WHERE {condition}"),
            1 => format!("UPDATE {table} SET a = b, b = a + 1 WHERE {condition}"),
            // These fail where a key would be there twice.
            2 => format!("UPDATE {table} SET k = {} WHERE {condition}", self.random.below(6)),
            3 => format!("INSERT INTO {table} VALUES (1, 2, 0.5, -0.5, 'a', {}, 'b')", self.random.below(12)),
            _ => format!(
                "INSERT INTO {table} SELECT a, b, g, f, s, k + (SELECT max(k) FROM {table}) + 1, w || 'x' || k \
                 FROM {table} WHERE {condition} AND a < 3"
            ),
        }
    }
}

fn named(items: &[String]) -> String {
    let items: Vec<String> = items.iter().enumerate().map(|(n, item)| format!("{item} AS c{n}")).collect();
    items.join(", ")
}

type Rows = Vec<Vec<String>>;

/// Both databases, with the same tables.
struct Pair {
    session: Session,
    sqlite: rusqlite::Connection,
    history: Vec<String>,
}

impl Pair {
    fn new(executor: &Executor, maker: &mut Maker) -> Self {
        let options = OpenOptions { executor: Some(executor.clone()), ..OpenOptions::default() };
        let session = Database::in_memory_with(options).unwrap().session().unwrap();
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        sqlite.pragma_update(None, "case_sensitive_like", true).unwrap();
        let mut pair = Self { session, sqlite, history: Vec::new() };
        for table in TABLES {
            let keys = maker.random.pick(&KEYS);
            pair.both(&format!(
                "CREATE TABLE {table} (a INTEGER, b INTEGER, f FLOAT, g FLOAT, s TEXT, {keys})"
            ));
        }
        pair
    }

    fn both(&mut self, sql: &str) {
        self.own(sql);
        self.sqlite.execute(sql, []).unwrap_or_else(|e| panic!("SQLite: {sql}: {e}"));
    }

    /// Runs a statement that may break a key, which it does in both or in neither.
    fn either(&mut self, sql: &str) {
        let theirs = self.sqlite.execute(sql, []);
        let ours = futures::executor::block_on(self.session.execute(sql, &[]));
        match (&ours, &theirs) {
            (Ok(_), Ok(_)) => self.history.push(sql.to_owned()),
            (Err(e), Err(_)) if e.kind() == ErrorKind::Constraint => {}
            (Err(e), _) => panic!("{};\n{sql}\n{e}\nSQLite: {theirs:?}", self.history.join(";\n")),
            (Ok(_), Err(e)) => panic!("{};\n{sql}\nSQLite alone fails: {e}", self.history.join(";\n")),
        }
    }

    fn own(&mut self, sql: &str) {
        self.history.push(sql.to_owned());
        futures::executor::block_on(self.session.execute(sql, &[]))
            .unwrap_or_else(|e| panic!("{}\n{e}", self.history.join(";\n")));
    }

    fn ours(&self, sql: &str) -> Result<Rows, Error> {
        let batches = futures::executor::block_on(self.session.query(sql, &[]))?;
        let mut rows = Vec::new();
        for batch in batches {
            let page = Page::new(0, batch);
            for row in 0..page.rows() {
                rows.push((0..page.columns()).map(|column| cell(&page.value(row, column))).collect());
            }
        }
        Ok(rows)
    }

    fn theirs(&self, sql: &str) -> Rows {
        let mut statement = self.sqlite.prepare(sql).unwrap_or_else(|e| panic!("SQLite: {sql}: {e}"));
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            found.push(
                (0..columns)
                    .map(|column| match row.get_ref(column).unwrap() {
                        ValueRef::Null => "NULL".to_owned(),
                        ValueRef::Integer(i) => (i as f64).to_string(),
                        ValueRef::Real(f) => f.to_string(),
                        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                        ValueRef::Blob(_) => "blob".to_owned(),
                    })
                    .collect(),
            );
        }
        found
    }
}

/// A cell, numbers without regard to their type: a CASE of integers and floats has both in SQLite.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(b) => u8::from(*b).to_string(),
        Value::Integer(i) => (*i as f64).to_string(),
        Value::Float(f) => f.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Decimal(_) => value.to_text().parse::<f64>().unwrap().to_string(),
        other => format!("{other:?}"),
    }
}

fn sorted(mut rows: Rows) -> Rows {
    rows.sort();
    rows
}

fn shown(rows: &Rows) -> String {
    rows.iter().map(|row| format!("  {}\n", row.join(" | "))).collect()
}

/// What a round asks of the pair, with the maker of its queries.
type Ask = fn(&mut Maker, &Pair) -> Result<bool, String>;

/// Asks for one query of both; whether it was answered and not refused.
fn same_answer(maker: &mut Maker, pair: &Pair) -> Result<bool, String> {
    let sql = maker.query();
    let ours = match pair.ours(&sql) {
        Ok(rows) => rows,
        Err(e) if e.kind() == ErrorKind::Unsupported => return Ok(false),
        Err(e) => return Err(format!("{sql}\n{e}")),
    };
    let theirs = pair.theirs(&sql);
    let equal = if sql.contains("ORDER BY") {
        ours == theirs
    } else {
        sorted(ours.clone()) == sorted(theirs.clone())
    };
    if equal {
        return Ok(true);
    }
    Err(format!("{sql}\nAresaDB:\n{}SQLite:\n{}", shown(&sorted(ours)), shown(&sorted(theirs))))
}

/// Asks for the three parts of a table and for the whole.
fn parts_are_the_whole(maker: &mut Maker, pair: &Pair) -> Result<bool, String> {
    let from = maker.from();
    let names = maker.scopes.last().unwrap().clone();
    let condition = maker.condition(3);
    maker.scopes.pop();
    let columns: Vec<String> = names.iter().map(|name| format!("{name}.a, {name}.s")).collect();
    let columns: Vec<&str> = columns.iter().flat_map(|pair| pair.split(", ")).collect();
    let items = named(&columns.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>());
    let ask = |condition: &str| {
        let sql = format!("SELECT {items} FROM {from}{condition}");
        pair.ours(&sql).map_err(|e| (e.kind() == ErrorKind::Unsupported, format!("{sql}\n{e}")))
    };
    let all = ask("").map_err(|(_, text)| text)?;
    let mut parts = Vec::new();
    for part in [
        format!(" WHERE {condition}"),
        format!(" WHERE NOT ({condition})"),
        format!(" WHERE ({condition}) IS NULL"),
    ] {
        match ask(&part) {
            Ok(rows) => parts.extend(rows),
            Err((true, _)) => return Ok(false),
            Err((false, text)) => return Err(text),
        }
    }
    if sorted(all.clone()) == sorted(parts.clone()) {
        return Ok(true);
    }
    Err(format!(
        "SELECT {items} FROM {from} WHERE {condition}\nparts:\n{}whole:\n{}",
        shown(&sorted(parts)),
        shown(&sorted(all))
    ))
}

/// One round: tables, then questions, with indexes that come and go and rows that change. Gives how
/// many were refused.
fn round(seed: u64, executor: &Executor, ask: Ask) -> Result<usize, String> {
    let mut maker = Maker::new(seed);
    let mut pair = Pair::new(executor, &mut maker);
    for table in TABLES {
        if let Some(rows) = maker.rows(table) {
            pair.both(&rows);
        }
    }
    let mut indexes: Vec<String> = Vec::new();
    let mut refused = 0;
    for number in 0..ROUND {
        match maker.random.below(24) {
            0 | 1 => {
                let name = format!("i{number}");
                let (column, _) = COLUMNS[maker.random.below(COLUMNS.len())];
                let (second, _) = COLUMNS[maker.random.below(COLUMNS.len())];
                let columns =
                    if column == second { column.to_owned() } else { format!("{column}, {second}") };
                pair.own(&format!("CREATE INDEX {name} ON {} ({columns})", maker.random.pick(&TABLES)));
                indexes.push(name);
            }
            2 if !indexes.is_empty() => {
                let name = indexes.swap_remove(maker.random.below(indexes.len()));
                pair.own(&format!("DROP INDEX {name}"));
            }
            3 => {
                let change = maker.change();
                pair.either(&change);
            }
            _ => {}
        }
        let told = |text| format!("seed {seed}, question {number}\n{};\n{text}", pair.history.join(";\n"));
        refused += usize::from(!ask(&mut maker, &pair).map_err(told)?);
    }
    Ok(refused)
}

/// Runs rounds on two threads; at most one question in ten may be refused.
fn rounds(questions: usize, ask: Ask) {
    let first: u64 = std::env::var("ARESADB_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let executor = Executor::new().unwrap();
    let count = questions.div_ceil(ROUND);
    let (next, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count || failures.lock().unwrap().len() >= 10 {
                        return;
                    }
                    match round(first + number as u64, &executor, ask) {
                        Ok(n) => drop(refused.fetch_add(n, Ordering::SeqCst)),
                        Err(text) => failures.lock().unwrap().push(text),
                    }
                }
            });
        }
    });
    let (failures, refused) = (failures.into_inner().unwrap(), refused.into_inner());
    assert!(failures.is_empty(), "{} rounds of {count} failed:\n{}", failures.len(), failures.join("\n\n"));
    println!("{refused} of {} refused", count * ROUND);
    assert!(refused * 10 <= count * ROUND, "{refused} of {} questions were refused", count * ROUND);
}

#[test]
fn random_queries_are_answered_as_by_sqlite() {
    let queries = std::env::var("ARESADB_DIFFERENTIAL").ok().and_then(|n| n.parse().ok()).unwrap_or(5_000);
    rounds(queries, same_answer);
}

#[test]
fn the_three_parts_of_a_condition_are_the_whole() {
    let more = std::env::var("ARESADB_DIFFERENTIAL").ok().and_then(|n| n.parse::<usize>().ok());
    rounds(more.map_or(PARTITIONS, |n| n / 4), parts_are_the_whole);
}
