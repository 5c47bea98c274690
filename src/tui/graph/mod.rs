//! The graph pane: the nodes around a node, walked with the arrow keys.
//!
//! ```text
//!  show / action ─▶ GraphQuery ─▶ (the engine) ─▶ loaded(Neighbourhood)
//!                                                   └─▶ tree ─▶ layout ─▶ map | list | path
//! ```
//!
//! Invariants: nothing here waits; while a picture is on its way the old one stays; at most
//! [`DRAWN_NODES`] nodes are on the map, the rest is counted; the same answers and keys give the same
//! picture; every text of the database is escaped before it is drawn.

mod canvas;
mod filter;
mod layout;
mod list;
mod map;
#[cfg(test)]
pub(crate) mod style_runs;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use std::cell::Cell;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use uuid::Uuid;

use crate::bus::{GraphNode, Neighbourhood, PathFound};
use crate::model::{Direction, NodeId};
use crate::tui::theme::Theme;

use filter::{Filter, FilterOutcome};
use layout::{Spacing, Stacks};
use tree::{Item, Side, Tree};

/// Nodes on the map.
const DRAWN_NODES: usize = 60;
/// Nodes asked for, step by step; what does not go on the map is in the list.
const NODE_STEPS: [u32; 5] = [30, 60, 120, 240, 480];
const DEPTH_MAX: u32 = 4;
const TRAIL_MAX: usize = 100;

/// What the pane wants to know: the fields of the bus command `Neighbourhood`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphQuery {
    /// The node in the middle.
    pub node: NodeId,
    /// Which way edges are followed.
    pub direction: Direction,
    /// How many steps out.
    pub depth: u32,
    /// Only these edge types; all when empty.
    pub edge_types: Vec<String>,
    /// At most this many nodes.
    pub max_nodes: u32,
}

/// What the program must do after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphOutcome {
    /// Only draw.
    Nothing,
    /// Ask the engine; the answer goes to [`GraphPane::loaded`] or [`GraphPane::failed`].
    Load(GraphQuery),
    /// Show this node in the inspector.
    Inspect(NodeId),
    /// Ask for a shortest path; the answer goes to [`GraphPane::path_loaded`] or [`GraphPane::failed`].
    Path {
        /// Where it starts.
        from: NodeId,
        /// Where it ends.
        to: NodeId,
    },
    /// Tell the user.
    Message(String),
}

/// What a key means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphAction {
    /// The selection goes up.
    Up,
    /// The selection goes down.
    Down,
    /// The selection goes left; in a list to the parent.
    Left,
    /// The selection goes right; in a list to the first child.
    Right,
    /// The selected node becomes the middle; on a stub, more nodes are asked for.
    Recentre,
    /// Back along the trail.
    Back,
    /// One step more from the middle.
    Deeper,
    /// One step less.
    Shallower,
    /// Opens the choice of edge types.
    EdgeFilter,
    /// More neighbours.
    More,
    /// Map or list.
    ToggleView,
    /// Marks an end of a path; the second asks for it.
    Mark,
    /// Shows the selected node in the inspector.
    Inspect,
}

/// An answer as it is shown.
struct Shown {
    around: Neighbourhood,
    map: Tree,
    list: Tree,
}

/// A path that was found.
struct PathView {
    found: PathFound,
    /// It is shown as a list, in place of the map.
    open: bool,
    selected: usize,
}

/// What to return to when loading fails.
struct Before {
    query: Option<GraphQuery>,
    trail: Vec<GraphNode>,
}

/// The graph pane.
pub struct GraphPane {
    shown: Option<Shown>,
    /// What is shown or on its way.
    query: Option<GraphQuery>,
    /// Set while an answer is on its way.
    loading: Option<Before>,
    /// The middles before this one.
    trail: Vec<GraphNode>,
    selected: Item,
    /// What to select in the next answer.
    prefer: Option<NodeId>,
    /// The row of each side that was selected last.
    focus: [usize; 2],
    list: bool,
    marks: Vec<GraphNode>,
    path: Option<PathView>,
    filter: Option<Filter>,
    /// What the last line says in place of the selection, and whether it is an error.
    note: Option<(String, bool)>,
    /// Where it was drawn last: what up, down, left and right mean depends on it.
    area: Cell<Rect>,
}

impl Default for GraphPane {
    fn default() -> Self {
        Self::new()
    }
}

impl GraphPane {
    /// A pane without a picture.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shown: None,
            query: None,
            loading: None,
            trail: Vec::new(),
            selected: Item::Node(0),
            prefer: None,
            focus: [0, 0],
            list: false,
            marks: Vec::new(),
            path: None,
            filter: None,
            note: None,
            area: Cell::new(Rect::new(0, 0, 80, 24)),
        }
    }

    /// The node in the middle, or on its way there.
    #[must_use]
    pub fn center(&self) -> Option<NodeId> {
        self.query.as_ref().map(|query| query.node)
    }

    /// What is shown or on its way: to ask again after data changed.
    #[must_use]
    pub fn query(&self) -> Option<GraphQuery> {
        self.query.clone()
    }

    /// Puts a node in the middle; the one there goes onto the trail.
    pub fn show(&mut self, node: NodeId) -> GraphOutcome {
        self.note = None;
        self.filter = None;
        if let Some(path) = &mut self.path {
            path.open = false;
        }
        let before = self.before();
        let old = self.shown.as_ref().and_then(|shown| shown.around.nodes.first()).cloned();
        if let Some(old) = old.filter(|old| old.id != node && self.loading.is_none()) {
            self.trail.push(old);
            if self.trail.len() > TRAIL_MAX {
                self.trail.remove(0);
            }
        }
        self.prefer = None;
        let query = match &self.query {
            Some(query) => GraphQuery { node, max_nodes: NODE_STEPS[0], ..query.clone() },
            None => GraphQuery {
                node,
                direction: Direction::Both,
                depth: 1,
                edge_types: Vec::new(),
                max_nodes: NODE_STEPS[0],
            },
        };
        self.load(before, query)
    }

    fn before(&self) -> Before {
        Before { query: self.query.clone(), trail: self.trail.clone() }
    }

    fn load(&mut self, before: Before, query: GraphQuery) -> GraphOutcome {
        // What failing returns to is the picture that is seen, however many answers were asked for.
        self.loading.get_or_insert(before);
        self.query = Some(query.clone());
        GraphOutcome::Load(query)
    }

    /// Asks again with a changed query; the selection stays.
    fn reload(&mut self, change: impl FnOnce(&mut GraphQuery)) -> GraphOutcome {
        let Some(mut query) = self.query.clone() else { return GraphOutcome::Nothing };
        change(&mut query);
        self.prefer = self.selected();
        let before = self.before();
        self.load(before, query)
    }

    /// Takes the answer to the last query; an answer about another node is dropped.
    pub fn loaded(&mut self, around: Neighbourhood) {
        let middle = around.nodes.first().map(|node| node.id);
        if middle.is_none() || middle != self.center() {
            return;
        }
        self.loading = None;
        let shown =
            Shown { map: Tree::new(&around, DRAWN_NODES), list: Tree::new(&around, usize::MAX), around };
        let wanted = self.prefer.take();
        let found = shown.around.nodes.iter().position(|node| Some(node.id) == wanted);
        self.shown = Some(shown);
        self.focus = [0, 0];
        self.select(Item::Node(found.unwrap_or(0)));
    }

    /// Takes a failure in place of an answer: the old picture stays.
    pub fn failed(&mut self, message: String) {
        if let Some(before) = self.loading.take() {
            (self.query, self.trail) = (before.query, before.trail);
        }
        self.note = Some((message, true));
    }

    /// Takes the answer to a `Path`: drawn on the map where all of it is there, else as a list.
    pub fn path_loaded(&mut self, path: Option<PathFound>) {
        let ends: Vec<&str> = self.marks.iter().map(|node| node.label.as_str()).collect();
        match path {
            Some(found) => {
                let steps = found.nodes.len().saturating_sub(1);
                let plural = if steps == 1 { "" } else { "s" };
                self.note = Some((format!("shortest path: {steps} step{plural}"), false));
                let open = self.list || !self.is_on_map(&found);
                self.path = Some(PathView { found, open, selected: 0 });
            }
            None => {
                self.path = None;
                self.note = Some((format!("no path between {}", ends.join(" and ")), false));
            }
        }
        self.marks.clear();
    }

    /// Whether each step of a path is a line of the map.
    fn is_on_map(&self, path: &PathFound) -> bool {
        let Some(shown) = &self.shown else { return false };
        let place = |node: &GraphNode| {
            let at = shown.around.nodes.iter().position(|n| n.id == node.id)?;
            (at < shown.map.links.len()).then_some(at)
        };
        let places: Option<Vec<usize>> = path.nodes.iter().map(place).collect();
        let parent = |node: usize| shown.map.link(Item::Node(node)).map(|link| link.parent);
        let joined = |pair: &[usize]| match pair {
            [a, b] => parent(*a) == Some(*b) || parent(*b) == Some(*a),
            _ => false,
        };
        places.is_some_and(|places| places.windows(2).all(joined))
    }

    /// The selected node; none where edges that are not drawn are selected.
    #[must_use]
    pub fn selected(&self) -> Option<NodeId> {
        self.selected_node().map(|node| node.id)
    }

    fn selected_node(&self) -> Option<&GraphNode> {
        if let Some(path) = self.path.as_ref().filter(|path| path.open) {
            return path.found.nodes.get(path.selected);
        }
        match self.selected {
            Item::Node(node) => self.shown.as_ref()?.around.nodes.get(node),
            Item::Stub(_) => None,
        }
    }

    /// What the node in the middle is called.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.shown.as_ref()?.around.nodes.first().map(|node| node.label.as_str())
    }

    /// The ids of the nodes and edges that are shown, or of those of the path that is.
    #[must_use]
    pub fn drawn(&self) -> Vec<Uuid> {
        let (nodes, edges) = match (&self.path, &self.shown) {
            (Some(path), _) if path.open => (&path.found.nodes, &path.found.edges),
            (_, Some(shown)) => (&shown.around.nodes, &shown.around.edges),
            (_, None) => return Vec::new(),
        };
        nodes.iter().map(|node| node.id.0).chain(edges.iter().map(|edge| edge.id.0)).collect()
    }

    /// The tree of the present view.
    fn tree(&self) -> Option<&Tree> {
        self.shown.as_ref().map(|shown| if self.list { &shown.list } else { &shown.map })
    }

    /// The rows of the map without empty ones: the order to walk in.
    fn stacks(&self) -> Stacks {
        let shown = self.shown.as_ref();
        shown.map(|shown| Stacks::new(&shown.map, [Spacing::Tight; 2])).unwrap_or_default()
    }

    /// Selects an item, if it is there; what was selected on the other side keeps its place.
    fn select(&mut self, item: Item) {
        let there = self.tree().is_some_and(|tree| match item {
            Item::Node(node) => node < tree.links.len(),
            Item::Stub(stub) => stub < tree.stubs.len(),
        });
        self.selected = if there { item } else { Item::Node(0) };
        if let Some(spot) = self.stacks().spot(self.selected).copied() {
            let side = match spot.side {
                Side::Left => 0,
                Side::Right => 1,
            };
            if let Some(focus) = self.focus.get_mut(side) {
                *focus = spot.first.midpoint(spot.last);
            }
        }
    }

    /// Does what a key means.
    pub fn action(&mut self, action: GraphAction) -> GraphOutcome {
        if self.shown.is_none() {
            return GraphOutcome::Message("no node is shown: pick one first".into());
        }
        self.note = None;
        // These are about the neighbourhood: what they change must be seen.
        if matches!(
            action,
            GraphAction::Deeper | GraphAction::Shallower | GraphAction::EdgeFilter | GraphAction::More
        ) {
            self.close_path();
        }
        match action {
            GraphAction::Up | GraphAction::Down | GraphAction::Left | GraphAction::Right => {
                self.walk(action);
                GraphOutcome::Nothing
            }
            GraphAction::Recentre => match self.selected() {
                None => self.action(GraphAction::More),
                Some(node) if Some(node) == self.center() => GraphOutcome::Nothing,
                Some(node) => self.show(node),
            },
            GraphAction::Back => self.back(),
            GraphAction::Deeper => self.set_depth(1),
            GraphAction::Shallower => self.set_depth(-1),
            GraphAction::EdgeFilter => {
                let chosen = self.query.as_ref().map(|query| query.edge_types.as_slice());
                let types = self.shown.as_ref().map(|shown| &shown.around.edge_types);
                self.filter = types.map(|types| Filter::new(types, chosen.unwrap_or_default()));
                GraphOutcome::Nothing
            }
            GraphAction::More => self.more(),
            GraphAction::ToggleView => {
                match &mut self.path {
                    Some(path) if path.open => path.open = false,
                    _ => self.list = !self.list,
                }
                // Stubs differ between the views.
                let item = if let Item::Stub(_) = self.selected { Item::Node(0) } else { self.selected };
                self.select(item);
                GraphOutcome::Nothing
            }
            GraphAction::Mark => self.mark(),
            GraphAction::Inspect => self.selected().map_or(GraphOutcome::Nothing, GraphOutcome::Inspect),
        }
    }

    /// Goes from a path back to the neighbourhood. Returns whether a path was shown.
    pub fn close_path(&mut self) -> bool {
        self.path.as_mut().is_some_and(|path| std::mem::take(&mut path.open))
    }

    fn back(&mut self) -> GraphOutcome {
        if self.close_path() {
            return GraphOutcome::Nothing;
        }
        let before = self.before();
        let (Some(node), Some(query)) = (self.trail.pop(), self.query.clone()) else {
            return GraphOutcome::Message("this is where the trail began".into());
        };
        self.prefer = Some(query.node);
        self.load(before, GraphQuery { node: node.id, max_nodes: NODE_STEPS[0], ..query })
    }

    fn set_depth(&mut self, change: i32) -> GraphOutcome {
        let depth = self.query.as_ref().map_or(1, |query| query.depth);
        match depth.saturating_add_signed(change) {
            0 => GraphOutcome::Message("one step is the least".into()),
            new if new > DEPTH_MAX => GraphOutcome::Message(format!("{DEPTH_MAX} steps are the most")),
            new => self.reload(|query| query.depth = new),
        }
    }

    fn more(&mut self) -> GraphOutcome {
        let nothing_left = self.shown.as_ref().is_some_and(|shown| shown.around.stubs.is_empty());
        if nothing_left {
            return GraphOutcome::Message("all neighbours are here".into());
        }
        let now = self.query.as_ref().map_or(0, |query| query.max_nodes);
        match NODE_STEPS.iter().find(|step| **step > now) {
            Some(step) => self.reload(|query| query.max_nodes = *step),
            None => GraphOutcome::Message(format!(
                "{now} nodes are the most: pick edge types (e), or query the rest"
            )),
        }
    }

    fn mark(&mut self) -> GraphOutcome {
        let Some(node) = self.selected_node().cloned() else {
            return GraphOutcome::Message("only a node can be marked".into());
        };
        if let Some(at) = self.marks.iter().position(|marked| marked.id == node.id) {
            self.marks.remove(at);
            return GraphOutcome::Nothing;
        }
        if self.marks.len() > 1 {
            self.marks.clear();
        }
        self.marks.push(node);
        match self.marks.as_slice() {
            [from, to] => GraphOutcome::Path { from: from.id, to: to.id },
            _ => GraphOutcome::Message("marked: mark a second node for the shortest path".into()),
        }
    }

    /// Handles a key while the choice of edge types is open; `None` when it is not.
    pub fn key(&mut self, key: KeyEvent) -> Option<GraphOutcome> {
        let outcome = self.filter.as_mut()?.key(key);
        Some(match outcome {
            FilterOutcome::Open => GraphOutcome::Nothing,
            FilterOutcome::Cancel => {
                self.filter = None;
                GraphOutcome::Nothing
            }
            FilterOutcome::Apply(types) => {
                self.filter = None;
                let same = self.query.as_ref().is_some_and(|query| query.edge_types == types);
                if same {
                    return Some(GraphOutcome::Nothing);
                }
                self.reload(|query| (query.edge_types, query.max_nodes) = (types, NODE_STEPS[0]))
            }
        })
    }

    /// Selects what the mouse was pressed on; on what is selected already, makes it the middle.
    pub fn click(&mut self, column: u16, row: u16, area: Rect) -> GraphOutcome {
        if self.filter.is_some() || self.shown.is_none() || !area.contains(Position::new(column, row)) {
            return GraphOutcome::Nothing;
        }
        self.area.set(area);
        let was = (self.selected, self.path.as_ref().map(|path| path.selected));
        let listed = self.list || self.path.as_ref().is_some_and(|path| path.open);
        let hit = if listed { self.click_list(row) } else { self.click_map(column, row) };
        let now = (self.selected, self.path.as_ref().map(|path| path.selected));
        if hit && was == now { self.action(GraphAction::Recentre) } else { GraphOutcome::Nothing }
    }

    /// Draws the pane.
    pub fn draw(&self, frame: &mut Frame, area: Rect, focused: bool, theme: &Theme) {
        let area = area.intersection(frame.area());
        self.area.set(area);
        let screen = frame.buffer_mut();
        screen.set_style(area, theme.style("ui.text"));
        if area.is_empty() {
            return;
        }
        self.draw_frame(screen, area, theme);
        match (&self.shown, &self.path) {
            (_, Some(path)) if path.open => self.draw_path(screen, path, focused, theme),
            (Some(shown), _) if self.list => self.draw_list(screen, shown, focused, theme),
            (Some(shown), _) => self.draw_map(screen, shown, focused, theme),
            (None, _) => {}
        }
        if let Some(filter) = &self.filter {
            filter.draw(screen, area, theme);
        }
    }
}
