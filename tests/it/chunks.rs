//! Column chunks give what the records hold: under commits, flushes, uncommitted writes, views of the past and a
//! cache that is too small, every answer is that of a model. So it is where columns come from the disk, whatever became
//! of their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aresadb::columnar::value_at;
use aresadb::{CancelToken, Database, OpenOptions, Session, Value};

/// Numbers that look random, the same for a seed (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n.max(1)
    }
}

/// What a row holds beside its key.
type Row = (Option<i64>, String);
type Model = BTreeMap<i64, Row>;

fn rows(session: &Session, sql: &str) -> Vec<Vec<Value>> {
    let batches = session.database().executor().block_on(session.query(sql, &[]));
    let batches = batches.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let row = |batch: &arrow::array::RecordBatch, row| {
        let schema = batch.schema();
        let cells = batch.columns().iter().zip(schema.fields().iter());
        cells.map(|(array, field)| value_at(array, field, row)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

fn execute(session: &Session, sql: &str) {
    session
        .database()
        .executor()
        .block_on(session.execute(sql, &[]))
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Text of one of three sizes: within a view, beyond it, and some that fill chunks.
fn text(random: &mut Random, large: bool) -> String {
    let word = ["ash", "birch", "cedar", "a tree with a longer name", ""][random.below(5) as usize];
    if large && random.below(4) == 0 { word.repeat(400) } else { word.to_owned() }
}

/// A statement that writes, done to the model too.
fn write(session: &Session, model: &mut Model, random: &mut Random, large: bool) {
    let next = model.last_key_value().map_or(0, |(k, _)| k + 1) + random.below(3) as i64;
    let low = random.below(next.max(1) as u64) as i64;
    let high = low + random.below(900) as i64;
    match random.below(5) {
        0 | 1 => {
            let count = 1 + random.below(if large { 60 } else { 4_000 }) as i64;
            let s = text(random, large);
            execute(
                session,
                &format!(
                    "INSERT INTO t SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE i * 3 END, '{s}' FROM generate_series({next}, {}) AS g(i)",
                    next + count - 1
                ),
            );
            model.extend((next..next + count).map(|i| (i, ((i % 7 != 0).then_some(i * 3), s.clone()))));
        }
        2 => {
            let s = text(random, large);
            execute(session, &format!("UPDATE t SET v = v + 1, s = '{s}' WHERE k BETWEEN {low} AND {high}"));
            for (_, row) in model.range_mut(low..=high) {
                *row = (row.0.map(|v| v + 1), s.clone());
            }
        }
        3 => {
            execute(session, &format!("DELETE FROM t WHERE k BETWEEN {low} AND {high} AND k % 3 <> 1"));
            model.retain(|k, _| !(low..=high).contains(k) || k % 3 == 1);
        }
        _ => {
            execute(session, &format!("UPDATE t SET v = NULL WHERE k = {low}"));
            if let Some(row) = model.get_mut(&low) {
                row.0 = None;
            }
        }
    }
}

fn cells(model: &Model) -> impl Iterator<Item = Vec<Value>> {
    let or_null = |v: &Option<i64>| v.map_or(Value::Null, Value::Integer);
    model.iter().map(move |(k, (v, s))| vec![Value::Integer(*k), or_null(v), Value::from(s.as_str())])
}

fn agrees(session: &Session, model: &Model, random: &mut Random, told: &str) {
    let all: Vec<Vec<Value>> = cells(model).collect();
    let mut found = rows(session, "SELECT k, v, s FROM t");
    if found != all {
        found.sort_by_key(|row| row[0].to_text().parse::<i64>().unwrap());
        let wrong = found.iter().zip(&all).find(|(a, b)| a != b);
        panic!("{told}: {} rows against {}, {wrong:?}", found.len(), all.len());
    }
    let bound = random.below(60_000) as i64;
    let above: Vec<i64> = model.values().filter_map(|(v, _)| *v).filter(|v| *v > bound).collect();
    let sum = if above.is_empty() { Value::Null } else { Value::Integer(above.iter().sum()) };
    let sql = format!("SELECT count(*), sum(v) FROM t WHERE v > {bound}");
    assert_eq!(rows(session, &sql), [[Value::Integer(above.len() as i64), sum]], "{told}: {sql}");
    let (low, high) = (bound / 3, bound / 3 + 50);
    let cedars =
        model.range(low..high).filter(|(_, (_, s))| s == "cedar").map(|(k, _)| vec![Value::Integer(*k)]);
    // Two columns, so that no index over the key answers alone.
    let sql = format!("SELECT k FROM t WHERE k + 0 >= {low} AND k + 0 < {high} AND s = 'cedar' ORDER BY k");
    assert_eq!(rows(session, &sql), cedars.collect::<Vec<_>>(), "{told}: {sql}");
    let nulls = model.values().filter(|(v, _)| v.is_none()).count() as i64;
    assert_eq!(rows(session, "SELECT count(*) FROM t WHERE v IS NULL"), [[Value::Integer(nulls)]], "{told}");
    // Often enough for filters of the columns, with a value that is there, one that may be, and one that is not.
    for value in [above.first().copied().unwrap_or(7), bound, -9] {
        let equal = model.values().filter(|(v, _)| *v == Some(value)).count() as i64;
        let sql = format!("SELECT count(*) FROM t WHERE v = {value}");
        for _ in 0..3 {
            assert_eq!(rows(session, &sql), [[Value::Integer(equal)]], "{told}: {sql}");
        }
    }
    let first = all.iter().take(7).cloned().collect::<Vec<_>>();
    assert_eq!(rows(session, "SELECT * FROM t LIMIT 7"), first, "{told}");
}

/// A figure of `aresadb.cache`.
fn figure(session: &Session, name: &str, column: &str) -> i64 {
    let found = rows(session, &format!("SELECT {column} FROM aresadb.cache WHERE name = '{name}'"));
    found[0][0].to_text().parse().unwrap()
}

/// Columns read from the disk since the opening.
fn spill_reads(session: &Session) -> i64 {
    figure(session, "spill", "hits")
}

fn mixed(seed: u64, cache_mb: &str, large: bool) {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        Database::open(folder.path().join("db"), options).unwrap()
    };
    open().set_config("cache.max_size_mb", cache_mb).unwrap();
    let mut db = open();
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::new();
    let mut session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT PRIMARY KEY, v INT, s TEXT)");
    let mut readers: Vec<(Session, Model)> = Vec::new();
    let mut read_from_disk = 0;
    for step in 0..40 {
        let told = format!("seed {seed}, step {step}");
        match random.below(12) {
            0..=4 => write(&session, &mut model, &mut random, large),
            5 => drop(db.store().checkpoint().unwrap()),
            6 => {
                let reader = db.session().unwrap();
                execute(&reader, "BEGIN");
                // The view is taken with the first look.
                rows(&reader, "SELECT 1 FROM t LIMIT 1");
                readers.push((reader, model.clone()));
            }
            7 => {
                if let Some((reader, own)) = readers.last_mut() {
                    write(reader, own, &mut random, large);
                }
            }
            8 if !readers.is_empty() => {
                let at = random.below(readers.len() as u64) as usize;
                let (reader, own) = readers.swap_remove(at);
                agrees(&reader, &own, &mut random, &format!("{told}, a view of the past"));
                execute(&reader, "ROLLBACK");
            }
            at @ 9.. => {
                readers.clear();
                if at > 9 {
                    // Nothing is left for the closing: what was read goes to the disk as it stays.
                    db.store().checkpoint().unwrap();
                    agrees(&session, &model, &mut random, &told);
                }
                read_from_disk += spill_reads(&session);
                drop((session, db));
                db = open();
                session = db.session().unwrap();
            }
            _ => {}
        }
        agrees(&session, &model, &mut random, &told);
        if let Some((reader, own)) = readers.first() {
            agrees(reader, own, &mut random, &format!("{told}, the oldest view"));
        }
    }
    // Large rows are few, and few are not worth it.
    assert!(large || read_from_disk > 0, "seed {seed}: nothing was read from the disk");
}

#[test]
fn chunks_give_what_the_records_hold() {
    for seed in 1..=2 {
        mixed(seed, "256", false);
    }
}

#[test]
fn a_cache_that_is_too_small_changes_no_answer() {
    mixed(5, "1", false);
    mixed(6, "1", true);
}

#[test]
fn texts_that_are_too_large_for_a_chunk_are_read_in_order() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE big (k INT, s TEXT)");
    execute(
        &session,
        "INSERT INTO big SELECT i, repeat(chr(97 + i % 26), 1000000) FROM generate_series(0, 79) AS g(i)",
    );
    db.store().checkpoint().unwrap();
    for _ in 0..2 {
        let sizes = rows(&session, "SELECT k, length(s), left(s, 1) FROM big");
        let letter = |k: i64| char::from(b'a' + (k % 26) as u8).to_string();
        let expected =
            (0..80).map(|k| vec![Value::Integer(k), Value::Integer(1_000_000), Value::from(letter(k))]);
        assert_eq!(sizes, expected.collect::<Vec<_>>());
        assert_eq!(rows(&session, "SELECT sum(k) FROM big"), [[Value::Integer(3160)]]);
        assert_eq!(rows(&session, "SELECT k FROM big WHERE s LIKE 'ccc%'").len(), 3);
        execute(&session, "UPDATE big SET s = s WHERE k % 9 = 0");
    }
}

#[test]
fn rows_that_are_gone_cost_no_chunks() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT)");
    for round in 0..5 {
        execute(&session, "INSERT INTO t SELECT i FROM generate_series(1, 30000) AS g(i)");
        db.store().checkpoint().unwrap();
        if round < 4 {
            execute(&session, "DELETE FROM t");
            db.store().checkpoint().unwrap();
        }
    }
    assert_eq!(
        rows(&session, "SELECT count(*), sum(k) FROM t WHERE k > 0"),
        [[Value::Integer(30_000), Value::Integer(450_015_000)]]
    );
}

#[test]
fn a_column_of_another_type_is_read_before_and_after_it_is_flushed() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT, a INT, b DATE, c INT)");
    execute(
        &session,
        "INSERT INTO t SELECT i, i, DATE '2026-01-01' + i::int, i FROM generate_series(1, 3000) AS g(i)",
    );
    db.store().checkpoint().unwrap();
    let looks = |text: &str| {
        let sql = "SELECT count(*), max(a), max(b) FROM t WHERE a <> '' AND k < 10";
        let found = rows(&session, sql)[0].iter().map(Value::to_text).collect::<Vec<_>>();
        assert_eq!(found.join("|"), text);
    };
    execute(&session, "ALTER TABLE t ALTER COLUMN b TYPE TIMESTAMP");
    execute(&session, "BEGIN");
    execute(&session, "ALTER TABLE t ALTER COLUMN a TYPE TEXT");
    looks("9|9|2026-01-10T00:00:00Z");
    execute(&session, "COMMIT");
    looks("9|9|2026-01-10T00:00:00Z");
    execute(&session, "ALTER TABLE t DROP COLUMN c");
    execute(&session, "ALTER TABLE t ADD COLUMN c TEXT");
    for _ in 0..2 {
        looks("9|9|2026-01-10T00:00:00Z");
        assert_eq!(
            rows(&session, "SELECT count(*), count(c) FROM t WHERE k > 0")[0],
            [3000, 0].map(Value::Integer)
        );
        db.store().checkpoint().unwrap();
    }
}

#[test]
fn conditions_whose_casts_keep_no_order_skip_no_chunk() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (at TIMESTAMP, n INT, f FLOAT, s TEXT)");
    execute(
        &session,
        "INSERT INTO t VALUES ('2026-01-01 08:00', -5, -2.5, '10'), ('2026-01-02 05:00', 0, 0, '9'), \
         ('2026-01-03 09:00', 5, 2.5, '08')",
    );
    db.store().checkpoint().unwrap();
    for condition in [
        "at::time < '06:00'",
        "at::time = '05:00'",
        "n::boolean IS FALSE",
        "n::boolean IS NOT TRUE",
        "NOT n::boolean",
        "s::int = 9",
        "n::text = '0'",
        "f::int = 0",
        "at::date = '2026-01-02'",
        "at::text LIKE '%05:00%'",
        "n::float BETWEEN -0.5 AND 0.5",
    ] {
        // The first look makes the columns, the second one knows their bounds.
        for look in 1..=2 {
            let sql = format!("SELECT count(*) FROM t WHERE {condition}");
            assert_eq!(rows(&session, &sql), [[Value::Integer(1)]], "look {look}: {condition}");
        }
    }
}

#[test]
fn a_limit_reads_large_values_a_few_at_a_time() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE files (k INT, data BYTEA)");
    execute(
        &session,
        "INSERT INTO files SELECT i, repeat('x', 3000000)::bytea FROM generate_series(1, 30) AS g(i)",
    );
    db.store().checkpoint().unwrap();
    let batches = db.executor().block_on(session.query("SELECT k, data FROM files LIMIT 25", &[])).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 25);
    let largest = batches.iter().map(|batch| batch.get_array_memory_size()).max().unwrap();
    assert!(largest < 64 << 20, "a batch takes {largest} bytes");
    let sizes = rows(&session, "SELECT k, length(data) FROM files WHERE k % 10 = 0");
    assert_eq!(sizes, [10, 20, 30].map(|k| vec![Value::Integer(k), Value::Integer(3_000_000)]));
}

#[test]
fn who_looks_for_few_values_again_is_spared_most_columns() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE f (k INT, s TEXT, d DATE, u UUID)");
    execute(
        &session,
        "INSERT INTO f SELECT i * 7919 % 100003, 'text ' || i * 31 % 9973, DATE '1900-01-01' + CAST(i * 13 % 30000 AS INT), \
         CAST(lpad(to_hex(i * 17 % 50021), 32, '0') AS UUID) FROM generate_series(0, 99999) AS g(i)",
    );
    db.store().checkpoint().unwrap();
    let asks = [
        ("k = 4242", 1, true),
        // Both out of the bounds of all chunks.
        ("k IN (-1, -2)", 0, false),
        ("s = 'text 77'", 10, true),
        ("s = 'text 5x'", 0, true),
        ("d = DATE '1901-01-01'", 3, false),
        ("u = '00000000-0000-0000-0000-00000000a001'", 2, true),
    ];
    for (condition, count, spares) in asks {
        let sql = format!("SELECT count(*) FROM f WHERE {condition}");
        let before = figure(&session, "chunk filters", "hits");
        let mut found = Vec::new();
        for _ in 0..4 {
            found.push(rows(&session, &sql)[0][0].clone());
        }
        assert_eq!(found, vec![Value::Integer(count); 4], "{sql}");
        // Twice without filters, and then most of 13 chunks are left out.
        let spared = figure(&session, "chunk filters", "hits") - before;
        assert!(!spares || spared >= 4, "{sql}: {spared}");
    }
    // What is written since is found, flushed or not.
    execute(&session, "UPDATE f SET k = -3 WHERE k = 4242");
    for _ in 0..3 {
        assert_eq!(rows(&session, "SELECT count(*) FROM f WHERE k = -3"), [[Value::Integer(1)]]);
        assert_eq!(rows(&session, "SELECT count(*) FROM f WHERE k = 4242"), [[Value::Integer(0)]]);
        db.store().checkpoint().unwrap();
    }
}

#[test]
fn the_planner_knows_the_values_of_columns_that_were_read() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE p (k INT, g TEXT, n INT)");
    execute(
        &session,
        "INSERT INTO p SELECT i, 'group ' || i % 50, CASE WHEN i % 4 = 0 THEN NULL ELSE i END FROM generate_series(0, 39999) AS g(i)",
    );
    db.store().checkpoint().unwrap();
    execute(&session, "SELECT count(k), count(g), count(n) FROM p");
    let near = |condition: &str, expected: f64| {
        let plan = rows(&session, &format!("EXPLAIN SELECT * FROM p WHERE {condition}"))[1][1].to_text();
        let about =
            plan.split(", about ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::parse::<f64>);
        let Some(Ok(about)) = about else { panic!("{condition}: {plan}") };
        assert!((about / expected - 1.0).abs() < 0.3, "{condition}: {about}, not {expected}");
    };
    near("k < 10000", 10_000.0);
    near("k >= 10000 AND k < 12000", 2_000.0);
    near("g = 'group 7'", 800.0);
    near("g IN ('group 1', 'group 2')", 1_600.0);
    near("n IS NULL", 10_000.0);
    near("k = 5 OR g = 'group 1'", 800.0);
}

fn open(path: &Path, read_only: bool) -> Database {
    Database::open(path, OpenOptions { create: !read_only, read_only, ..OpenOptions::default() }).unwrap()
}

/// The files of columns, in the order they were written.
fn spill_files(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.join(".aresadb/cache")).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}

const SPILLED_ROWS: i64 = 20_000;
/// Two chunks and a part of one.
const SPILLED: &str = "INSERT INTO s SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE i * 2 END, i / 8.0, \
    (i / 100.0)::decimal(12,2), 'text ' || i, i % 2 = 0, DATE '2020-01-01' + (i % 900)::int, \
    TIMESTAMP '2020-01-01' + i * INTERVAL '1 hour', TIME '01:02:03', ('b' || i)::bytea, INTERVAL '3 days' \
    FROM generate_series(0, 19999) AS g(i)";
/// Reads every column.
const SPILLED_SUMS: &str = "SELECT count(*), sum(k), count(v), sum(v), max(f), sum(d), max(t), \
    count(*) FILTER (WHERE b), max(day), max(at), min(c), sum(length(data)), count(*) FILTER (WHERE gap > INTERVAL '1 day') FROM s";

/// A database with what [`SPILLED`] makes, all of it in the tables and read once; and the sums.
fn spilled(path: &Path) -> Vec<Vec<Value>> {
    let db = open(path, false);
    let session = db.session().unwrap();
    execute(
        &session,
        "CREATE TABLE s (k INT, v INT, f FLOAT, d DECIMAL(12,2), t TEXT, b BOOLEAN, day DATE, at TIMESTAMP, \
         c TIME, data BYTEA, gap INTERVAL)",
    );
    execute(&session, SPILLED);
    db.store().checkpoint().unwrap();
    let sums = rows(&session, SPILLED_SUMS);
    assert_eq!(spill_reads(&session), 0);
    drop(session);
    db.close();
    sums
}

#[test]
fn a_cold_opening_reads_columns_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let sums = spilled(&path);
    for read_only in [false, true] {
        let before = spill_files(&path);
        assert!(!before.is_empty());
        let db = open(&path, read_only);
        let session = db.session().unwrap();
        // The bounds of columns are known without them.
        assert_eq!(rows(&session, "SELECT count(*) FROM s WHERE k < -5"), [[Value::Integer(0)]]);
        assert_eq!(rows(&session, "SELECT sum(v) FROM s WHERE k = 3"), [[Value::Integer(6)]]);
        assert_eq!(spill_reads(&session), 2, "k and v of one chunk");
        assert_eq!(rows(&session, SPILLED_SUMS), sums);
        assert_eq!((spill_reads(&session), figure(&session, "chunks", "misses")), (33, 0));
        let all = rows(&session, "SELECT k, t FROM s WHERE k BETWEEN 8190 AND 8193");
        let texts = (8190..8194).map(|k| vec![Value::Integer(k), Value::from(format!("text {k}"))]);
        assert_eq!(all, texts.collect::<Vec<_>>());
        assert!(db.verify(&CancelToken::default(), &mut |_| {}).unwrap().findings.is_empty());
        drop((session, db));
        assert_eq!(spill_files(&path), before);
    }
    // Off.
    open(&path, false).set_config("cache.spill_max_size_mb", "0").unwrap();
    let session = open(&path, false).session().unwrap();
    assert_eq!(rows(&session, SPILLED_SUMS), sums);
    assert!(rows(&session, "SELECT * FROM aresadb.cache WHERE name LIKE 'spill%'").is_empty());
}

#[test]
fn damaged_columns_on_the_disk_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let sums = spilled(&path);
    let whole: Vec<(PathBuf, Vec<u8>)> =
        spill_files(&path).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    let mut random = Random(77);
    for round in 0..12 {
        for (file, bytes) in &whole {
            let mut bytes = bytes.clone();
            match round % 3 {
                0 => bytes.truncate(random.below(bytes.len() as u64) as usize),
                1 => {
                    for _ in 0..1 + round {
                        let at = random.below(bytes.len() as u64) as usize;
                        bytes[at] ^= 1 << random.below(8);
                    }
                }
                // Of the index, which stands at the end.
                _ => {
                    let at = bytes.len() - 1 - random.below(2000) as usize;
                    bytes[at] ^= 1 << random.below(8);
                }
            }
            fs::write(file, bytes).unwrap();
        }
        let db = open(&path, round % 2 == 1);
        assert_eq!(rows(&db.session().unwrap(), SPILLED_SUMS), sums, "round {round}");
        drop(db);
        spill_files(&path).into_iter().for_each(|file| fs::remove_file(file).unwrap());
    }
    // Something else stands in the place of the folder: there is no room.
    fs::remove_dir_all(path.join(".aresadb/cache")).unwrap();
    fs::write(path.join(".aresadb/cache"), "no folder").unwrap();
    for _ in 0..2 {
        let session = open(&path, false).session().unwrap();
        assert_eq!(rows(&session, SPILLED_SUMS), sums);
        assert_eq!(figure(&session, "spill", "bytes"), 0);
    }
}

#[test]
fn columns_of_rows_that_changed_since_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    spilled(&path);
    let old = folder.path().join("old");
    copy_folder(&path.join(".aresadb/cache"), &old);
    let sum = (0..SPILLED_ROWS).sum::<i64>();
    for step in 1..4 {
        let db = open(&path, false);
        let session = db.session().unwrap();
        // Only in the second chunk.
        execute(&session, "UPDATE s SET k = k + 1 WHERE v = 18002");
        assert_eq!(rows(&session, "SELECT sum(k) FROM s"), [[Value::Integer(sum + step)]]);
        drop(session);
        drop(db);
        // The first columns are there again, beside those of later flushes.
        if step == 2 {
            spill_files(&path).into_iter().for_each(|file| fs::remove_file(file).unwrap());
            copy_folder(&old, &path.join(".aresadb/cache"));
        }
        let session = open(&path, false).session().unwrap();
        assert_eq!(rows(&session, "SELECT sum(k) FROM s"), [[Value::Integer(sum + step)]]);
        assert_eq!((spill_reads(&session), figure(&session, "chunks", "misses")), (2, 1), "step {step}");
    }
    execute(&open(&path, false).session().unwrap(), "ALTER TABLE s DROP COLUMN t");
    execute(&open(&path, false).session().unwrap(), "ALTER TABLE s ADD COLUMN t TEXT");
    let session = open(&path, false).session().unwrap();
    assert_eq!(rows(&session, "SELECT count(*), count(t) FROM s"), [[SPILLED_ROWS, 0].map(Value::Integer)]);
}

#[test]
fn copies_that_went_their_own_ways_do_not_take_each_others_columns() {
    let folder = tempfile::tempdir().unwrap();
    let [path, copy, backup, crashed] =
        ["db", "copy", "backup", "crashed"].map(|name| folder.path().join(name));
    spilled(&path);
    copy_folder(&path, &copy);
    open(&path, true).backup(&backup, &CancelToken::default(), &mut |_| {}).unwrap();
    let sum = (0..SPILLED_ROWS).sum::<i64>();
    // As many transactions of as many bytes: the numbers are the same, the rows are not.
    for (place, by) in [(&path, 1), (&copy, 2), (&backup, 3)] {
        let db = open(place, false);
        let session = db.session().unwrap();
        execute(&session, &format!("UPDATE s SET k = k + {by} WHERE k IN (5, 9000, 19000)"));
        db.store().checkpoint().unwrap();
        assert_eq!(rows(&session, "SELECT sum(k) FROM s"), [[Value::Integer(sum + 3 * by)]]);
        if by == 1 {
            // As a kill leaves it.
            copy_folder(place, &crashed);
        }
    }
    let columns = [&path, &copy, &backup].map(|place| {
        let kept = folder.path().join("kept").join(place.file_name().unwrap());
        copy_folder(&place.join(".aresadb/cache"), &kept);
        kept
    });
    for (place, by) in [(&path, 1), (&copy, 2), (&backup, 3), (&crashed, 1)] {
        for columns in &columns {
            drop(fs::remove_dir_all(place.join(".aresadb/cache")));
            copy_folder(columns, &place.join(".aresadb/cache"));
            let session = open(place, false).session().unwrap();
            assert_eq!(
                rows(&session, "SELECT sum(k) FROM s"),
                [[Value::Integer(sum + 3 * by)]],
                "{place:?} with {columns:?}"
            );
            let is_own = columns.file_name() == place.file_name()
                || (*place == crashed && columns.file_name() == path.file_name());
            assert_eq!(spill_reads(&session), if is_own { 3 } else { 0 }, "{place:?} with {columns:?}");
        }
    }
}

#[test]
fn rows_beyond_the_flushed_ones_are_sorted_with_them() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE o (x INT, y INT)");
    execute(&session, "INSERT INTO o SELECT i % 6, i FROM generate_series(1, 20000) AS g(i)");
    db.store().checkpoint().unwrap();
    let highest = "SELECT x FROM (SELECT x, y FROM o LIMIT 1000000) z WHERE x >= 5 ORDER BY x DESC LIMIT 3";
    rows(&session, "SELECT sum(x) FROM o");
    let all = |numbers: [i64; 3]| numbers.map(|number| vec![Value::Integer(number)]).to_vec();
    assert_eq!(rows(&session, highest), all([5, 5, 5]));
    execute(&session, "INSERT INTO o VALUES (7, 1), (9, 2)");
    assert_eq!(rows(&session, highest), all([9, 7, 5]));
    db.store().checkpoint().unwrap();
    assert_eq!(rows(&session, highest), all([9, 7, 5]));
    // Some chunks were read, and others not.
    execute(&session, "CREATE TABLE q (x INT, y INT)");
    execute(&session, "INSERT INTO q SELECT i / 8192, i FROM generate_series(0, 24575) AS g(i)");
    db.store().checkpoint().unwrap();
    rows(&session, "SELECT sum(x) FROM (SELECT x FROM q LIMIT 16000) z");
    let sql = "SELECT x FROM (SELECT x, y FROM q LIMIT 30000) z WHERE x >= 1 ORDER BY x DESC LIMIT 3";
    assert_eq!(rows(&session, sql), all([2, 2, 2]));
}
