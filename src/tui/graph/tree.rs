//! A neighbourhood as a tree around its middle: who is drawn beside whom.
//!
//! Invariants: every drawn node but the middle hangs on exactly one parent, one step nearer to the
//! middle; nodes the middle leads to stand on the right, nodes that only lead to it on the left, and
//! everything further out stays on its parent's side; the same neighbourhood gives the same tree;
//! places out of range (a damaged answer) are left out, never followed.

use std::collections::{BTreeMap, VecDeque};

use crate::bus::Neighbourhood;

/// Which side of the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Left,
    Right,
}

/// What can be selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A node, by place in the neighbourhood.
    Node(usize),
    /// Edges that are not drawn, by place in [`Tree::stubs`].
    Stub(usize),
}

/// How a node hangs on its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) parent: usize,
    pub(super) side: Side,
    /// Steps from the middle.
    pub(super) level: usize,
    /// The types of the edges between the two, in order, joined by a comma.
    pub(super) label: String,
    /// An edge leads from the parent to the child.
    pub(super) away: bool,
    /// An edge leads from the child to the parent.
    pub(super) toward: bool,
}

/// Edges of a node that are not drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stub {
    pub(super) count: u64,
    pub(super) link: Link,
}

/// The tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tree {
    /// For each node drawn, how it hangs on its parent; `None` for the middle.
    pub(super) links: Vec<Option<Link>>,
    /// Stubs that are drawn as items of their own.
    pub(super) stubs: Vec<Stub>,
    /// For each node drawn, what hangs on it, in the order it is drawn.
    pub(super) kids: Vec<Vec<Item>>,
    /// For each node drawn, the edges not drawn that are only counted beside its name.
    pub(super) more: Vec<u64>,
}

impl Tree {
    /// The tree over the first `limit` nodes; edges to the others are counted in stubs.
    pub(super) fn new(around: &Neighbourhood, limit: usize) -> Self {
        let count = around.nodes.len().min(limit);
        let mut tree = Tree { links: vec![None; count], kids: vec![Vec::new(); count], ..Tree::default() };
        tree.more = vec![0; count];
        tree.hang(around);
        tree.count_rest(around);
        let mut kids = std::mem::take(&mut tree.kids);
        for kids in &mut kids {
            kids.sort_by_cached_key(|item| {
                let place = tree.link(*item).map(|link| (link.side, link.label.clone()));
                (place, matches!(item, Item::Stub(_)), *item)
            });
        }
        tree.kids = kids;
        tree
    }

    /// How an item hangs on its parent.
    pub(super) fn link(&self, item: Item) -> Option<&Link> {
        match item {
            Item::Node(node) => self.links.get(node)?.as_ref(),
            Item::Stub(stub) => self.stubs.get(stub).map(|stub| &stub.link),
        }
    }

    /// What hangs on a node on one side of the middle.
    pub(super) fn kids(&self, node: usize, side: Side) -> impl Iterator<Item = Item> {
        let kids = self.kids.get(node).map(Vec::as_slice).unwrap_or_default();
        kids.iter().copied().filter(move |item| self.link(*item).is_some_and(|link| link.side == side))
    }

    /// Breadth first from the middle, along edges in the order given.
    fn hang(&mut self, around: &Neighbourhood) {
        let count = self.links.len();
        let mut touching: Vec<Vec<(usize, bool, &str)>> = vec![Vec::new(); count];
        for edge in &around.edges {
            let (from, to) = (edge.from as usize, edge.to as usize);
            if from < count && to < count && from != to {
                for (own, other, out) in [(from, to, true), (to, from, false)] {
                    if let Some(list) = touching.get_mut(own) {
                        list.push((other, out, &edge.edge_type));
                    }
                }
            }
        }
        let mut waiting = VecDeque::from([0]);
        while let Some(node) = waiting.pop_front() {
            let own = self.links.get(node).cloned().flatten();
            for (other, out, edge_type) in touching.get(node).into_iter().flatten() {
                if *other == 0 {
                    continue;
                }
                let Some(slot) = self.links.get_mut(*other) else { continue };
                match slot {
                    Some(link) if link.parent == node => {
                        link.away |= out;
                        link.toward |= !out;
                        if !link.label.split(", ").any(|t| t == *edge_type) {
                            link.label = format!("{}, {edge_type}", link.label);
                        }
                    }
                    Some(_) => {}
                    None => {
                        *slot = Some(child_of(node, own.as_ref(), *out, edge_type));
                        waiting.push_back(*other);
                    }
                }
            }
        }
        // What no edge leads to still belongs to the answer: it stands on the right.
        for link in self.links.iter_mut().skip(1).filter(|link| link.is_none()) {
            *link = Some(Link { away: false, ..child_of(0, None, true, "") });
        }
        let hung = self.links.iter().enumerate().filter_map(|(node, link)| Some((node, link.as_ref()?)));
        for (node, link) in hung {
            if let Some(kids) = self.kids.get_mut(link.parent) {
                kids.push(Item::Node(node));
            }
        }
        self.settle_sides();
    }

    /// Edges in the other direction may turn up after a node was hung up: sides follow from all.
    fn settle_sides(&mut self) {
        let mut order: Vec<usize> = (1..self.links.len()).collect();
        order.sort_by_key(|node| self.links.get(*node).and_then(Option::as_ref).map(|link| link.level));
        for node in order {
            let parent = self.links.get(node).and_then(Option::as_ref).map(|link| link.parent);
            let above = parent.and_then(|p| self.links.get(p)).and_then(Option::as_ref).map(|link| link.side);
            if let Some(Some(link)) = self.links.get_mut(node) {
                let own = if link.toward && !link.away { Side::Left } else { Side::Right };
                link.side = above.unwrap_or(own);
            }
        }
    }

    /// Counts what is not drawn: a stub where neighbours are drawn, else a number beside the name.
    fn count_rest(&mut self, around: &Neighbourhood) {
        let count = self.links.len();
        let mut rest: BTreeMap<(usize, &str, bool), u64> = BTreeMap::new();
        for stub in around.stubs.iter().filter(|stub| stub.count > 0) {
            let count = rest.entry((stub.node as usize, &stub.edge_type, stub.outgoing)).or_default();
            *count = count.saturating_add(stub.count);
        }
        for edge in &around.edges {
            let (from, to) = (edge.from as usize, edge.to as usize);
            let known = from.max(to) < around.nodes.len();
            if known && (from < count) != (to < count) {
                let own = if from < count { from } else { to };
                let count = rest.entry((own, &edge.edge_type, from < count)).or_default();
                *count = count.saturating_add(1);
            }
        }
        for ((node, edge_type, outgoing), number) in rest {
            if node >= count {
                continue;
            }
            if node > 0 && self.kids.get(node).is_none_or(Vec::is_empty) {
                if let Some(more) = self.more.get_mut(node) {
                    *more = more.saturating_add(number);
                }
                continue;
            }
            let own = self.links.get(node).cloned().flatten();
            let link = child_of(node, own.as_ref(), outgoing, edge_type);
            if let Some(kids) = self.kids.get_mut(node) {
                kids.push(Item::Stub(self.stubs.len()));
                self.stubs.push(Stub { count: number, link });
            }
        }
    }
}

fn child_of(parent: usize, own: Option<&Link>, out: bool, edge_type: &str) -> Link {
    Link {
        parent,
        side: own.map_or(if out { Side::Right } else { Side::Left }, |link| link.side),
        level: own.map_or(1, |link| link.level + 1),
        label: edge_type.to_owned(),
        away: out,
        toward: !out,
    }
}
