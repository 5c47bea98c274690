//! Files in and out, against a store in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aresadb::columnar::batch_of;
use aresadb::model::{
    CancelToken, Decimal, Error, ErrorKind, FixedClock, IdGenerator, Interval, Place, PropertyType, RowId,
    TypeKind, Value,
};
use aresadb::storage::{NewProperty, NewType, RedbBackend, Store, StoreOptions};
use aresadb::transfer::{
    EndLookup, ExportWriter, FileFormat, ImportOptions, ImportReport, ImportTarget, OnError, import,
    load_demo,
};

fn store() -> Arc<Store> {
    let options = StoreOptions {
        ..StoreOptions::new(
            Arc::new(FixedClock::new(1_700_000_000_000_000, 1)),
            Arc::new(IdGenerator::seeded(7)),
        )
    };
    Store::open(Box::new(RedbBackend::memory().unwrap()), None, options).unwrap()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn nodes(file: &Path, node_type: &str) -> ImportOptions {
    ImportOptions {
        file: file.to_owned(),
        format: None,
        target: ImportTarget::Nodes { node_type: node_type.to_owned() },
        batch: 10_000,
        atomic: false,
        on_error: OnError::Stop,
        key: None,
    }
}

fn edges(file: &Path, edge_type: &str, from: &str, to: &str) -> ImportOptions {
    let target = ImportTarget::Edges {
        edge_type: edge_type.to_owned(),
        from: EndLookup::parse(from).unwrap(),
        to: EndLookup::parse(to).unwrap(),
    };
    ImportOptions { target, ..nodes(file, "") }
}

fn run(store: &Arc<Store>, options: &ImportOptions) -> Result<ImportReport, Error> {
    import(store, options, &mut |_| {}, &CancelToken::new())
}

/// All rows of a type as name -> value, in order of insertion.
fn rows(store: &Arc<Store>, name: &str) -> Vec<BTreeMap<String, Value>> {
    let view = store.view();
    let definition = Arc::clone(view.catalog().get(name).unwrap());
    let mut found = Vec::new();
    view.scan(definition.id, 0, RowId::MAX_SEQUENCE, &mut |_, record| {
        let values = record.properties()?.into_iter();
        found.push(values.map(|(id, v)| (definition.property_by_id(id).unwrap().name.clone(), v)).collect());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    found
}

fn types(store: &Arc<Store>, name: &str) -> Vec<(String, PropertyType)> {
    let view = store.view();
    let definition = view.catalog().get(name).unwrap();
    definition.properties.iter().map(|p| (p.name.clone(), p.property_type)).collect()
}

fn place(error: &Error) -> String {
    error.place().map(Place::to_string).unwrap_or_default().rsplit_once('/').unwrap().1.to_owned()
}

#[test]
fn the_types_of_a_new_type_come_from_the_whole_file() {
    let (store, files) = (store(), Files::new());
    let file =
        files.write("t.csv", "a,b,c,d,e\n1,1,true,2024-01-01,\n2,x,false,2024-01-01T00:00:00Z,\n,\"\",,,\n");
    assert_eq!(run(&store, &nodes(&file, "t")).unwrap().rows, 3);
    let expected = [
        ("a", PropertyType::Integer),
        ("b", PropertyType::String),
        ("c", PropertyType::Boolean),
        ("d", PropertyType::Timestamp),
        ("e", PropertyType::String),
    ];
    assert_eq!(types(&store, "t"), expected.map(|(n, t)| (n.to_owned(), t)));
    let rows = rows(&store, "t");
    assert_eq!(rows[0]["b"], Value::from("1"));
    assert_eq!(rows[2], BTreeMap::from([("b".to_owned(), Value::from(""))]), "NULL is left out, '' is kept");
}

#[test]
fn declared_types_win() {
    let (store, files) = (store(), Files::new());
    let mut tx = store.begin().unwrap();
    tx.begin_statement();
    let property = |name: &str, property_type| NewProperty {
        name: name.to_owned(),
        property_type,
        not_null: name == "code",
        default: None,
    };
    let properties = vec![property("code", PropertyType::String), property("span", PropertyType::Interval)];
    tx.create_type(NewType { name: "t".to_owned(), kind: TypeKind::Node, open: false, properties }).unwrap();
    tx.end_statement();
    store.commit(tx).unwrap();
    let file = files.write("t.csv", "code,span\n007,1 day\n8,\n");
    assert_eq!(run(&store, &nodes(&file, "t")).unwrap().rows, 2);
    assert_eq!(rows(&store, "t")[1]["code"], Value::from("8"));
    assert_eq!(rows(&store, "t")[0]["span"], Value::Interval(Interval { months: 0, days: 1, micros: 0 }));
    let missing = files.write("m.csv", "code\nx\n\n");
    let error = run(&store, &nodes(&missing, "t")).unwrap_err();
    assert_eq!((error.kind(), place(&error).as_str()), (ErrorKind::Constraint, "m.csv, line 3"));
    let extra = files.write("e.csv", "code,more\nx,1\n");
    assert_eq!(run(&store, &nodes(&extra, "t")).unwrap_err().kind(), ErrorKind::Constraint);
    assert_eq!(rows(&store, "t").len(), 2, "nothing of a failed batch stays");
}

#[test]
fn edges_find_their_ends_by_name_and_missing_ends_name_their_line() {
    let (store, files) = (store(), Files::new());
    run(&store, &nodes(&files.write("p.csv", "name\na\nb\nc\nc\n"), "p")).unwrap();
    let good = files.write("e.csv", "from,to,weight\na,b,1\nb,a,2\na,a,\n");
    assert_eq!(run(&store, &edges(&good, "e", "p.name=from", "p.name=to")).unwrap().rows, 3);
    assert_eq!(types(&store, "e"), [("weight".to_owned(), PropertyType::Integer)]);
    let view = store.view();
    let edge_type = view.catalog().get("e").unwrap().id;
    let mut ends = Vec::new();
    view.scan(edge_type, 0, RowId::MAX_SEQUENCE, &mut |_, record| {
        let ends_of = record.ends().unwrap();
        ends.push((ends_of.from_row.sequence(), ends_of.to_row.sequence()));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let (first, second) = (ends[2].0, ends[0].1);
    assert_eq!(ends, [(first, second), (second, first), (first, first)]);

    let bad = files.write("bad.csv", "from,to\na,b\na,nobody\n");
    let error = run(&store, &edges(&bad, "e", "p.name=from", "p.name=to")).unwrap_err();
    assert_eq!(error.message(), "there is no p with name 'nobody'");
    assert_eq!(place(&error), "bad.csv, line 3, column to");
    assert!(error.hint().unwrap().contains("nothing was imported"), "{error:?}");
    assert_eq!(rows(&store, "e").len(), 3);

    let several = files.write("several.csv", "from,to\nc,a\n");
    let error = run(&store, &edges(&several, "e", "p.name=from", "p.name=to")).unwrap_err();
    assert!(error.message().contains("several nodes"), "{error}");
    for (from, to, says) in [
        ("q.name=from", "p.name=to", "q"),
        ("p.nam=from", "p.name=to", "nam"),
        ("p.name=src", "p.name=to", "src"),
    ] {
        let error = run(&store, &edges(&good, "e", from, to)).unwrap_err();
        assert!(error.message().contains(says) && error.hint().is_some(), "{error:?}");
    }
}

#[test]
fn wrong_rows_stop_the_import_or_go_to_a_file() {
    let (store, files) = (store(), Files::new());
    let text = "a,b\n1,2\n3\n\"4\"x,5\n6,7\n";
    let file = files.write("t.csv", text);
    let error = run(&store, &nodes(&file, "t")).unwrap_err();
    assert_eq!(place(&error), "t.csv, line 3");
    assert!(
        store.view().catalog().get("t").is_none(),
        "a line that is broken is found before anything is written"
    );

    let options = ImportOptions { on_error: OnError::Skip, ..nodes(&file, "t") };
    let report = run(&store, &options).unwrap();
    assert_eq!((report.rows, report.skipped), (2, 2));
    let rejected = std::fs::read_to_string(report.rejected_file.unwrap()).unwrap();
    let lines: Vec<&str> = rejected.lines().collect();
    assert!(lines[0].starts_with("# line 3: the row has 1 field"), "{rejected}");
    assert_eq!(lines[1], "3");
    assert!(lines[2].starts_with("# line 4, column 1: "), "{rejected}");
    assert_eq!(lines[3], "\"4\"x,5");
}

#[test]
fn batches_before_a_wrong_row_stay_unless_atomic() {
    let files = Files::new();
    let file = files.write("t.csv", "a\n1\n2\n3\n4\nx\n");
    for (atomic, stays) in [(false, 4), (true, 0)] {
        let store = store();
        let first = files.write("first.csv", "a\n0\n");
        run(&store, &nodes(&first, "t")).unwrap();
        let options = ImportOptions { batch: 2, atomic, ..nodes(&file, "t") };
        let error = run(&store, &options).unwrap_err();
        assert_eq!(error.message(), "'x' is not INTEGER");
        assert_eq!(place(&error), "t.csv, line 6, column a");
        assert_eq!(rows(&store, "t").len(), 1 + stays);
        let told = if atomic { "nothing was imported" } else { "the 4 rows before" };
        assert!(error.hint().unwrap().contains(told), "{error:?}");
    }
}

#[test]
fn a_key_updates_what_exists() {
    let (store, files) = (store(), Files::new());
    run(&store, &nodes(&files.write("1.csv", "name,n,kept\na,1,x\nb,2,y\n"), "t")).unwrap();
    let second = files.write("2.csv", "name,n\nb,20\nc,30\n");
    let keyed = |file: &Path| ImportOptions { key: Some("name".to_owned()), ..nodes(file, "t") };
    let report = run(&store, &keyed(&second)).unwrap();
    assert_eq!((report.rows, report.updated), (1, 1));
    let all = rows(&store, "t");
    assert_eq!((all.len(), &all[1]["n"], &all[1]["kept"]), (3, &Value::Integer(20), &Value::from("y")));
    let twice = files.write("3.csv", "name,n\nd,1\nd,2\n");
    let error = run(&store, &keyed(&twice)).unwrap_err();
    assert!(error.message().contains("several times in the file"), "{error}");
    assert_eq!(place(&error), "3.csv, line 3");
    assert!(run(&store, &keyed(&files.write("4.csv", "n\n1\n"))).unwrap_err().message().contains("name"));
}

#[test]
fn json_lines_and_arrays_come_in_alike() {
    let files = Files::new();
    let lines = files.write("a.jsonl", "{\"n\":1,\"tags\":[\"x\",{\"y\":null}]}\n{\"n\":2.5,\"s\":\"1\"}\n");
    let array = files.write("a.json", "[{\"n\":1,\"tags\":[\"x\",{\"y\":null}]},\n{\"n\":2.5,\"s\":\"1\"}]");
    let all: Vec<_> = [lines, array]
        .iter()
        .map(|file| {
            let store = store();
            assert_eq!(run(&store, &nodes(file, "t")).unwrap().rows, 2);
            (rows(&store, "t"), types(&store, "t"))
        })
        .collect();
    assert_eq!(all[0], all[1]);
    let (rows, types) = &all[0];
    assert_eq!(types[1], ("tags".to_owned(), PropertyType::Json));
    assert_eq!(rows[0]["tags"].to_json().to_string(), "[\"x\",{\"y\":null}]");
    assert_eq!((&rows[0]["n"], &rows[1]["s"]), (&Value::Float(1.0), &Value::from("1")));
}

#[test]
fn ids_in_the_file_are_kept_and_find_ends() {
    let (store, files) = (store(), Files::new());
    let (one, two) = ("0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47", "f47ac10b-58cc-4372-a567-0e02b2c3d479");
    run(&store, &nodes(&files.write("p.csv", &format!("id,name\n{one},a\n{two},b\n")), "p")).unwrap();
    assert!(store.view().row_of(one.parse().unwrap()).unwrap().is_some());
    let file = files.write("e.csv", &format!("from_id,to_id\n{one},{two}\n"));
    assert_eq!(run(&store, &edges(&file, "e", "p.id=from_id", "p.id=to_id")).unwrap().rows, 1);
    let again = run(&store, &nodes(&files.write("p2.csv", &format!("id,name\n{one},a\n")), "p")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Constraint);
    let numbers = files.write("n.csv", "id\n1\n2\n");
    run(&store, &nodes(&numbers, "n")).unwrap();
    assert_eq!(rows(&store, "n")[1]["id"], Value::Integer(2), "an id that is no UUID is a property");
}

#[test]
fn what_is_exported_comes_back_as_it_was() {
    let files = Files::new();
    let columns = [
        ("s", PropertyType::String),
        ("i", PropertyType::Integer),
        ("f", PropertyType::Float),
        ("b", PropertyType::Boolean),
        ("t", PropertyType::Timestamp),
    ]
    .map(|(name, property_type)| (name.to_owned(), property_type));
    let texts =
        ["", "1", "007", "true", "NaN", "2024-01-01", " x ", "a,b\t\"c\"\r\nd", "\u{feff}", "-Infinity", "é"];
    let mut written: Vec<Vec<Value>> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let i = i64::try_from(n).unwrap();
            vec![
                Value::from(*text),
                Value::Integer(i * i - 3),
                Value::Float(1.0 / (n as f64 + 1.0)),
                Value::Bool(n % 2 == 0),
                Value::Timestamp(i * 1_234_567),
            ]
        })
        .collect();
    written.push(vec![Value::Null; 5]);
    for format in [
        FileFormat::Csv,
        FileFormat::Tsv,
        FileFormat::Jsonl,
        FileFormat::Json,
        FileFormat::Parquet,
        FileFormat::Arrow,
    ] {
        let file = files.0.path().join("out.data.gz");
        let batch = batch_of(&columns, &written).unwrap();
        let mut writer = ExportWriter::new(&file, Some(format), batch.schema_ref()).unwrap();
        writer.write(&batch).unwrap();
        assert_eq!(writer.finish().unwrap(), written.len() as u64);
        let store = store();
        run(&store, &ImportOptions { format: Some(format), ..nodes(&file, "t") }).unwrap();
        let json = matches!(format, FileFormat::Json | FileFormat::Jsonl);
        for (row, wanted) in rows(&store, "t").iter().zip(&written) {
            for ((column, _), value) in columns.iter().zip(wanted) {
                // JSON has no times: without a declared type their text comes back.
                let value = match value {
                    Value::Timestamp(_) if json => Value::String(value.to_text()),
                    other => other.clone(),
                };
                assert_eq!(row.get(column).unwrap_or(&Value::Null), &value, "{format:?}");
            }
        }
        assert_eq!(rows(&store, "t").len(), written.len());
    }
}

#[test]
fn typed_columns_come_back_with_their_types() {
    use PropertyType as T;
    let columns = [
        ("u", T::Uuid),
        ("d", T::Date),
        ("t", T::Time),
        ("i", T::Interval),
        ("m", T::Decimal { precision: 9, scale: 2 }),
        ("b", T::Bytes),
        ("v", T::Vector { dimension: Some(2) }),
        ("w", T::Vector { dimension: None }),
        ("j", T::Json),
    ]
    .map(|(name, of)| (name.to_owned(), of));
    let row = vec![
        Value::Uuid(uuid::Uuid::from_u128(7)),
        Value::Date(-1),
        Value::Time(1),
        Value::Interval(Interval { months: -14, days: 3, micros: -5 }),
        Value::Decimal(Decimal { unscaled: -1234, scale: 2 }),
        Value::Bytes(vec![0, 255]),
        Value::Vector(vec![0.5, -1.0]),
        Value::Vector(vec![0.25]),
        Value::Array(vec![Value::Integer(1), Value::from("x")]),
    ];
    let batch = batch_of(&columns, &[row.clone(), vec![Value::Null; row.len()]]).unwrap();
    let files = Files::new();
    for name in ["x.parquet", "x.arrow", "x.parquet.zst"] {
        let file = files.0.path().join(name);
        let mut writer = ExportWriter::new(&file, None, batch.schema_ref()).unwrap();
        writer.write(&batch).unwrap();
        assert_eq!(writer.finish().unwrap(), 2);
        let store = store();
        run(&store, &nodes(&file, "t")).unwrap();
        let view = store.view();
        let definition = view.catalog().get("t").unwrap();
        let read = rows(&store, "t");
        for ((name, of), value) in columns.iter().zip(&row) {
            assert_eq!(definition.property(name).unwrap().property_type, *of, "{name}");
            assert_eq!(&read[0][name], value, "{name}");
        }
        assert!(read[1].is_empty());
    }
}

#[test]
fn damaged_files_of_typed_columns_are_errors() {
    let files = Files::new();
    let columns = [("n".to_owned(), PropertyType::Integer), ("s".to_owned(), PropertyType::String)];
    let row = |n: i64| vec![Value::Integer(n), Value::from(format!("text {n}"))];
    let batch = batch_of(&columns, &(0..500).map(row).collect::<Vec<_>>()).unwrap();
    for name in ["x.parquet", "x.arrow"] {
        let file = files.0.path().join(name);
        let mut writer = ExportWriter::new(&file, None, batch.schema_ref()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let whole = std::fs::read(&file).unwrap();
        let step = (whole.len() / 60).max(1);
        for at in (0..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&file, &bytes).unwrap();
            // Damage that is not seen changes values; it must not end the program or hide rows.
            if let Ok(report) = run(&store(), &nodes(&file, "t")) {
                assert_eq!(report.rows, 500, "{name}, byte {at}");
            }
            std::fs::write(&file, &whole[..at]).unwrap();
            let error = run(&store(), &nodes(&file, "t")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput, "{name} cut at {at}: {error}");
        }
    }
}

#[test]
fn cancelling_leaves_whole_batches() {
    let (store, files) = (store(), Files::new());
    let text: String =
        "a\n".chars().chain((0..5000).flat_map(|n| format!("{n}\n").into_bytes()).map(char::from)).collect();
    let file = files.write("t.csv", &text);
    let cancel = CancelToken::new();
    let options = ImportOptions { batch: 1000, ..nodes(&file, "t") };
    let mut committed = 0;
    let error = import(
        &store,
        &options,
        &mut |progress| {
            committed = progress.committed;
            if committed >= 2000 {
                cancel.cancel();
            }
        },
        &cancel,
    )
    .unwrap_err();
    assert_eq!((error.kind(), committed), (ErrorKind::Cancelled, 2000));
    assert_eq!(rows(&store, "t").len(), 2000);
}

#[test]
fn the_example_is_this_programs_dependencies() {
    let store = store();
    let counts = load_demo(&store).unwrap();
    assert!(counts.packages > 200 && counts.dependencies > counts.packages, "{counts:?}");
    let all = rows(&store, "package");
    assert_eq!(all.len() as u64, counts.packages);
    let own = all.iter().find(|row| row["name"] == Value::from("aresadb")).unwrap();
    assert_eq!(own.get("source"), None);
    assert!(all.iter().any(|row| row.get("source") == Some(&Value::from("registry"))));
    assert_eq!(rows(&store, "depends_on").len() as u64, counts.dependencies);
    assert_eq!(load_demo(&store).unwrap_err().kind(), ErrorKind::Constraint);
}
