//! The inspector: one record with its properties, its edges in both directions, and where it lies.
//!
//! A group of edges unfolds into as many lines as it has edges, but only the pages near the
//! viewport are held: a node with 20,000 edges scrolls like one with 20. What is missing is asked
//! for by [`Inspector::wanted`]. Records visited before wait in a trail.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::bus::{EdgeGroup, EdgeItem, EdgePage, GraphNode, Inspection, RecordBody};
use crate::model::{NodeId, Properties, Value, escape_control, format_timestamp};

use super::lens::Lens;
use super::text;

/// Edges of a page.
pub(super) const EDGE_PAGE: u32 = 200;
const PAGE: u64 = EDGE_PAGE as u64;
/// Pages kept of one group.
const MAX_PAGES: usize = 16;
/// Records the trail remembers.
const MAX_TRAIL: usize = 50;

/// A part that folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Properties,
    Out,
    In,
    Record,
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InspectorRow {
    Id,
    /// An edge's end: the node it leaves, or the one it enters.
    End {
        from: bool,
    },
    Section(Section),
    Property(usize),
    /// A group of edges, by its place in the inspection.
    Group(usize),
    /// An edge of a group.
    Item(usize, u64),
    Fact(usize),
}

/// What opening a line leads to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Opened {
    Nothing,
    Inspect(Uuid),
    /// A value to show whole, with its name.
    View(String, Value),
}

#[derive(Debug)]
struct Record {
    inspection: Inspection,
    folded: BTreeSet<Section>,
    open: BTreeMap<usize, EdgeList>,
    cursor: u64,
    top: u64,
}

#[derive(Debug, Default)]
struct EdgeList {
    pages: BTreeMap<u64, Vec<EdgeItem>>,
    in_flight: BTreeSet<u64>,
    failed: BTreeSet<u64>,
}

/// The inspector.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    record: Option<Record>,
    trail: Vec<Record>,
    height: u64,
    pub(super) lens: Lens,
    /// The first line that another lens than the tree shows, and how many it has.
    pub(super) lens_top: usize,
    lens_lines: usize,
}

impl Inspector {
    /// Shows a record; the one before goes on the trail.
    pub(super) fn show(&mut self, inspection: Inspection) {
        let record = Record {
            inspection,
            folded: BTreeSet::from([Section::Record]),
            open: BTreeMap::new(),
            cursor: 0,
            top: 0,
        };
        if let Some(mut before) = self.record.replace(record)
            && self.id() != Some(id_of(&before.inspection))
        {
            // Its lines stay unfolded, the edges are read again.
            before.open.values_mut().for_each(|list| *list = EdgeList::default());
            self.trail.push(before);
            if self.trail.len() > MAX_TRAIL {
                self.trail.remove(0);
            }
        }
    }

    /// Shows the record before this one; whether there was one.
    pub(super) fn back(&mut self) -> bool {
        match self.trail.pop() {
            Some(record) => {
                self.record = Some(record);
                self.scroll();
                true
            }
            None => false,
        }
    }

    pub(super) fn inspection(&self) -> Option<&Inspection> {
        self.record.as_ref().map(|r| &r.inspection)
    }

    /// The record's id.
    pub(super) fn id(&self) -> Option<Uuid> {
        self.inspection().map(id_of)
    }

    /// The node to show the graph around: the other end under the cursor, or the record itself.
    pub(super) fn graph_node(&self) -> Option<NodeId> {
        if let Some(InspectorRow::Item(group, at)) = self.selected()
            && let Some(item) = self.item(group, at)
        {
            return Some(item.other.id);
        }
        match (&self.inspection()?.record, self.selected()) {
            (RecordBody::Node(node), _) => Some(node.id),
            (RecordBody::Edge(edge), Some(InspectorRow::End { from: false })) => Some(edge.to),
            (RecordBody::Edge(edge), _) => Some(edge.from),
        }
    }

    /// The record's type and what people know it by.
    pub(super) fn title(&self) -> Option<(String, String)> {
        let inspection = self.inspection()?;
        let safe = |text: &str| escape_control(text).into_owned();
        Some(match &inspection.record {
            RecordBody::Node(node) => {
                let label =
                    ["name", "title", "label"].iter().find_map(|name| match node.properties.get(*name) {
                        Some(Value::String(text)) if !text.is_empty() => Some(safe(text)),
                        _ => None,
                    });
                (safe(&node.node_type), label.unwrap_or_default())
            }
            RecordBody::Edge(edge) => {
                let ends =
                    inspection.ends.as_ref().map(|(from, to)| format!("{} → {}", from.label, to.label));
                (safe(&edge.edge_type), safe(&ends.unwrap_or_default()))
            }
        })
    }

    pub(super) fn properties(&self) -> Option<&Properties> {
        self.inspection().map(|i| match &i.record {
            RecordBody::Node(node) => &node.properties,
            RecordBody::Edge(edge) => &edge.properties,
        })
    }

    pub(super) fn property(&self, index: usize) -> Option<(&String, &Value)> {
        self.properties()?.iter().nth(index)
    }

    pub(super) fn group(&self, index: usize) -> Option<&EdgeGroup> {
        self.inspection()?.edges.get(index)
    }

    pub(super) fn end(&self, from: bool) -> Option<&GraphNode> {
        let ends = self.inspection()?.ends.as_ref()?;
        Some(if from { &ends.0 } else { &ends.1 })
    }

    pub(super) fn item(&self, group: usize, at: u64) -> Option<&EdgeItem> {
        let list = self.record.as_ref()?.open.get(&group)?;
        list.pages.get(&(at / PAGE))?.get(usize::try_from(at % PAGE).ok()?)
    }

    /// Times and storage: name and value.
    pub(super) fn facts(&self) -> Vec<(&'static str, Value)> {
        let Some(inspection) = self.inspection() else { return Vec::new() };
        let (created, updated) = match &inspection.record {
            RecordBody::Node(n) => (n.created_at, n.updated_at),
            RecordBody::Edge(e) => (e.created_at, e.updated_at),
        };
        let s = &inspection.storage;
        let number = |n: u64| Value::String(text::count(n));
        vec![
            ("created", Value::String(format_timestamp(created))),
            ("updated", Value::String(format_timestamp(updated))),
            ("bytes", number(s.bytes)),
            ("row", Value::String(format!("0x{:016x}", s.row))),
            ("sequence", number(s.sequence)),
            ("chunk", number(s.chunk)),
            ("lsn", number(s.lsn)),
        ]
    }

    /// Lines in runs: the first line of a run and how many follow each other.
    fn runs(&self) -> Vec<(InspectorRow, u64)> {
        let Some(record) = &self.record else { return Vec::new() };
        let mut runs = vec![(InspectorRow::Id, 1)];
        if record.inspection.ends.is_some() {
            runs.push((InspectorRow::End { from: true }, 1));
            runs.push((InspectorRow::End { from: false }, 1));
        }
        runs.push((InspectorRow::Section(Section::Properties), 1));
        if !record.folded.contains(&Section::Properties) {
            runs.push((InspectorRow::Property(0), self.properties().map_or(0, |p| p.len() as u64)));
        }
        if matches!(record.inspection.record, RecordBody::Node(_)) {
            for (section, outgoing) in [(Section::Out, true), (Section::In, false)] {
                runs.push((InspectorRow::Section(section), 1));
                if record.folded.contains(&section) {
                    continue;
                }
                for (i, group) in record.inspection.edges.iter().enumerate() {
                    if group.outgoing == outgoing {
                        runs.push((InspectorRow::Group(i), 1));
                        if record.open.contains_key(&i) {
                            runs.push((InspectorRow::Item(i, 0), group.count));
                        }
                    }
                }
            }
        }
        runs.push((InspectorRow::Section(Section::Record), 1));
        if !record.folded.contains(&Section::Record) {
            runs.push((InspectorRow::Fact(0), self.facts().len() as u64));
        }
        runs
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> u64 {
        self.runs().iter().map(|(_, n)| n).sum()
    }

    /// The lines from `top` on, at most `most`.
    pub(super) fn visible(&self, most: u64) -> Vec<(u64, InspectorRow)> {
        let top = self.top();
        let mut at = 0;
        let mut visible = Vec::new();
        for (first, n) in self.runs() {
            let from = top.max(at);
            let to = (at + n).min(top + most);
            for line in from..to {
                visible.push((line, nth_of_run(first, line - at)));
            }
            at += n;
            if at >= top + most {
                break;
            }
        }
        visible
    }

    fn row_at(&self, line: u64) -> Option<InspectorRow> {
        let mut at = 0;
        for (first, n) in self.runs() {
            if line < at + n {
                return Some(nth_of_run(first, line - at));
            }
            at += n;
        }
        None
    }

    pub(super) fn selected(&self) -> Option<InspectorRow> {
        self.row_at(self.cursor())
    }

    pub(super) fn cursor(&self) -> u64 {
        self.record.as_ref().map_or(0, |r| r.cursor)
    }

    pub(super) fn top(&self) -> u64 {
        self.record.as_ref().map_or(0, |r| r.top)
    }

    pub(super) fn height(&self) -> u64 {
        self.height
    }

    pub(super) fn is_unfolded(&self, row: InspectorRow) -> bool {
        self.record.as_ref().is_some_and(|record| match row {
            InspectorRow::Section(section) => !record.folded.contains(&section),
            InspectorRow::Group(group) => record.open.contains_key(&group),
            _ => false,
        })
    }

    /// Unfolds or folds the line under the cursor; lines without anything below fold their parent.
    pub(super) fn unfold(&mut self, unfold: bool) {
        let row = self.selected();
        let Some(record) = &mut self.record else { return };
        match row {
            Some(InspectorRow::Section(section)) if unfold => {
                record.folded.remove(&section);
            }
            Some(InspectorRow::Section(section)) => {
                record.folded.insert(section);
            }
            Some(InspectorRow::Group(group)) if unfold => {
                record.open.entry(group).or_default();
            }
            Some(InspectorRow::Group(group)) if record.open.remove(&group).is_some() => {}
            Some(_) if !unfold => self.go_to_parent(),
            _ => {}
        }
        self.scroll();
    }

    fn go_to_parent(&mut self) {
        let Some(row) = self.selected() else { return };
        let mut at = 0;
        let mut parent = 0;
        for (first, n) in self.runs() {
            if self.cursor() < at + n {
                break;
            }
            let is_parent = match row {
                InspectorRow::Item(..) => matches!(first, InspectorRow::Group(_)),
                _ => matches!(first, InspectorRow::Section(_)),
            };
            if is_parent {
                parent = at;
            }
            at += n;
        }
        if let Some(record) = &mut self.record {
            record.cursor = parent;
        }
    }

    /// Opens the line under the cursor.
    pub(super) fn open(&mut self) -> Opened {
        match self.selected() {
            Some(row @ (InspectorRow::Section(_) | InspectorRow::Group(_))) => {
                self.unfold(!self.is_unfolded(row));
                Opened::Nothing
            }
            Some(InspectorRow::Item(group, at)) => {
                self.item(group, at).map_or(Opened::Nothing, |item| Opened::Inspect(item.other.id.0))
            }
            Some(InspectorRow::End { from }) => {
                self.end(from).map_or(Opened::Nothing, |node| Opened::Inspect(node.id.0))
            }
            Some(_) => self.value().map_or(Opened::Nothing, |(name, value)| Opened::View(name, value)),
            None => Opened::Nothing,
        }
    }

    /// The name and value under the cursor: what is copied or shown whole.
    pub(super) fn value(&self) -> Option<(String, Value)> {
        match self.selected()? {
            InspectorRow::Id => Some(("id".to_owned(), Value::Uuid(self.id()?))),
            InspectorRow::Property(i) => self.property(i).map(|(n, v)| (n.clone(), v.clone())),
            InspectorRow::Fact(i) => self.facts().get(i).map(|(n, v)| ((*n).to_owned(), v.clone())),
            InspectorRow::Item(group, at) => {
                self.item(group, at).map(|item| ("node".to_owned(), Value::Uuid(item.other.id.0)))
            }
            InspectorRow::End { from } => {
                self.end(from).map(|node| ("node".to_owned(), Value::Uuid(node.id.0)))
            }
            InspectorRow::Section(_) | InspectorRow::Group(_) => None,
        }
    }

    /// The pages of edges to ask for: group and page; they count as asked for from here on.
    pub(super) fn wanted(&mut self) -> Vec<(usize, u64)> {
        // A screen ahead and behind keeps scrolling smooth.
        let from = self.top().saturating_sub(self.height);
        let to = self.top() + 2 * self.height.max(1);
        let mut at = 0;
        let mut near = Vec::new();
        for (first, n) in self.runs() {
            if let InspectorRow::Item(group, _) = first
                && n > 0
                && at < to
                && at + n > from
            {
                let first_item = from.saturating_sub(at);
                let last_item = (to - at).min(n) - 1;
                near.extend((first_item / PAGE..=last_item / PAGE).map(|page| (group, page)));
            }
            at += n;
        }
        let Some(record) = &mut self.record else { return Vec::new() };
        near.retain(|(group, page)| {
            record.open.get_mut(group).is_some_and(|list| {
                !list.pages.contains_key(page) && !list.failed.contains(page) && list.in_flight.insert(*page)
            })
        });
        near
    }

    /// Takes a page of edges, if it belongs to the record shown.
    pub(super) fn edges_arrived(&mut self, group: usize, page: u64, edges: Option<EdgePage>) {
        let Some(record) = &mut self.record else { return };
        let top = record.top;
        let Some(list) = record.open.get_mut(&group) else { return };
        list.in_flight.remove(&page);
        let Some(edges) = edges else {
            list.failed.insert(page);
            return;
        };
        list.pages.insert(page, edges.items);
        while list.pages.len() > MAX_PAGES {
            let near = top / PAGE;
            let Some(far) = list.pages.keys().copied().max_by_key(|p| p.abs_diff(near)) else { break };
            list.pages.remove(&far);
        }
        if let Some(known) = record.inspection.edges.get_mut(group) {
            known.count = edges.total;
        }
        self.scroll();
    }

    /// Shows the record another way.
    pub(super) fn turn(&mut self) {
        self.lens = self.lens.next();
        self.lens_top = 0;
    }

    /// How many lines the lens has.
    pub(super) fn fit_lens(&mut self, lines: usize) {
        self.lens_lines = lines;
        self.scroll_lens(0);
    }

    fn scroll_lens(&mut self, by: i64) {
        let height = usize::try_from(self.height).unwrap_or(1);
        let by = isize::try_from(by.clamp(-1_000_000, 1_000_000)).unwrap_or(0);
        let last = self.lens_lines.saturating_sub(height);
        self.lens_top = self.lens_top.saturating_add_signed(by).min(last);
    }

    pub(super) fn move_by(&mut self, by: i64) {
        if self.lens != Lens::Node {
            return self.scroll_lens(by);
        }
        if let Some(record) = &mut self.record {
            record.cursor = record.cursor.saturating_add_signed(by);
        }
        self.scroll();
    }

    pub(super) fn wheel(&mut self, by: i64) {
        if self.lens != Lens::Node {
            return self.scroll_lens(by);
        }
        let last_top = self.lines().saturating_sub(self.height);
        let height = self.height.max(1);
        if let Some(record) = &mut self.record {
            record.top = record.top.saturating_add_signed(by).min(last_top);
            record.cursor = record.cursor.clamp(record.top, record.top + height - 1);
        }
        self.scroll();
    }

    pub(super) fn go_to(&mut self, line: u64) {
        if self.lens != Lens::Node {
            self.lens_top = usize::try_from(line).unwrap_or(usize::MAX);
            return self.scroll_lens(0);
        }
        if let Some(record) = &mut self.record {
            record.cursor = line;
        }
        self.scroll();
    }

    pub(super) fn fit(&mut self, height: u16) {
        self.height = u64::from(height);
        self.scroll();
    }

    fn scroll(&mut self) {
        let lines = self.lines();
        let height = self.height.max(1);
        if let Some(record) = &mut self.record {
            record.cursor = record.cursor.min(lines.saturating_sub(1));
            record.top = record.top.min(record.cursor).max((record.cursor + 1).saturating_sub(height));
            record.top = record.top.min(lines.saturating_sub(height));
        }
    }
}

fn nth_of_run(first: InspectorRow, n: u64) -> InspectorRow {
    let small = usize::try_from(n).unwrap_or(usize::MAX);
    match first {
        InspectorRow::Property(_) => InspectorRow::Property(small),
        InspectorRow::Fact(_) => InspectorRow::Fact(small),
        InspectorRow::Item(group, _) => InspectorRow::Item(group, n),
        row => row,
    }
}

fn id_of(inspection: &Inspection) -> Uuid {
    match &inspection.record {
        RecordBody::Node(node) => node.id.0,
        RecordBody::Edge(edge) => edge.id.0,
    }
}
