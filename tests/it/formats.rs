//! Databases that earlier and present versions have written must stay readable, byte for byte as they
//! are kept in `tests/data`.
//!
//! `format-1` had no log. `format-2` was killed with six transactions in the log that its tables did not
//! have yet.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use aresadb::storage::{Disk, LogReader, OsDisk};
use aresadb::{Database, ErrorKind, OpenOptions, Value};

fn unpacked(format: &str) -> tempfile::TempDir {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format);
    let target = tempfile::tempdir().unwrap();
    let files = target.path().join(".aresadb");
    fs::create_dir_all(files.join("wal")).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        let Some(name) = name.strip_suffix(".gz") else {
            fs::write(files.join(name), bytes).unwrap();
            continue;
        };
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
        let folder = if name.ends_with(".wal") { files.join("wal") } else { files.clone() };
        fs::write(folder.join(name), plain).unwrap();
    }
    target
}

/// The rows of a type as text, sorted.
fn rows(db: &Database, type_name: &str) -> Vec<String> {
    let view = db.view();
    let definition = view.catalog().require(type_name).unwrap().clone();
    let mut found = Vec::new();
    view.scan(definition.id, 0, u64::MAX, &mut |_, record| {
        let properties = if definition.is_edge() {
            record.to_edge(&definition)?.unwrap().properties
        } else {
            record.to_node(&definition)?.unwrap().properties
        };
        let shown: BTreeMap<_, _> = properties
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) if text.len() > 40 => (name, format!("{} bytes", text.len())),
                value => (name, format!("{value:?}")),
            })
            .collect();
        found.push(format!("{shown:?}"));
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    found.sort();
    found
}

fn files_of(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [path.join(".aresadb"), path.join(".aresadb/wal")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("lock") {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn read_only() -> OpenOptions {
    OpenOptions { read_only: true, ..OpenOptions::default() }
}

#[test]
fn a_database_of_format_1_is_read_as_it_is_and_brought_up_to_date_by_a_writer() {
    let folder = unpacked("format-1");
    let before = files_of(folder.path());
    let db = Database::open(folder.path(), read_only()).unwrap();
    let people = rows(&db, "person");
    insta::assert_snapshot!(people.join("\n"), @r#"
    {"big": "Decimal(Decimal { unscaled: 123456789, scale: 4 })", "born": "Date(-56270)", "name": "String(\"Ada\")", "photo": "Bytes([0, 255])", "score": "Float(1.5)", "tags": "Array([String(\"a\"), Integer(1), Null])"}
    {"name": "String(\"Bob\")", "score": "Float(-0.0)", "tags": "Object({\"k\": Array([Integer(1), Integer(2)])})"}
    "#);
    drop(db);
    assert!(files_of(folder.path()) == before);
    let db = Database::open(folder.path(), OpenOptions::default()).unwrap();
    assert_eq!(rows(&db, "person"), people);
    db.insert_node("person", [("name", Value::from("Cyd"))]).unwrap();
    drop(db);
    let db = Database::open(folder.path(), OpenOptions::default()).unwrap();
    assert_eq!((rows(&db, "person").len(), rows(&db, "knows").len()), (3, 1));
    let config = fs::read_to_string(folder.path().join(".aresadb/config.toml")).unwrap();
    assert!(config.contains("version = 3"), "{config}");
}

#[test]
fn a_database_of_format_2_with_a_log_behind_its_tables_is_whole() {
    let folder = unpacked("format-2");
    let before = files_of(folder.path());
    let shown =
        |db: &Database| ["person", "note", "knows"].map(|name| rows(db, name).join("\n")).join("\n--\n");
    let db = Database::open(folder.path(), read_only()).unwrap();
    let content = shown(&db);
    insta::assert_snapshot!(content, @r#"
    {"big": "Decimal(Decimal { unscaled: 123456789, scale: 4 })", "born": "Date(-56270)", "name": "String(\"Ada\")", "photo": "Bytes([0, 255])", "score": "Float(2.5)", "tags": "Array([String(\"a\"), Integer(1), Null])"}
    {"name": "String(\"Cyd\")"}
    --
    {"text": "4000 bytes"}
    {"text": "String(\"in the log alone\")"}
    --
    {}
    {}
    "#);
    drop(db);
    assert!(files_of(folder.path()) == before, "a reader changes nothing");
    for _ in 0..2 {
        let db = Database::open(folder.path(), OpenOptions::default()).unwrap();
        assert_eq!(shown(&db), content);
        db.store().checkpoint().unwrap();
    }
    let mut lsns = Vec::new();
    let disk = OsDisk::new(folder.path().join(".aresadb/wal"), true);
    LogReader::new(std::sync::Arc::new(disk))
        .read(&mut |transaction| {
            lsns.push(transaction.lsn);
            for entry in transaction.entries() {
                entry?;
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(lsns.first(), Some(&1));
    assert!(lsns.windows(2).all(|pair| pair[1] == pair[0] + 1) && lsns.len() >= 12, "{lsns:?}");
}

#[test]
fn what_is_newer_is_refused_before_a_byte_changes() {
    type Spoil = fn(&Path);
    let newer_config: Spoil = |files| {
        let config = fs::read_to_string(files.join("config.toml")).unwrap();
        fs::write(files.join("config.toml"), config.replace("version = 2", "version = 4")).unwrap();
    };
    let newer_log: Spoil = |files| {
        let path = files.join("wal/0000000001.wal");
        let mut bytes = fs::read(&path).unwrap();
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..124]);
        bytes[124..128].copy_from_slice(&crc.to_le_bytes());
        fs::write(path, bytes).unwrap();
    };
    let unknown_feature: Spoil = |files| {
        let path = files.join("wal/0000000001.wal");
        let mut bytes = fs::read(&path).unwrap();
        bytes[16] = 1;
        let crc = crc32fast::hash(&bytes[..124]);
        bytes[124..128].copy_from_slice(&crc.to_le_bytes());
        fs::write(path, bytes).unwrap();
    };
    for spoil in [newer_config, newer_log, unknown_feature] {
        let folder = unpacked("format-2");
        spoil(&folder.path().join(".aresadb"));
        let before = files_of(folder.path());
        for read_only in [false, true] {
            let options = OpenOptions { read_only, ..OpenOptions::default() };
            let error = Database::open(folder.path(), options).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.hint().unwrap().contains("newer aresadb"), "{error:?}");
        }
        assert!(files_of(folder.path()) == before);
    }
}

#[test]
fn damage_in_the_log_is_named_and_what_is_before_it_can_be_salvaged() {
    let folder = unpacked("format-2");
    let path = folder.path().join(".aresadb/wal/0000000001.wal");
    let disk = OsDisk::new(path.parent().unwrap(), true);
    let mut places = Vec::new();
    LogReader::new(std::sync::Arc::new(disk.clone()))
        .read(&mut |transaction| {
            places.push((transaction.lsn, transaction.offset));
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    let (lsn, offset) = *places.iter().find(|(lsn, _)| *lsn == 9).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[offset as usize + 60] ^= 4;
    fs::write(&path, &bytes).unwrap();
    for read_only in [false, true] {
        let options = OpenOptions { read_only, ..OpenOptions::default() };
        let error = Database::open(folder.path(), options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let text = format!("{} {} {}", error.message(), error.place().unwrap(), error.hint().unwrap());
        for part in [format!("lsn {lsn}"), "0000000001.wal".into(), offset.to_string(), "--salvage".into()] {
            assert!(text.contains(&part), "{part}: {text}");
        }
    }
    let before = files_of(folder.path());
    assert!(before[&path] == bytes, "the log is as it was");
    let options = OpenOptions { salvage: true, ..OpenOptions::default() };
    let db = Database::open(folder.path(), options).unwrap();
    assert!(db.is_read_only());
    assert!(db.notices()[0].contains("ends with transaction 8"), "{:?}", db.notices());
    assert_eq!((rows(&db, "person").len(), rows(&db, "note").len()), (2, 2));
    drop(db);
    assert!(files_of(folder.path()) == before);
    assert!(disk.list().unwrap().iter().all(|name| !name.contains("torn")));
}
