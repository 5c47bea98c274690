//! What the program prints, writes and reads for other programs: formats, codes of errors, standard input.

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::ipc::reader::StreamReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::cli::{Shell, finish};

fn bytes(shell: &Shell, words: &[&str]) -> Vec<u8> {
    let output = shell.command(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn sum(batches: &[RecordBatch]) -> i64 {
    batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).sum()
}

#[test]
fn arrow_and_parquet_go_to_programs() {
    let shell = Shell::new();
    let sql = "SELECT v AS n, CAST(v AS TEXT) AS t FROM generate_series(1, 20000) AS g(v)";
    let arrow = bytes(&shell, &["-f", "arrow", "query", sql]);
    let reader = StreamReader::try_new(arrow.as_slice(), None).unwrap();
    assert_eq!(reader.schema().field(1).data_type(), &DataType::Utf8);
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(sum(&batches), 20_000 * 20_001 / 2);
    let parquet = bytes(&shell, &["-f", "parquet", "query", sql]);
    let file = shell.path("out.parquet");
    std::fs::write(&file, parquet).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&file).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(sum(&batches), 20_000 * 20_001 / 2);
    // Also what the program makes itself, and a result without rows.
    let schema = bytes(&shell, &["-f", "arrow", "schema"]);
    assert_eq!(StreamReader::try_new(schema.as_slice(), None).unwrap().schema().field(0).name(), "type");
    let limited = bytes(&shell, &["-f", "arrow", "--limit", "3", "query", sql]);
    let limited: Vec<_> =
        StreamReader::try_new(limited.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(sum(&limited), 6);
    let twice = ["-f", "parquet", "--exec", "VALUES (1)", "--exec", "VALUES (2)"];
    let twice = shell.command(&twice).output().unwrap();
    assert_eq!(twice.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("holds one result"));
}

#[test]
fn files_of_typed_columns_go_out_and_come_back() {
    let shell = Shell::new();
    shell.sql(
        "CREATE TABLE t (d DATE, s TIMESTAMP, i INTERVAL, m DECIMAL(9, 2), b BYTEA, u UUID, j JSON, n INTEGER);
         INSERT INTO t VALUES ('2024-02-29', '2024-02-29 12:00:00.000001', INTERVAL '14 months 3 days', 12.34,
           '\\x00ff', '0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47', '{\"a\": [1, null]}', 7);
         INSERT INTO t (n) VALUES (NULL)",
    );
    let all = shell.sql("SELECT d, s, i, m, b, u, j, n FROM t ORDER BY n");
    for name in ["t.parquet", "t.arrow", "t.parquet.gz", "t.arrow.zst"] {
        let out = shell.run(&["export", "SELECT d, s, i, m, b, u, j, n FROM t", name]);
        assert!(!out.err.contains("declare"), "{out:?}");
        // Into a new type: the file says what its columns are.
        shell.run(&["import", name, "--type", "copy"]).ok();
        assert_eq!(shell.sql("SELECT d, s, i, m, b, u, j, n FROM copy ORDER BY n"), all, "{name}");
        shell.sql("DROP TABLE copy");
    }
    // A type with its ids: they are one for all types, so a copy of them has no place.
    shell.run(&["export", "t", "whole.parquet"]).ok();
    let key = ["import", "whole.parquet", "--type", "copy", "--key", "id"];
    shell.run(&key).fails(1, &["belongs to a row of 't'", "hint: "]);
    let again = shell.run(&["import", "whole.parquet", "--type", "t", "--key", "id"]);
    assert!(again.err.contains("2 rows updated"), "{again:?}");
    // JSON has no dates: it says so, and a declared type brings them back.
    let out = shell.run(&["export", "SELECT d, s, i, m, b, u, j, n FROM t", "t.jsonl"]);
    assert!(out.err.contains("d, s, i, m, b: text in JSON, so declare the type"), "{out:?}");
    shell.sql("CREATE TABLE back (d DATE, s TIMESTAMP, i INTERVAL, m DECIMAL(9, 2), b BYTEA, u UUID, j JSON, n INTEGER)");
    shell.run(&["import", "t.jsonl", "--type", "back"]).ok();
    assert_eq!(shell.sql("SELECT d, s, i, m, b, u, j, n FROM back ORDER BY n"), all);
    // A file that is none.
    shell.write("bad.parquet", "no parquet at all");
    shell.run(&["import", "bad.parquet"]).fails(1, &["bad.parquet", "cannot be read"]);
}

#[test]
fn standard_input_is_imported() {
    let shell = Shell::new();
    let import =
        |words: &[&str], input: &str| finish(shell.command(&[&["import", "-"], words].concat()), input);
    let done = import(&["--type", "t", "-f", "csv"], "n,s\n1,a\n2,b\n");
    assert!(done.err.contains("2 rows imported into t"), "{done:?}");
    let done = import(&["--type", "t", "-f", "jsonl", "--key", "n"], "{\"n\":2,\"s\":\"c\"}\n{\"n\":3}\n");
    assert!(done.err.contains("1 row imported") && done.err.contains("1 rows updated"), "{done:?}");
    assert_eq!(shell.sql("SELECT n, s FROM t ORDER BY n"), "n,s\n1,a\n2,c\n3,\n");
    import(&["--type", "t"], "n\n1\n").fails(2, &["give --format and --type"]);
    import(&["-f", "csv"], "n\n1\n").fails(2, &["give --format and --type"]);
    import(&["--type", "t", "-f", "csv"], "n,s\nx,y\n").fails(1, &["at standard input, line 2, column n"]);
    let skipped = import(&["--type", "t", "-f", "csv", "--on-error", "skip"], "n,s\nx,y\n9,z\n");
    assert!(skipped.err.contains("1 rows rejected, see stdin.rejected"), "{skipped:?}");
    assert!(std::fs::read_to_string(shell.path("stdin.rejected")).unwrap().contains("x,y"));
}

#[test]
fn rows_that_break_rules_are_left_out_whole() {
    let shell = Shell::new();
    shell.sql(
        "CREATE TABLE parent (p INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
         CREATE TABLE t (a INTEGER UNIQUE, b INTEGER UNIQUE, c INTEGER CHECK (c > 0), p INTEGER REFERENCES parent (p))",
    );
    shell.write("t.csv", "a,b,c,p\n1,1,1,1\n2,1,1,1\n3,3,0,1\n4,4,1,9\n2,2,1,\n3,3,1,1\n4,4,1,1\n1,5,1,1\n");
    let done = shell.run(&["import", "t.csv", "--on-error", "skip"]);
    assert!(done.err.contains("4 rows imported") && done.err.contains("4 rows rejected"), "{done:?}");
    assert_eq!(
        shell.sql("SELECT a, b, c, p FROM t ORDER BY a"),
        "a,b,c,p\n1,1,1,1\n2,2,1,\n3,3,1,1\n4,4,1,1\n"
    );
    shell.run(&["verify"]).ok();
    let rejected = std::fs::read_to_string(shell.path("t.csv.rejected")).unwrap();
    for (line, why) in [(3, "exists already"), (4, "CHECK"), (5, "does not exist"), (9, "exists already")] {
        let told = rejected.lines().find(|l| l.starts_with(&format!("# line {line}"))).unwrap_or_default();
        assert!(told.contains(why), "line {line}: {rejected}");
    }
    // Without leaving out, nothing of the batch stays.
    shell.write("u.csv", "a,b,c,p\n7,7,1,1\n8,8,1,9\n");
    shell.run(&["import", "u.csv", "--type", "t"]).fails(1, &["does not exist", "nothing was imported"]);
    assert_eq!(shell.sql("SELECT count(*) FROM t"), "count(*)\n4\n");
}

#[test]
fn numbers_are_numbers_in_json() {
    let shell = Shell::new();
    shell.sql("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2)");
    let info: serde_json::Value = serde_json::from_str(&shell.run(&["-f", "json", "info"]).ok()).unwrap();
    let fact =
        |name: &str| info.as_array().unwrap().iter().find(|f| f["fact"] == name).unwrap()["value"].clone();
    assert_eq!((fact("nodes"), fact("read_only"), fact("name")), (2.into(), false.into(), "db".into()));
    let stats: serde_json::Value = serde_json::from_str(&shell.run(&["-f", "json", "stats"]).ok()).unwrap();
    assert!(stats.as_array().unwrap().iter().any(|s| s["name"] == "nodes" && s["value"] == 2), "{stats}");
}

#[test]
fn errors_have_the_codes_of_postgresql() {
    let shell = Shell::new();
    shell.sql(
        "CREATE TABLE parent (id2 INTEGER PRIMARY KEY);
         CREATE TABLE t (a INTEGER NOT NULL UNIQUE, b TEXT CHECK (b <> 'no'), p INTEGER REFERENCES parent (id2));
         INSERT INTO t VALUES (1, 'x', NULL)",
    );
    for (sql, code) in [
        ("SELECT * FROM nothing", "42P01"),
        ("INSERT INTO t (nothing) VALUES (1)", "42703"),
        ("SELECT nothing FROM t", "42703"),
        ("SELEC 1", "42601"),
        ("SELECT (1", "42601"),
        ("SELECT 'open", "42601"),
        ("SELECT 1 / 0", "22012"),
        ("SELECT a / 0 FROM t", "22012"),
        ("SELECT 9223372036854775807 + a FROM t", "22003"),
        ("INSERT INTO t VALUES (1, 'y', NULL)", "23505"),
        ("INSERT INTO t VALUES (NULL, 'y', NULL)", "23502"),
        ("INSERT INTO t VALUES (2, 'no', NULL)", "23514"),
        ("INSERT INTO t VALUES (2, 'y', 5)", "23503"),
        ("SELECT a FROM t GROUP BY b", "42803"),
        ("SELECT nothing(1)", "42883"),
        ("SELECT a FROM t x, t y", "42702"),
        ("CREATE TABLE t (a INTEGER)", "42P07"),
        ("COMMIT", "25P01"),
        ("BEGIN; BEGIN", "25001"),
        ("COPY t TO 'x.csv'", "0A000"),
        ("SET work_mem = 5", "0A000"),
        ("SET statement_timeout = 'soon'", "22023"),
        ("SELECT $1", "42P02"),
    ] {
        let ran = shell.run(&["-f", "json", "--exec", sql]);
        let line = ran.err.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let error: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        assert_eq!(error["error"]["sqlstate"], code, "{sql}: {}", ran.err);
        assert_eq!(ran.code, 1, "{sql}");
    }
    let readonly = shell.run(&["--readonly", "-f", "json", "--exec", "DELETE FROM t"]);
    assert!(readonly.err.contains("\"25006\""), "{readonly:?}");
    let long = "1 + ".repeat(20_000) + "1";
    let long = finish(shell.command(&["-f", "json"]), &format!("SELECT {long}"));
    assert!(long.err.contains("\"54001\""), "{}", long.err);
}

#[test]
fn one_type_is_seen_in_three_forms_and_indexes_are_kept() {
    let shell = Shell::new();
    let id = |out: String| out.lines().nth(1).unwrap().to_owned();
    let ada = id(shell.run(&["insert", "person", r#"{"name": "Ada", "born": 1815}"#]).ok());
    shell.run(&["insert", "person", r#"{"name": "Bob"}"#]).ok();
    shell.run(&["link", "person:Ada", "knows", "person:Bob", r#"{"since": 1833}"#]).ok();
    let table = shell.run(&["view", "person"]).ok();
    assert!(table.starts_with("id,born,name\n") && table.contains(",1815,Ada\n"), "{table}");
    let kv = shell.run(&["-f", "jsonl", "view", "person", "--as", "kv"]).ok();
    let first: serde_json::Value = serde_json::from_str(kv.lines().next().unwrap()).unwrap();
    assert_eq!((&first["key"], &first["value"]["name"]), (&ada.into(), &"Ada".into()), "{kv}");
    for name in ["person", "knows"] {
        let graph = shell.run(&["view", name, "--as", "graph"]).ok();
        assert!(graph.starts_with("from,edge,to,edge_id\nAda,knows,Bob,"), "{graph}");
    }
    shell.sql("CREATE VIEW born AS SELECT name, born FROM person WHERE born > 1800");
    assert_eq!(shell.run(&["view", "born"]).ok(), "name,born\nAda,1815\n");
    shell.run(&["view", "born", "--as", "kv"]).fails(1, &["is a view"]);
    assert!(shell.run(&["schema"]).ok().contains("\nborn,view,,,,true,\"name, born\"\n"));
    assert!(shell.run(&["schema", "born"]).ok().contains("\nborn,INTEGER,"));
    shell.run(&["export", "born", "born.csv"]).ok();
    assert_eq!(std::fs::read_to_string(shell.path("born.csv")).unwrap(), "name,born\nAda,1815\n");
    shell.run(&["insert", "born", "{}"]).fails(1, &["born"]);
    shell.run(&["import", "born.csv"]).fails(1, &["born"]);
    shell.run(&["view", "nothing"]).fails(1, &["there is no type 'nothing'"]);
    // Indexes.
    shell.run(&["index", "create", "person", "name", "--unique", "--name", "by_name"]).ok();
    shell.run(&["index", "create", "person", "born", "name"]).ok();
    let list = shell.run(&["index", "list", "person"]).ok();
    assert!(list.contains("by_name,person,name,true,") && list.contains("\"born, name\",false"), "{list}");
    shell.run(&["insert", "person", r#"{"name": "Ada"}"#]).fails(1, &["exists already"]);
    shell.run(&["index", "drop", "by_name"]).ok();
    shell.run(&["insert", "person", r#"{"name": "Ada"}"#]).ok();
    shell.run(&["index", "drop", "by_name"]).fails(1, &["by_name"]);
}
