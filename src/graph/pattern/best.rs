//! The best paths between two nodes: breadth first, or by cost.
//!
//! A partial path is an entry that knows the one before it. Of the entries with one state (node, hop, edges taken) only
//! so many are gone on with as the search may tell paths: any best path goes on from one of the best to there. A
//! restrictor breaks that rule, since a worse partial path may be the one that can go on. So paths are searched for as
//! if there were none, and only ends whose paths it refuses are searched for again, with all partial paths.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;

use crate::model::Result;

use super::{KEPT_MAX, Match, PathPattern, Pick, Restrictor, Search, Step, Tell, Ticker, is_in, too_many};

/// No entry comes before; no edge led here.
const NONE: u32 = u32::MAX;

/// A partial path.
#[derive(Clone, Copy)]
struct Entry {
    before: u32,
    node: u32,
    edge: u32,
    hop: u32,
    /// Edges of the hop that were taken; no more than makes a difference.
    taken: u32,
    measure: f64,
    cost: f64,
}

/// An entry that waits: the one with the lower measure first, then the older one.
struct Waiting(f64, u32);

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then_with(|| other.1.cmp(&self.1))
    }
}

/// What came of one state, or of one end.
#[derive(Clone, Copy, Default)]
struct Seen {
    paths: u64,
    measures: u64,
    last: f64,
}

impl Seen {
    /// Takes one more in, if the search has room for it.
    fn admits(&mut self, pick: Pick, measure: f64) -> bool {
        let is_new = self.paths == 0 || measure.total_cmp(&self.last) != Ordering::Equal;
        let measures = self.measures + u64::from(is_new);
        let admitted = match pick {
            Pick::Paths(most) => self.paths < most,
            Pick::Ties => measures <= 1,
            Pick::Groups(most) => measures <= most,
        };
        if admitted {
            *self = Seen { paths: self.paths + 1, measures, last: measure };
        }
        admitted
    }

    /// Whether nothing worse is admitted any more.
    fn is_full(&self, pick: Pick) -> bool {
        match pick {
            Pick::Paths(most) => self.paths >= most,
            Pick::Ties => self.measures >= 1,
            Pick::Groups(most) => self.measures >= most,
        }
    }
}

pub(super) struct Best<'p, 'g> {
    pattern: &'p PathPattern<'g>,
    search: Search,
    entries: Vec<Entry>,
    /// By measure, where edges have costs.
    heap: BinaryHeap<Waiting>,
    /// In order, where they have not.
    queue: VecDeque<u32>,
    seen: HashMap<(u32, u32, u32), Seen>,
    ends: HashMap<u32, Seen>,
}

impl<'p, 'g> Best<'p, 'g> {
    pub(super) fn new(pattern: &'p PathPattern<'g>, search: Search) -> Self {
        Self {
            pattern,
            search,
            entries: Vec::new(),
            heap: BinaryHeap::new(),
            queue: VecDeque::new(),
            seen: HashMap::new(),
            ends: HashMap::new(),
        }
    }

    /// Tells the paths from a node.
    pub(super) fn from(
        &mut self,
        start: u32,
        ticker: &mut Ticker<'_>,
        tell: &mut Tell<'_>,
    ) -> Result<ControlFlow<()>> {
        let restrictor = self.pattern.restrictor;
        if restrictor == Restrictor::Walk {
            return self.run(start, Restrictor::Walk, None, ticker, tell);
        }
        // Walks of equal cost may be endless.
        if self.search.by_cost && !matches!(self.search.pick, Pick::Paths(_)) {
            return self.run(start, restrictor, None, ticker, tell);
        }
        let (mut refused, mut found) = (HashSet::new(), Vec::new());
        let flow = self.run(start, Restrictor::Walk, None, ticker, &mut |path| {
            if !fulfils(restrictor, path) {
                refused.insert(path.end());
            }
            found.push(path.clone());
            if found.len() > KEPT_MAX { Err(too_many()) } else { Ok(ControlFlow::Continue(())) }
        })?;
        debug_assert!(flow.is_continue());
        if restrictor == Restrictor::Acyclic {
            // Only a path without edges ends where it began.
            refused
                .retain(|end| *end != start || found.iter().any(|p| p.end() == start && p.steps.is_empty()));
            found.retain(|path| path.end() != start || path.steps.is_empty());
        }
        for path in found.iter().filter(|path| !refused.contains(&path.end())) {
            if tell(path)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if refused.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.run(start, restrictor, Some(&refused), ticker, tell)
    }

    /// Tells the paths that a restrictor lets pass, to some ends or to all.
    fn run(
        &mut self,
        start: u32,
        restrictor: Restrictor,
        only: Option<&HashSet<u32>>,
        ticker: &mut Ticker<'_>,
        tell: &mut Tell<'_>,
    ) -> Result<ControlFlow<()>> {
        self.entries.clear();
        self.heap.clear();
        self.queue.clear();
        self.seen.clear();
        self.ends.clear();
        let last = u32::try_from(self.pattern.hops.len()).unwrap_or(u32::MAX);
        let wanted = match (only, self.pattern.nodes.last().and_then(Option::as_ref)) {
            (Some(only), _) => Some(only.len() as u64),
            (None, Some(ends)) => Some(u64::from(ends.count())),
            (None, None) => None,
        };
        let (mut full, mut worst) = (0u64, f64::NEG_INFINITY);
        self.push(Entry {
            before: NONE,
            node: start,
            edge: NONE,
            hop: 0,
            taken: 0,
            measure: 0.0,
            cost: 0.0,
        })?;
        while let Some((number, entry)) = self.pop() {
            ticker.tick()?;
            if wanted == Some(full) && (matches!(self.search.pick, Pick::Paths(_)) || entry.measure > worst) {
                break;
            }
            let pick = self.search.pick;
            if entry.hop == last {
                if only.is_some_and(|only| !only.contains(&entry.node)) {
                    continue;
                }
                let end = self.ends.entry(entry.node).or_default();
                let was_full = end.is_full(pick);
                if !end.admits(pick, entry.measure) {
                    continue;
                }
                if !was_full && end.is_full(pick) {
                    full += 1;
                    worst = worst.max(entry.measure);
                }
                if tell(&self.path(start, number))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            if restrictor == Restrictor::Walk {
                let state = (entry.node, entry.hop, entry.taken);
                if !self.seen.entry(state).or_default().admits(pick, entry.measure) {
                    continue;
                }
            }
            self.go_on(start, number, entry, restrictor, ticker)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn go_on(
        &mut self,
        start: u32,
        number: u32,
        entry: Entry,
        restrictor: Restrictor,
        ticker: &mut Ticker<'_>,
    ) -> Result<()> {
        let pattern = self.pattern;
        let place = entry.hop as usize;
        let Some(hop) = pattern.hops.get(place) else { return Ok(()) };
        if entry.taken >= hop.min && is_in(pattern.nodes.get(place + 1), entry.node) {
            let next = Entry { before: number, edge: NONE, hop: entry.hop + 1, taken: 0, ..entry };
            self.push(next)?;
        }
        if !hop.goes_on(entry.taken) {
            return Ok(());
        }
        // Without an upper bound more than the lower one makes no difference.
        let most = hop.max.unwrap_or(hop.min);
        let taken = entry.taken.saturating_add(1).min(most);
        let by_cost = self.search.by_cost;
        hop.visit(entry.node, ticker, &mut |node, edge, cost| {
            if restrictor != Restrictor::Walk && !self.allows(restrictor, start, number, node, edge) {
                return Ok(());
            }
            let measure = entry.measure + if by_cost { cost } else { 1.0 };
            let (before, hop, cost) = (number, entry.hop, entry.cost + cost);
            self.push(Entry { before, node, edge, hop, taken, measure, cost })
        })
    }

    /// Whether a path that ends with an entry may take an edge.
    fn allows(&self, restrictor: Restrictor, start: u32, last: u32, node: u32, edge: u32) -> bool {
        let mut at = last;
        let mut is_closed = None;
        while let Some(entry) = self.entries.get(at as usize) {
            if entry.edge != NONE {
                is_closed.get_or_insert(entry.node == start);
                let clashes = match restrictor {
                    Restrictor::Walk => false,
                    Restrictor::Trail => entry.edge == edge,
                    Restrictor::Acyclic => entry.node == node,
                    Restrictor::Simple => entry.node == node && node != start,
                };
                if clashes {
                    return false;
                }
            }
            at = entry.before;
        }
        match restrictor {
            Restrictor::Walk | Restrictor::Trail => true,
            Restrictor::Acyclic => node != start,
            Restrictor::Simple => is_closed != Some(true),
        }
    }

    fn push(&mut self, entry: Entry) -> Result<()> {
        let number = u32::try_from(self.entries.len()).unwrap_or(NONE);
        if self.entries.len() >= KEPT_MAX {
            return Err(too_many());
        }
        self.entries.push(entry);
        if self.search.by_cost {
            self.heap.push(Waiting(entry.measure, number));
        } else if entry.edge == NONE {
            // As good as the one it comes from.
            self.queue.push_front(number);
        } else {
            self.queue.push_back(number);
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<(u32, Entry)> {
        let number = if self.search.by_cost { self.heap.pop()?.1 } else { self.queue.pop_front()? };
        self.entries.get(number as usize).map(|entry| (number, *entry))
    }

    /// The path that ends with an entry.
    fn path(&self, start: u32, last: u32) -> Match {
        let mut path = Match { start, steps: Vec::new(), cost: 0.0 };
        path.cost = self.entries.get(last as usize).map_or(0.0, |entry| entry.cost);
        let mut at = last;
        while let Some(entry) = self.entries.get(at as usize) {
            if entry.edge != NONE {
                path.steps.push(Step { hop: entry.hop as usize, edge: entry.edge, node: entry.node });
            }
            at = entry.before;
        }
        path.steps.reverse();
        path
    }
}

/// Whether a path is one of those that count.
fn fulfils(restrictor: Restrictor, path: &Match) -> bool {
    let mut nodes = HashSet::from([path.start]);
    let mut edges = HashSet::new();
    let count = path.steps.len();
    path.steps.iter().enumerate().all(|(number, step)| match restrictor {
        Restrictor::Walk => true,
        Restrictor::Trail => edges.insert(step.edge),
        Restrictor::Acyclic => nodes.insert(step.node),
        Restrictor::Simple => nodes.insert(step.node) || (step.node == path.start && number + 1 == count),
    })
}
