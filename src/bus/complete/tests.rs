//! Contexts of completion.

use std::time::{Duration, Instant};

use super::*;
use crate::bus::ReferenceInfo;
use crate::model::ReferenceAction;

fn typed(name: &str, properties: &[&str]) -> TypeWords {
    TypeWords {
        name: name.to_owned(),
        properties: properties.iter().map(|p| ((*p).to_owned(), "text".to_owned())).collect(),
        ..TypeWords::default()
    }
}

fn words() -> Words {
    let edge = |name: &str, from: Option<&str>, to: Option<&str>| TypeWords {
        is_edge: true,
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        ..typed(name, &["constraint", "id", "from_id", "to_id"])
    };
    let orders = TypeWords {
        references: vec![ReferenceInfo {
            name: "reference".into(),
            on_delete: ReferenceAction::Restrict,
            on_update: ReferenceAction::Restrict,
            properties: vec!["buyer".into()],
            target: "person".into(),
            keys: vec!["email".into()],
        }],
        ..typed("orders", &["buyer", "total", "id"])
    };
    let function = |name: &str, syntax: &str| FunctionWords {
        name: name.to_owned(),
        syntax: syntax.to_owned(),
        about: String::new(),
    };
    Words {
        types: vec![
            typed("package", &["name", "version", "Size", "id"]),
            typed("person", &["name", "born", "email", "id"]),
            typed("Mixed Case", &["order", "id"]),
            orders,
            edge("depends", Some("package"), Some("package")),
            edge("maintains", Some("person"), Some("package")),
            edge("seen", None, None),
        ],
        functions: vec![
            function("count", "count(expression)"),
            function("coalesce", "coalesce(expression[, ...])"),
            function("from_unixtime", "from_unixtime(expression)"),
        ],
    }
}

/// The candidates where `|` stands in the text.
fn at(text: &str) -> Candidates {
    let place = text.find('|').expect("a | in the text");
    complete(&words(), &text.replacen('|', "", 1), place)
}

fn texts(text: &str) -> Vec<String> {
    at(text).items.into_iter().map(|c| c.text).collect()
}

fn of_kind(text: &str, kind: Kind) -> Vec<String> {
    at(text).items.into_iter().filter(|c| c.kind == kind).map(|c| c.text).collect()
}

#[test]
fn types_stand_behind_from_and_its_like() {
    assert_eq!(texts("SELECT * FROM pa|")[0], "package");
    for text in [
        "UPDATE PERS|",
        "INSERT INTO pers|",
        "DELETE FROM pers|",
        "DROP TABLE IF EXISTS pers|",
        "FROM a, pers|",
    ] {
        assert_eq!(texts(&format!("SELECT 1; {text}")), ["person"], "{text}");
    }
    assert_eq!(texts("SELECT * FROM \"M|")[0], "\"Mixed Case\"");
    assert!(texts("SELECT * FROM |").contains(&"\"Mixed Case\"".to_owned()));
    assert!(of_kind("SELECT * FROM |", Kind::Keyword).is_empty());
    assert_eq!(texts("WITH totals AS (SELECT 1) SELECT * FROM tot|"), ["totals"]);
    assert!(texts("SELECT EXTRACT(year FROM |").is_empty());
    assert!(texts("INSERT INTO orders VALUES (1) ON CONFLICT DO UPDATE |").iter().all(|t| t != "package"));
}

#[test]
fn properties_belong_to_the_tables_of_the_statement() {
    assert_eq!(texts("SELECT p.v| FROM package p"), ["version"], "the table stands behind the cursor");
    assert_eq!(texts("SELECT * FROM \"Mixed Case\" m WHERE m.or|"), ["\"order\""]);
    assert_eq!(texts("SELECT package.| FROM package"), ["\"Size\"", "id", "name", "version"]);
    assert_eq!(texts("SELECT bo| FROM person")[0], "born");
    assert!(!texts("SELECT bo| FROM package").contains(&"born".to_owned()));
    assert!(!texts("SELECT bo| FROM package; SELECT * FROM person").contains(&"born".to_owned()));
    assert_eq!(texts("UPDATE person SET em|")[0], "email");
    assert_eq!(texts("INSERT INTO orders (bu|")[0], "buyer");
    assert_eq!(texts("SELECT nobody.|"), Vec::<String>::new());
    let both = of_kind("SELECT na| FROM package p JOIN person q ON true", Kind::Property);
    assert_eq!(both, ["p.name", "q.name"], "a name of two tables is told apart");
    assert_eq!(of_kind("SELECT (SELECT x.| FROM person x) FROM package", Kind::Property).len(), 4);
}

#[test]
fn joins_are_proposed_from_edges_and_references() {
    let joins = of_kind("SELECT * FROM depends d JOIN |", Kind::Join);
    assert!(joins.contains(&"package p ON p.id = d.to_id".to_owned()), "{joins:?}");
    assert!(joins.contains(&"package p ON p.id = d.from_id".to_owned()), "{joins:?}");
    assert!(!joins.iter().any(|j| j.starts_with("person")), "{joins:?}");
    let joins = of_kind("SELECT * FROM package p LEFT JOIN ma|", Kind::Join);
    assert_eq!(joins, ["maintains m ON p.id = m.to_id"]);
    assert_eq!(of_kind("SELECT * FROM orders o JOIN pers|", Kind::Join), ["person p ON p.email = o.buyer"]);
    assert_eq!(
        of_kind("SELECT * FROM person p JOIN ord|", Kind::Join),
        ["orders o ON p.email = o.buyer"],
        "against the reference's direction"
    );
    let seen = at("SELECT * FROM seen s JOIN pack|").items;
    assert!(seen.iter().any(|c| c.text == "package p ON p.id = s.to_id"), "ends that are not declared");
    let conditions = of_kind("SELECT * FROM maintains m JOIN person x ON |", Kind::Join);
    assert_eq!(conditions, ["x.id = m.from_id"]);
}

#[test]
fn functions_have_signatures_and_common_words_stand_before_them() {
    let found = at("SELECT coun|").items;
    assert_eq!((found[0].text.as_str(), found[0].detail.as_str()), ("count(", "count(expression)"));
    assert_eq!(texts("SELECT 1 fro|")[0], "from");
    assert_eq!(texts("SELECT 1 FRO|")[0], "FROM");
    assert_eq!(texts("SEL|"), ["SELECT"]);
    assert_eq!(texts("sel|"), ["select"]);
    assert_eq!(texts("|")[0], "ALTER");
}

#[test]
fn letters_within_a_name_find_it_behind_what_begins_so() {
    assert_eq!(texts("SELECT * FROM cas|"), ["\"Mixed Case\""]);
    assert_eq!(texts("SELECT * FROM pkg|"), ["package"]);
    let found = at("SELECT er| FROM package");
    assert_eq!((found.items[0].text.as_str(), found.items[0].goes_on), ("version", false));
}

#[test]
fn nothing_is_offered_in_texts_comments_numbers_and_words() {
    for text in ["SELECT 'FROM p|", "SELECT 1 -- FROM p|", "SELECT 12|", "SELECT /* p|", "SELECT $$ p|"] {
        assert_eq!(texts(text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(texts("SELECT * FROM pa|ckage"), Vec::<String>::new());
    assert_eq!(texts("SELECT |"), Vec::<String>::new());
}

#[test]
fn any_text_and_place_are_taken() {
    let text = "SELECT 'é', \"ü\".x FROM (a, b JOIN ) , WITH x AS ( ON é. /* ; */ ; UPDATE";
    for at in 0..=text.len() + 2 {
        let found = complete(&words(), text, at);
        assert!(found.from <= at);
    }
}

#[test]
fn a_schema_of_two_thousand_types_is_fast() {
    let mut words = words();
    for n in 0..2_000 {
        let properties: Vec<String> = (0..20).map(|p| format!("property_{p}")).collect();
        let mut found =
            typed(&format!("type_{n:04}"), &properties.iter().map(String::as_str).collect::<Vec<_>>());
        found.is_edge = n % 2 == 1;
        words.types.push(found);
    }
    let text = "SELECT * FROM type_0001 a JOIN type_0004 b ON b.id = a.to_id JOIN ty";
    let started = Instant::now();
    let found = complete(&words, text, text.len());
    let took = started.elapsed();
    assert_eq!(found.items.len(), MOST);
    // Far from a limit that a busy machine could reach, near enough to see a square of the types.
    assert!(took < Duration::from_secs(2), "{took:?}");
}
