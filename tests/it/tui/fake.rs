//! A scripted bus with the numbers of the Debian graph.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aresadb::bus::{
    CatalogInfo, Command, CursorId, EdgeGroup, EdgeItem, EdgePage, EventBody, Figure, GraphEdge, GraphNode,
    IndexInfo, Inspection, LogAction, LogOperation, LogSegment, LogTransaction, Neighbourhood,
    NeighbourhoodStub, Page, PathFound, PropertyInfo, RecordBody, ResultColumn, StatsInfo, StorageFacts,
    Summary, TypeInfo,
};
use aresadb::model::{CheckDef, Direction, EdgeId, Error, Node, NodeId, PropertyType, Value};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use uuid::Uuid;

pub const TOP: [(&str, i64); 5] =
    [("libc6", 21_815), ("libstdc++6", 7_462), ("python3", 6_355), ("libgcc-s1", 6_278), ("perl", 5_063)];
pub const QUERY_ROWS: u64 = 9_114;

pub fn id(n: u64) -> Uuid {
    Uuid::from_u128((0x0198_c5f2_7d3a_7c41_9d5e << 48) | u128::from(n))
}

pub fn done(verb: &str, rows: u64, millis: u64) -> EventBody {
    let summary = Summary { verb: verb.into(), rows, ..Summary::default() };
    EventBody::Done { summary, elapsed: Duration::from_millis(millis) }
}

fn statement_done(verb: &str, rows: u64, millis: u64) -> EventBody {
    let summary = Summary { verb: verb.into(), rows, ..Summary::default() };
    EventBody::StatementDone { statement: 0, summary, elapsed: Duration::from_millis(millis) }
}

pub fn failed(error: Error) -> Vec<EventBody> {
    vec![EventBody::Failed { error, statement: Some(0) }]
}

fn type_info(name: &str, rows: u64, is_edge: bool, properties: &[(&str, PropertyType)]) -> TypeInfo {
    let property = |(name, property_type): &(&str, PropertyType)| PropertyInfo {
        name: (*name).into(),
        property_type: *property_type,
        declared: false,
        not_null: *name == "name",
        default: None,
    };
    TypeInfo {
        name: name.into(),
        is_edge,
        from_type: None,
        to_type: None,
        declared: name == "package",
        open: true,
        rows,
        properties: properties.iter().map(property).collect(),
        checks: if name == "package" {
            vec![CheckDef { name: "package_size".into(), expression: "installed_size >= 0".into() }]
        } else {
            Vec::new()
        },
        references: Vec::new(),
    }
}

pub fn catalog() -> CatalogInfo {
    let text = PropertyType::String;
    CatalogInfo {
        version: 1,
        views: Vec::new(),
        graphs: Vec::new(),
        types: vec![
            type_info(
                "package",
                63_666,
                false,
                &[
                    ("name", text),
                    ("version", text),
                    ("installed_size", PropertyType::Integer),
                    ("homepage", text),
                    ("description", text),
                ],
            ),
            type_info("section", 58, false, &[("name", text)]),
            type_info("tag", 597, false, &[("name", text)]),
            type_info("depends", 247_364, true, &[("constraint", text)]),
            type_info("in_section", 63_666, true, &[]),
            type_info("recommends", 52_182, true, &[("constraint", text)]),
            type_info("tagged", 109_875, true, &[]),
        ],
    }
}

fn columns(of: &[(&str, PropertyType)]) -> Vec<ResultColumn> {
    of.iter().map(|(n, t)| ResultColumn { name: (*n).into(), property_type: *t }).collect()
}

pub fn page(first: u64, arrays: Vec<(&str, ArrayRef, PropertyType)>) -> Page {
    let fields: Vec<Field> = arrays
        .iter()
        .map(|(name, array, kind)| {
            let field = Field::new(*name, array.data_type().clone(), true);
            match kind {
                PropertyType::Uuid => field.with_metadata([("aresadb.type".into(), "uuid".into())].into()),
                PropertyType::Json => field.with_metadata([("aresadb.type".into(), "json".into())].into()),
                _ => field,
            }
        })
        .collect();
    let arrays = arrays.into_iter().map(|(_, array, _)| array).collect();
    Page::new(first, RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap())
}

fn top_packages(first: u64, rows: u64) -> Page {
    let end = (first + rows).min(QUERY_ROWS);
    let row = |n: u64| match TOP.get(n as usize) {
        Some((name, count)) => ((*name).to_owned(), *count),
        None => (format!("lib-{n:05}"), (QUERY_ROWS - n) as i64 / 2),
    };
    let names: StringArray = (first..end).map(|n| Some(row(n).0)).collect();
    let counts: Int64Array = (first..end).map(|n| Some(row(n).1)).collect();
    page(
        first,
        vec![
            ("name", Arc::new(names), PropertyType::String),
            ("dependants", Arc::new(counts), PropertyType::Integer),
        ],
    )
}

const PACKAGE: [(&str, PropertyType); 7] = [
    ("id", PropertyType::Uuid),
    ("name", PropertyType::String),
    ("version", PropertyType::String),
    ("installed_size", PropertyType::Integer),
    ("homepage", PropertyType::String),
    ("description", PropertyType::String),
    ("extra", PropertyType::Json),
];

/// Rows with everything a cell can be: NULL, empty, wide, long, hostile.
fn packages(first: u64, rows: u64) -> Page {
    let end = (first + rows).min(63_666);
    let text = |f: &dyn Fn(u64) -> Option<String>| Arc::new((first..end).map(f).collect::<StringArray>());
    let name = |n: u64| match n {
        0 => "libc6".to_owned(),
        1 => "漢字-fonts".to_owned(),
        2 => "evil\x1b]0;owned\x07\u{202e}".to_owned(),
        n => format!("package-{n:05}"),
    };
    let size: Int64Array = (first..end).map(|n| (n % 4 != 3).then_some((n as i64 + 1) * 13_177)).collect();
    page(
        first,
        vec![
            ("id", text(&|n| Some(id(n).to_string())), PropertyType::Uuid),
            ("name", text(&|n| Some(name(n))), PropertyType::String),
            ("version", text(&|n| Some(format!("2.{}-{}", n % 41, n % 9))), PropertyType::String),
            ("installed_size", Arc::new(size), PropertyType::Integer),
            (
                "homepage",
                text(&|n| match n % 3 {
                    0 => Some(format!("https://www.gnu.org/software/p{n}/")),
                    1 => None,
                    _ => Some(String::new()),
                }),
                PropertyType::String,
            ),
            (
                "description",
                text(&|n| {
                    Some(format!(
                        "GNU C Library, number {n}: shared libraries that nearly every program on the system needs"
                    ))
                }),
                PropertyType::String,
            ),
            (
                "extra",
                text(&|n| {
                    Some(format!("{{\"arch\":\"amd64\",\"priority\":{n},\"tags\":[\"role::shared-lib\"]}}"))
                }),
                PropertyType::Json,
            ),
        ],
    )
}

fn result(cursor: u64, columns: Vec<ResultColumn>, first: Page, total: u64, millis: u64) -> Vec<EventBody> {
    let cursor = CursorId(cursor);
    vec![
        EventBody::Cursor { statement: 0, cursor, columns },
        EventBody::Rows { cursor: Some(cursor), page: first },
        EventBody::Counted { cursor, rows: total, complete: true },
        statement_done("SELECT", total, millis),
        done("SELECT", total, millis),
    ]
}

fn node(n: u64, label: &str) -> GraphNode {
    GraphNode { id: NodeId(id(n)), node_type: "package".into(), label: label.into() }
}

pub fn inspection(which: Uuid) -> Inspection {
    let n = which.as_u128() as u64 & 0xffff_ffff_ffff;
    let label = match n {
        0 => "libc6".to_owned(),
        n => format!("package-{n:05}"),
    };
    let properties = [
        ("name".to_owned(), Value::String(label)),
        ("version".to_owned(), Value::from("2.41-12")),
        ("installed_size".to_owned(), Value::Integer(13_177)),
        ("multi_arch".to_owned(), Value::Bool(true)),
        ("description".to_owned(), Value::from("GNU C Library: Shared libraries")),
    ];
    let group = |edge_type: &str, outgoing, count| EdgeGroup { edge_type: edge_type.into(), outgoing, count };
    Inspection {
        record: RecordBody::Node(Node {
            id: NodeId(which),
            node_type: "package".into(),
            properties: properties.into_iter().collect(),
            created_at: 1_763_800_000_000_000,
            updated_at: 1_763_803_600_250_000,
        }),
        edges: vec![
            group("depends", true, 1),
            group("in_section", true, 1),
            group("recommends", true, 2),
            group("depends", false, 21_815),
            group("recommends", false, 37),
        ],
        ends: None,
        storage: StorageFacts {
            row: (5 << 40) | n,
            sequence: n,
            chunk: n / 8_192,
            bytes: 312,
            lsn: 41,
            raw: vec![],
        },
    }
}

fn edges(from: NodeId, direction: Direction, edge_type: &str, offset: u64, limit: u32) -> EdgePage {
    let outgoing = direction == Direction::Out;
    let groups = inspection(from.0).edges;
    let total = groups.iter().find(|g| g.edge_type == edge_type && g.outgoing == outgoing).unwrap().count;
    let items = (offset..(offset + u64::from(limit)).min(total))
        .map(|n| EdgeItem {
            edge: EdgeId(id(1_000_000 + n)),
            other: node(n + 10, &format!("package-{:05}", n + 10)),
        })
        .collect();
    EdgePage { node: from, outgoing, edge_type: edge_type.into(), offset, total, items }
}

pub fn neighbourhood(middle: NodeId, most: u32) -> Neighbourhood {
    let drawn = most.min(13);
    let mut nodes = vec![GraphNode { id: middle, node_type: "package".into(), label: "libc6".into() }];
    let mut edges = Vec::new();
    for n in 1..drawn {
        let label = if n == 1 { "libgcc-s1".to_owned() } else { format!("package-{n:05}") };
        nodes.push(node(u64::from(n) + 100, &label));
        let (from, to) = if n == 1 { (0, 1) } else { (n, 0) };
        let edge_type = if n % 5 == 4 { "recommends" } else { "depends" };
        edges.push(GraphEdge {
            id: EdgeId(id(2_000_000 + u64::from(n))),
            edge_type: edge_type.into(),
            from,
            to,
        });
    }
    Neighbourhood {
        depth: (0..drawn).map(|n| u32::from(n > 0)).collect(),
        nodes,
        edges,
        stubs: vec![
            NeighbourhoodStub { node: 0, edge_type: "depends".into(), outgoing: false, count: 21_755 },
            NeighbourhoodStub { node: 0, edge_type: "recommends".into(), outgoing: false, count: 35 },
        ],
        edge_types: BTreeMap::from([("depends".into(), 21_816), ("recommends".into(), 39)]),
    }
}

/// Answers as a database with the Debian graph would.
pub fn debian(command: &Command) -> Vec<EventBody> {
    match command {
        Command::Open { path, read_only, create, .. } => {
            let (path, read_only) = (path.display().to_string(), *read_only);
            let created = *create;
            let name = path.trim_matches(':').to_owned();
            vec![
                EventBody::Opened { name, path, read_only, created, notices: Vec::new() },
                done("OPEN", 0, 9),
            ]
        }
        Command::Catalog => vec![EventBody::Catalog(catalog()), done("CATALOG", 0, 1)],
        Command::Stats => {
            let figure = |group: &str, name: &str, value: Value, unit: &str| Figure {
                group: group.into(),
                name: name.into(),
                value,
                unit: unit.into(),
            };
            let figures = vec![
                figure("database", "name", Value::from("mydb"), ""),
                figure("database", "nodes", Value::Integer(64_321), "rows"),
                figure("storage", "file", Value::Integer(73_400_320), "bytes"),
                figure("storage", "nodes entries", Value::Integer(64_321), ""),
                figure("storage", "nodes size", Value::Integer(41_943_040), "bytes"),
                figure("storage", "edges entries", Value::Integer(473_000), ""),
                figure("storage", "edges size", Value::Integer(20_971_520), "bytes"),
                figure("log", "commits", Value::Integer(1_200), ""),
                figure("log", "checkpoint age", Value::Null, "seconds"),
            ];
            vec![EventBody::Stats(StatsInfo { figures }), done("STATS", 0, 0)]
        }
        Command::Indexes => {
            let index = |name: &str, properties: &[&str], constraint: Option<&str>| IndexInfo {
                name: name.into(),
                type_name: "package".into(),
                properties: properties.iter().map(|p| (*p).to_owned()).collect(),
                unique: constraint.is_some(),
                constraint: constraint.map(str::to_owned),
            };
            let indexes = vec![
                index("package_name_key", &["name"], Some("unique")),
                index("package_size_name", &["installed_size", "name"], None),
            ];
            vec![EventBody::Indexes(indexes), done("INDEX", 2, 0)]
        }
        Command::WalList { .. } => vec![EventBody::Segments(segments()), done("WAL LIST", 2, 0)],
        // It follows: no end.
        Command::WalTail { .. } => logged().into_iter().map(|t| EventBody::Logged(Box::new(t))).collect(),
        Command::LoadDemo => vec![done("DEMO", 412, 80)],
        Command::Run { sql, .. } => run(sql),
        Command::FetchPage { cursor, first_row, rows } => {
            let of = if cursor.0 == 1 { top_packages } else { packages };
            let page = of(*first_row, u64::from(*rows));
            vec![EventBody::Rows { cursor: Some(*cursor), page }, done("FETCH", 0, 0)]
        }
        Command::Inspect { id } => {
            vec![EventBody::Inspected(Box::new(inspection(*id))), done("INSPECT", 1, 0)]
        }
        Command::Edges { node, direction, edge_type, offset, limit } => {
            let page = edges(*node, *direction, edge_type, *offset, *limit);
            vec![EventBody::Edges(page), done("EDGES", 0, 0)]
        }
        Command::Neighbourhood { node, max_nodes, .. } => {
            vec![EventBody::Neighbourhood(neighbourhood(*node, *max_nodes)), done("NEIGHBOURHOOD", 0, 2)]
        }
        Command::Path { from, to, .. } => {
            let end = |id: &NodeId, label: &str| GraphNode {
                id: *id,
                node_type: "package".into(),
                label: label.into(),
            };
            let path = PathFound {
                nodes: vec![end(from, "libc6"), end(to, "libgcc-s1")],
                edges: vec![GraphEdge { id: EdgeId(id(7)), edge_type: "depends".into(), from: 0, to: 1 }],
            };
            vec![EventBody::Path(Some(path)), done("PATH", 1, 1)]
        }
        _ => vec![done("", 0, 0)],
    }
}

fn segments() -> Vec<LogSegment> {
    let segment = |number: u64, first_lsn: u64, last_lsn: Option<u64>, damage: Option<&str>| LogSegment {
        number,
        file: format!("{number:016x}.wal"),
        first_lsn,
        last_lsn,
        transactions: last_lsn.map_or(0, |last| last - first_lsn + 1),
        used_bytes: 1_572_864,
        file_bytes: 2_097_152,
        begun_micros: 1_760_000_000_000_000,
        torn: last_lsn.is_none(),
        damage: damage.map(str::to_owned),
    };
    vec![
        segment(7, 1_001, Some(1_900), None),
        segment(8, 1_901, Some(2_000), Some("the checksum of record 17 is wrong")),
        segment(9, 2_001, None, None),
    ]
}

fn logged() -> Vec<LogTransaction> {
    let operation = |action, name: &str, n: Option<u64>| LogOperation {
        action,
        type_name: Some(name.into()),
        row: n,
        id: n.map(id),
        ends: None,
        properties: None,
        detail: None,
    };
    let mut insert = operation(LogAction::Insert, "package", Some(0));
    insert.properties = Some([("name".to_owned(), Value::from("hostile \u{1b}[2Jtext"))].into());
    let mut define = operation(LogAction::Define, "package", None);
    define.detail = Some("4 properties".into());
    let mut link = operation(LogAction::Link, "depends", Some(5));
    link.ends = Some((NodeId(id(0)), NodeId(id(1))));
    let transaction = |lsn: u64, operations: Vec<LogOperation>| LogTransaction {
        lsn,
        durable_lsn: lsn - 1,
        time_micros: 1_760_000_000_000_000 + i64::try_from(lsn).unwrap() * 1_000,
        segment: 9,
        offset: lsn * 100,
        bytes: 245,
        records: 1,
        operations,
        more: false,
    };
    vec![
        transaction(2_001, vec![define, insert]),
        transaction(2_002, vec![operation(LogAction::Update, "package", Some(0)), link]),
        transaction(2_003, vec![operation(LogAction::Delete, "package", Some(1))]),
    ]
}

/// The plan of the first query, as EXPLAIN (ANALYZE, FORMAT JSON) gives it.
const PLAN: &str = r#"[{"Plan":{"Node Type":"Sort","Details":"expr=[dependants@1 DESC]","Plan Rows":5,"Actual Rows":9114,"Self Time":1.95,"Metrics":{"spill_count":"0"},"Plans":[
{"Node Type":"Aggregate","Details":"mode=Single, gby=[name@0 as name], aggr=[count(*)]","Plan Rows":247364,"Actual Rows":9114,"Self Time":16.36,"Metrics":{"aggregation_time":"16.23ms"},"Plans":[
{"Node Type":"HashJoin","Details":"mode=CollectLeft, join_type=Inner, on=[(id@0, to_id@0)]","Plan Rows":247364,"Actual Rows":247364,"Self Time":51.2,"Metrics":{"build_time":"14.13ms"},"Plans":[
{"Node Type":"TableScan","Details":"package (63666 rows), columns=[id, name]","Plan Rows":63666,"Actual Rows":63666,"Self Time":54.5,"Metrics":{}},
{"Node Type":"TableScan","Details":"depends (247364 rows), columns=[to_id]","Plan Rows":247364,"Actual Rows":247364,"Self Time":189.47,"Metrics":{}}]}]}]},"Planning Time":3.1,"Execution Time":214.9}]"#;

fn run(sql: &str) -> Vec<EventBody> {
    let upper = sql.trim().to_uppercase();
    if upper.starts_with("EXPLAIN (") {
        let plan = if upper.contains("ANALYZE") {
            PLAN.to_owned()
        } else {
            // Before it ran there are expectations alone.
            PLAN.split(',')
                .filter(|part| !part.contains("Actual Rows") && !part.contains("Self Time"))
                .collect::<Vec<_>>()
                .join(",")
                .replace(",\"Execution Time\":214.9", "")
        };
        let plans: StringArray = [Some(plan)].into_iter().collect();
        let page = page(0, vec![("QUERY PLAN", Arc::new(plans), PropertyType::String)]);
        let columns = columns(&[("QUERY PLAN", PropertyType::String)]);
        return vec![
            EventBody::Schema { statement: 0, columns },
            EventBody::Rows { cursor: None, page },
            statement_done("EXPLAIN", 1, 3),
            done("EXPLAIN", 1, 3),
        ];
    }
    if upper.starts_with("EXPLAIN") {
        let kinds: StringArray = ["logical_plan", "physical_plan"].iter().map(|s| Some(*s)).collect();
        let plans: StringArray = [
            "Sort: dependants DESC NULLS FIRST\n  Aggregate: groupBy=[[p.name]], aggr=[[count(*)]]\n    Inner Join: d.to_id = p.id\n      TableScan: depends projection=[to_id]\n      TableScan: package projection=[id, name]",
            "SortExec: expr=[dependants@1 DESC]\n  AggregateExec: mode=Single\n    HashJoinExec: mode=CollectLeft, on=[(to_id, id)]",
        ]
        .iter()
        .map(|s| Some(*s))
        .collect();
        let text = PropertyType::String;
        let page = page(0, vec![("plan_type", Arc::new(kinds), text), ("plan", Arc::new(plans), text)]);
        let columns = columns(&[("plan_type", text), ("plan", text)]);
        return vec![
            EventBody::Schema { statement: 0, columns },
            EventBody::Rows { cursor: None, page },
            statement_done("EXPLAIN", 2, 3),
            done("EXPLAIN", 2, 3),
        ];
    }
    if upper.starts_with("SELECT ID FROM") {
        // The lookup of a record by its name.
        let ids: StringArray = [Some(id(0).to_string())].into_iter().collect();
        let page = page(0, vec![("id", Arc::new(ids), PropertyType::Uuid)]);
        let columns = columns(&[("id", PropertyType::Uuid)]);
        return vec![
            EventBody::Schema { statement: 0, columns },
            EventBody::Rows { cursor: None, page },
            statement_done("SELECT", 1, 1),
            done("SELECT", 1, 1),
        ];
    }
    if let Some(at) = sql.find("nme") {
        return failed(
            Error::not_found("there is no column 'nme' in package")
                .with_hint("did you mean 'name'?")
                .at_sql(sql, at..at + 3),
        );
    }
    if upper.starts_with("DELETE") {
        let summary = Summary {
            verb: "DELETE".into(),
            rows: 3,
            truncated: false,
            note: Some("12 edges deleted with them".into()),
        };
        let elapsed = Duration::from_millis(4);
        return vec![
            EventBody::StatementDone { statement: 0, summary: summary.clone(), elapsed },
            EventBody::Done { summary, elapsed },
        ];
    }
    if upper.contains("COUNT(*)") {
        let columns = columns(&[("name", PropertyType::String), ("dependants", PropertyType::Integer)]);
        return result(1, columns, top_packages(0, 256), QUERY_ROWS, 12);
    }
    result(2, columns(&PACKAGE), packages(0, 256), 63_666, 5)
}

/// A result of one row with so many columns, a megabyte of text in the first.
pub fn wide(count: usize) -> Vec<EventBody> {
    let names: Vec<String> = (0..count).map(|n| format!("c{n:04}")).collect();
    let cell = |n: usize| -> ArrayRef {
        let text = if n == 0 { "long words ".repeat(100_000)[..1_000_000].to_owned() } else { n.to_string() };
        Arc::new(StringArray::from(vec![text]))
    };
    let text = PropertyType::String;
    let arrays = names.iter().enumerate().map(|(n, name)| (name.as_str(), cell(n), text)).collect();
    let of: Vec<(&str, PropertyType)> = names.iter().map(|name| (name.as_str(), text)).collect();
    result(3, columns(&of), page(0, arrays), 1, 2)
}
