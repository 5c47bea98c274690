//! What the database should hold, and the random transactions that make it so: each change is made
//! in the store's transaction and, by other code, in a plain map.

use std::collections::BTreeMap;
use std::sync::Arc;

use aresadb::model::{
    EdgeEnds, EdgeId, IndexOrigin, NodeId, Properties, PropertyType, Result, RowId, TypeId, TypeKind, Value,
};
use aresadb::storage::sim::Rng;
use aresadb::storage::{NewIndex, NewProperty, NewType, Store, Transaction};
use uuid::Uuid;

/// A type, as far as the model knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub id: TypeId,
    pub kind: TypeKind,
    pub declared: bool,
    /// Type, declared, NOT NULL, by name.
    pub properties: BTreeMap<String, (PropertyType, bool, bool)>,
}

/// A node, or an edge with its ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub type_name: String,
    pub ends: Option<(Uuid, Uuid)>,
    pub properties: Properties,
}

/// The content of a database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    pub types: BTreeMap<String, Shape>,
    pub rows: BTreeMap<Uuid, Arc<Row>>,
}

impl State {
    fn nodes(&self) -> Vec<Uuid> {
        self.rows.iter().filter(|(_, row)| row.ends.is_none()).map(|(id, _)| *id).collect()
    }

    fn edges(&self) -> Vec<Uuid> {
        self.rows.iter().filter(|(_, row)| row.ends.is_some()).map(|(id, _)| *id).collect()
    }

    fn rows_of<'s>(&'s self, type_name: &'s str) -> impl Iterator<Item = (&'s Uuid, &'s Arc<Row>)> {
        self.rows.iter().filter(move |(_, row)| row.type_name == type_name)
    }

    fn remove_with_edges(&mut self, id: Uuid) {
        self.rows.remove(&id);
        self.rows.retain(|_, row| row.ends.is_none_or(|(from, to)| from != id && to != id));
    }

    fn set(&mut self, id: Uuid, given: Properties) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        let row = Arc::make_mut(row);
        for (name, value) in given {
            if value.is_null() {
                row.properties.remove(&name);
            } else {
                row.properties.insert(name, value);
            }
        }
    }

    /// Properties that an insert or update shows for the first time.
    fn meet(&mut self, type_name: &str, given: &Properties) {
        let Some(shape) = self.types.get_mut(type_name) else { return };
        for (name, value) in given {
            if let Some(found) = value.property_type() {
                shape.properties.entry(name.clone()).or_insert((found, false, false));
            }
        }
    }
}

/// What kind of transactions there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Changes of a transaction, at most.
    pub changes_max: usize,
    /// Rows the database is kept at, roughly.
    pub rows: usize,
    /// One value of so many is large.
    pub large_one_in: usize,
    /// Bytes of a large value, at most.
    pub large_max: usize,
}

/// Makes transactions. The same seed makes the same ones on the same state.
#[derive(Debug, Clone)]
pub struct Workload {
    pub rng: Rng,
    pub traffic: Traffic,
    /// Ids that were there once; a caller may choose one again.
    pub gone: Vec<Uuid>,
}

impl Workload {
    pub fn new(seed: u64, traffic: Traffic) -> Self {
        Self { rng: Rng(seed), traffic, gone: Vec::new() }
    }

    /// A transaction on `state`, ready to commit, and what the database then holds.
    pub fn transaction(&mut self, store: &Arc<Store>, state: &State) -> Result<(Transaction, State)> {
        let mut tx = store.begin()?;
        let mut state = state.clone();
        let changes = 1 + self.rng.below(self.traffic.changes_max);
        let mut left = changes;
        // One statement may be taken back, so one more makes sure that something is left.
        while left > 0 || tx.is_empty() {
            let before = state.clone();
            tx.begin_statement();
            for _ in 0..=self.rng.below(6) {
                self.change(&mut tx, &mut state)?;
                left = left.saturating_sub(1);
            }
            if self.rng.below(10) == 0 {
                tx.abort_statement();
                state = before;
            } else {
                tx.end_statement();
            }
        }
        Ok((tx, state))
    }

    fn change(&mut self, tx: &mut Transaction, state: &mut State) -> Result<()> {
        let full = state.rows.len() > self.traffic.rows;
        match self.rng.below(100) {
            0..=2 => self.scratch(tx, state),
            3..=27 if !full => self.insert_node(tx, state),
            28..=37 if !full => self.insert_city(tx, state),
            38..=60 if !full => self.insert_edge(tx, state),
            61..=78 => self.update(tx, state),
            n => {
                let edges = if n % 3 == 0 { Vec::new() } else { state.edges() };
                let ids = if edges.is_empty() { state.nodes() } else { edges };
                self.delete(tx, state, &ids)
            }
        }
    }

    fn insert_node(&mut self, tx: &mut Transaction, state: &mut State) -> Result<()> {
        let name = format!("n{}", self.rng.below(3));
        let type_id = tx.ensure_type(&name, TypeKind::Node)?;
        undeclared(state, &name, type_id, TypeKind::Node);
        let given = self.properties(false);
        self.insert(tx, state, &name, type_id, None, given)
    }

    fn insert_city(&mut self, tx: &mut Transaction, state: &mut State) -> Result<()> {
        let type_id = match state.types.get("city") {
            Some(shape) => shape.id,
            None => declare(tx, state, "city", TypeKind::Node)?,
        };
        let people = self.rng.below(9_000_000);
        let mut given = Properties::from([("name".to_owned(), Value::String(self.text(12)))]);
        if !people.is_multiple_of(3) {
            given.insert("people".to_owned(), Value::Float(people as f64));
        }
        self.insert(tx, state, "city", type_id, None, given)
    }

    fn insert_edge(&mut self, tx: &mut Transaction, state: &mut State) -> Result<()> {
        let cities: Vec<Uuid> = state.rows_of("city").map(|(id, _)| *id).collect();
        let declared = self.rng.below(4) == 0 && !cities.is_empty();
        let nodes = if declared { cities } else { state.nodes() };
        if nodes.is_empty() {
            return self.insert_node(tx, state);
        }
        let (mut from, mut to) = (self.pick(&nodes), self.pick(&nodes));
        match self.rng.below(6) {
            0 => to = from,
            1 => {
                // A second edge beside another.
                let edges = state.edges();
                if let Some((a, b)) =
                    edges.get(self.rng.below(edges.len())).and_then(|id| state.rows[id].ends)
                    && nodes.contains(&a)
                    && nodes.contains(&b)
                {
                    (from, to) = (a, b);
                }
            }
            _ => {}
        }
        let (name, type_id) = if declared {
            let type_id = match state.types.get("road") {
                Some(shape) => shape.id,
                None => {
                    let city = Some(state.types["city"].id);
                    declare(tx, state, "road", TypeKind::Edge(EdgeEnds { from: city, to: city }))?
                }
            };
            ("road".to_owned(), type_id)
        } else {
            let name = format!("e{}", self.rng.below(2));
            let kind = TypeKind::Edge(EdgeEnds::default());
            let type_id = tx.ensure_type(&name, kind)?;
            undeclared(state, &name, type_id, kind);
            (name, type_id)
        };
        let given = if declared { Properties::new() } else { self.properties(true) };
        self.insert(tx, state, &name, type_id, Some((from, to)), given)
    }

    fn insert(
        &mut self,
        tx: &mut Transaction,
        state: &mut State,
        name: &str,
        type_id: TypeId,
        ends: Option<(Uuid, Uuid)>,
        given: Properties,
    ) -> Result<()> {
        let chosen = self.chosen_id(state);
        let values = tx.resolve_properties(type_id, given.clone())?;
        let id = match ends {
            None => tx.insert_node(type_id, chosen.map(NodeId), values)?.1.0,
            Some((from, to)) => {
                let (from, to) = (row_in(tx, from)?, row_in(tx, to)?);
                tx.insert_edge(type_id, chosen.map(EdgeId), from, to, values)?.1.0
            }
        };
        state.meet(name, &given);
        let row = Row { type_name: name.to_owned(), ends, properties: Properties::new() };
        state.rows.insert(id, Arc::new(row));
        state.set(id, given);
        Ok(())
    }

    /// Mostly none; else a new one, or one that was there before.
    fn chosen_id(&mut self, state: &State) -> Option<Uuid> {
        match self.rng.below(12) {
            0 => Some(Uuid::from_u128(u128::from(self.rng.next()) << 64 | u128::from(self.rng.next()))),
            1 => self
                .gone
                .get(self.rng.below(self.gone.len()))
                .copied()
                .filter(|id| !state.rows.contains_key(id)),
            _ => None,
        }
    }

    fn update(&mut self, tx: &mut Transaction, state: &mut State) -> Result<()> {
        let ids: Vec<Uuid> = state.rows.keys().copied().collect();
        let Some(id) = ids.get(self.rng.below(ids.len())).copied() else {
            return self.insert_node(tx, state);
        };
        let name = state.rows[&id].type_name.clone();
        let given = match name.as_str() {
            "city" => Properties::from([("name".to_owned(), Value::String(self.text(20)))]),
            "road" => {
                Properties::from([("people".to_owned(), Value::Null), ("name".to_owned(), Value::from("x"))])
            }
            name if name.starts_with('s') => Properties::from([("name".to_owned(), Value::from("y"))]),
            _ => {
                let mut given = self.properties(false);
                for value in given.values_mut() {
                    if self.rng.below(4) == 0 {
                        *value = Value::Null;
                    }
                }
                given
            }
        };
        let row = row_in(tx, id)?;
        let values = tx.resolve_properties(row.type_id(), given.clone())?;
        assert!(tx.update(row, values)?, "the row is there");
        state.meet(&name, &given);
        state.set(id, given);
        Ok(())
    }

    fn delete(&mut self, tx: &mut Transaction, state: &mut State, ids: &[Uuid]) -> Result<()> {
        if ids.is_empty() {
            return self.insert_node(tx, state);
        }
        let id = self.pick(ids);
        let row = row_in(tx, id)?;
        assert!(tx.delete(row)?.is_some(), "the row is there");
        let before: Vec<Uuid> = state.rows.keys().copied().collect();
        state.remove_with_edges(id);
        self.gone.extend(before.into_iter().filter(|id| !state.rows.contains_key(id)));
        Ok(())
    }

    /// Definitions come and go: made, filled, dropped, made again under the same name.
    fn scratch(&mut self, tx: &mut Transaction, state: &mut State) -> Result<()> {
        let name = ["s0", "s1", "e1"][self.rng.below(3)];
        let Some(shape) = state.types.get(name) else {
            if name == "e1" {
                return self.insert_edge(tx, state);
            }
            let type_id = declare(tx, state, name, TypeKind::Node)?;
            for _ in 0..self.rng.below(4) {
                let given = Properties::from([("name".to_owned(), Value::String(self.text(9)))]);
                self.insert(tx, state, name, type_id, None, given)?;
            }
            return Ok(());
        };
        let ids: Vec<Uuid> = state.rows_of(name).map(|(id, _)| *id).collect();
        let hung_on =
            |id: &Uuid| state.rows.values().any(|row| row.ends.is_some_and(|(f, t)| f == *id || t == *id));
        if shape.kind == TypeKind::Node && ids.iter().any(hung_on) {
            return self.delete(tx, state, &ids);
        }
        let type_id = shape.id;
        assert_eq!(tx.drop_type(type_id)?, ids.len() as u64, "rows of the dropped type");
        state.types.remove(name);
        state.rows.retain(|id, _| !ids.contains(id));
        self.gone.extend(ids);
        Ok(())
    }

    fn pick(&mut self, ids: &[Uuid]) -> Uuid {
        ids[self.rng.below(ids.len())]
    }

    fn text(&mut self, most: usize) -> String {
        let length = 1 + self.rng.below(most);
        (0..length).map(|_| ['a', 'b', 'ö', '€', ' ', '0'][self.rng.below(6)]).collect()
    }

    /// Some properties, of any type; a name always has values of one type.
    fn properties(&mut self, few: bool) -> Properties {
        let mut given = Properties::new();
        for _ in 0..self.rng.below(if few { 2 } else { 4 }) {
            let n = self.rng.next();
            let (name, value) = match self.rng.below(12) {
                0 | 1 => ("i", Value::Integer(n as i64)),
                2 => ("f", Value::Float((n >> 12) as f64 / 7.0)),
                3 => ("b", Value::Bool(n.is_multiple_of(2))),
                4 => ("s", Value::String(self.text(40))),
                5 => ("a", Value::Array(vec![Value::Integer(n as i64 % 5), Value::Null, Value::from("x")])),
                6 => ("o", Value::Object([("k".to_owned(), Value::Integer(n as i64 % 9))].into())),
                7 => ("t", Value::Timestamp((n >> 20) as i64)),
                8 => ("v", Value::Vector(vec![n as f32, 0.5, -1.0])),
                9 => ("u", Value::Uuid(Uuid::from_u128(u128::from(n)))),
                10 => ("z", Value::String(self.large(false))),
                _ => ("y", Value::Bytes(self.large(true).into_bytes())),
            };
            given.insert(name.to_owned(), value);
        }
        given
    }

    /// Text that is mostly small; `noise` does not compress.
    fn large(&mut self, noise: bool) -> String {
        let large = self.rng.below(self.traffic.large_one_in.max(1)) == 0;
        let length = self.rng.below(if large { self.traffic.large_max } else { 60 });
        if noise {
            (0..length).map(|_| char::from(33 + (self.rng.next() % 90) as u8)).collect()
        } else {
            "large and regular ".chars().cycle().take(length).collect()
        }
    }
}

fn undeclared(state: &mut State, name: &str, id: TypeId, kind: TypeKind) {
    let shape = Shape { id, kind, declared: false, properties: BTreeMap::new() };
    state.types.entry(name.to_owned()).or_insert(shape);
}

/// Declares a type with the properties `name` and `people`.
fn declare(tx: &mut Transaction, state: &mut State, name: &str, kind: TypeKind) -> Result<TypeId> {
    let property = |name: &str, property_type, not_null| NewProperty {
        name: name.to_owned(),
        property_type,
        not_null,
        default: None,
    };
    let not_null = kind == TypeKind::Node;
    let properties = vec![
        property("name", PropertyType::String, not_null),
        property("people", PropertyType::Float, false),
    ];
    let id = tx.create_type(NewType { name: name.to_owned(), kind, open: false, properties })?;
    let people = vec!["people".to_owned()];
    tx.create_index(
        id,
        NewIndex { name: None, properties: people, unique: false, origin: IndexOrigin::Index },
    )?;
    let properties = BTreeMap::from([
        ("name".to_owned(), (PropertyType::String, true, not_null)),
        ("people".to_owned(), (PropertyType::Float, true, false)),
    ]);
    state.types.insert(name.to_owned(), Shape { id, kind, declared: true, properties });
    Ok(id)
}

fn row_in(tx: &mut Transaction, id: Uuid) -> Result<RowId> {
    Ok(tx.current_row_of(id)?.expect("the model has the row"))
}
