//! The rules of the house, checked on the sources: a module imports only what stands below it, each
//! file opens with `//!`, and each file is named by a `mod` line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules by floor, from the ground up. Modules of one floor do not import each other.
const FLOORS: &[&[&str]] = &[
    &["model"],
    &["storage"],
    &["columnar"],
    &["graph", "vector", "text"],
    &["query", "transfer", "cloud"],
    &["engine"],
    &["bus"],
    &["cli", "tui"],
];

/// What the programs' modules may import besides themselves.
const PROGRAMS_SEE: &[&str] = &["bus", "model"];
/// What the programs themselves may import.
const BINARIES_SEE: &[&str] = &["cli", "tui", "bus", "model"];

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn may_import(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    match from {
        "bin" => BINARIES_SEE.contains(&to),
        "cli" | "tui" => PROGRAMS_SEE.contains(&to),
        _ => match (floor_of(from), floor_of(to)) {
            (Some(from), Some(to)) => to < from,
            _ => false,
        },
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The source without comments: a module may be mentioned in words.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The crate's modules that a source names after `prefix` (`crate::` or `aresadb::`), within braces too.
fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].chars().next_back().is_some_and(|c| is_word(c) || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // The first name of each item at the group's own depth.
            let (mut depth, mut fresh) = (0, true);
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    c if fresh && is_word(c) => {
                        found.insert(group[at..].chars().take_while(|c| is_word(*c)).collect());
                        fresh = false;
                    }
                    _ => {}
                }
            }
        } else {
            found.insert(rest.chars().take_while(|c| is_word(*c)).collect());
        }
    }
    found
}

fn module_of(file: &Path) -> Option<String> {
    let inner = file.strip_prefix(root().join("src")).unwrap();
    let first = inner.components().next()?.as_os_str().to_string_lossy().into_owned();
    match first.strip_suffix(".rs") {
        Some("lib" | "build") => None,
        Some(module) => Some(module.to_owned()),
        None => Some(first),
    }
}

/// How many `super`s lead from a file to the crate's root.
fn depth_of(file: &Path) -> usize {
    let inner = file.strip_prefix(root().join("src")).unwrap();
    inner.components().count() - usize::from(inner.ends_with("mod.rs"))
}

#[test]
fn modules_import_only_what_stands_below_them() {
    let mut wrong = Vec::new();
    let mut imports = 0;
    for file in sources(&root().join("src")) {
        let Some(module) = module_of(&file) else { continue };
        assert!(module == "bin" || floor_of(&module).is_some(), "{module} has no floor: add it to FLOORS");
        let text = code(&std::fs::read_to_string(&file).unwrap());
        let prefix = if module == "bin" { "aresadb::" } else { "crate::" };
        let mut named = named_after(&text, prefix);
        // Climbing out of the module by `super` is an import too.
        named.extend(named_after(&text, &"super::".repeat(depth_of(&file))));
        for to in named {
            imports += 1;
            if floor_of(&to).is_some() && !may_import(&module, &to) {
                wrong.push(format!("{}: {module} must not import {to}", file.display()));
            }
        }
    }
    assert!(imports > 20, "the check found only {imports} imports: it no longer reads the sources rightly");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_imports_however_they_are_written() {
    let text =
        "use crate::model::Value;\nuse crate::{bus::{A, B}, engine, query::C};\nlet x = crate::tui::y();";
    let named: Vec<String> = named_after(text, "crate::").into_iter().collect();
    assert_eq!(named, ["bus", "engine", "model", "query", "tui"]);
    assert!(may_import("engine", "query") && may_import("cli", "bus") && may_import("bin", "tui"));
    assert!(!may_import("query", "transfer") && !may_import("storage", "graph"));
    assert!(!may_import("cli", "engine") && !may_import("bin", "engine") && !may_import("cli", "tui"));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    for folder in ["src", "tests", "benches"] {
        for file in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let first = text.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("//! ") && first.len() > 10,
                "{} does not open with //!",
                file.display()
            );
        }
    }
}

#[test]
fn every_file_is_named_by_a_mod_line() {
    fn walk(file: &Path, folder: &Path, reached: &mut BTreeSet<PathBuf>) {
        reached.insert(file.to_owned());
        let text = code(&std::fs::read_to_string(file).unwrap());
        for line in text.lines() {
            let line = line
                .trim()
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ");
            let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) else {
                continue;
            };
            let beside = folder.join(format!("{name}.rs"));
            let within = folder.join(name).join("mod.rs");
            let (file, _) = if beside.exists() { (beside, ()) } else { (within, ()) };
            assert!(file.exists(), "mod {name} of {} has no file", folder.display());
            walk(&file, &folder.join(name), reached);
        }
    }
    let mut reached = BTreeSet::new();
    walk(&root().join("src/lib.rs"), &root().join("src"), &mut reached);
    walk(&root().join("tests/it/main.rs"), &root().join("tests/it"), &mut reached);
    let mut all = sources(&root().join("src"));
    all.extend(sources(&root().join("tests")));
    for file in all {
        let is_program =
            file.parent().is_some_and(|p| p.ends_with("src/bin")) || file.ends_with("src/build.rs");
        assert!(is_program || reached.contains(&file), "no mod line names {}", file.display());
    }
}
