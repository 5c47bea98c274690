//! The best paths, by length or by cost.
//!
//! What is kept is for each edge to take and each node by which measures it is reached, and from where; paths are read
//! back from their ends. So many measures are kept as paths are asked for: the k best paths to a place have at most k
//! measures, and each goes through one of the k best paths to the place before (Hoffman and Pavley, A method for the
//! solution of the N'th best path problem, 1959). Measures are pairs of cost and length, so that edges without cost
//! make no circle.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;

use crate::graph::csr::{Graph, NodeSet};
use crate::model::Result;

use super::{Emit, Match, Matcher, Pick, Search, Step, too_many};

/// How good a path is: cost, then length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    pub(super) cost: f64,
    pub(super) length: u32,
}

impl Eq for Measure {}

impl PartialOrd for Measure {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Measure {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cost.total_cmp(&other.cost).then(self.length.cmp(&other.length))
    }
}

impl Measure {
    /// Whether a search takes both for equally good.
    pub(super) fn is_as_good(&self, other: &Measure, search: Search) -> bool {
        if search.by_cost { self.cost.total_cmp(&other.cost).is_eq() } else { self.length == other.length }
    }
}

/// What waits, best first, and among equals in the order in which it came.
pub(super) enum Queue {
    /// By length: what comes later is no better.
    Line(VecDeque<(Measure, usize)>),
    Heap(BinaryHeap<std::cmp::Reverse<(Measure, usize)>>),
}

impl Queue {
    pub(super) fn of(search: Search) -> Self {
        if search.by_cost { Self::Heap(BinaryHeap::new()) } else { Self::Line(VecDeque::new()) }
    }

    pub(super) fn push(&mut self, measure: Measure, entry: usize) {
        match self {
            Self::Line(line) => line.push_back((measure, entry)),
            Self::Heap(heap) => heap.push(std::cmp::Reverse((measure, entry))),
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Measure, usize)> {
        match self {
            Self::Line(line) => line.pop_front(),
            Self::Heap(heap) => heap.pop().map(|std::cmp::Reverse(best)| best),
        }
    }
}

/// Which measures are taken at a place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    last: Option<Measure>,
    /// How many that are not equally good.
    groups: u64,
    /// How many.
    count: u64,
}

impl Taken {
    /// Whether one more is taken, which is no better than those before.
    pub(super) fn allows(&self, measure: &Measure, search: Search) -> bool {
        let Some(last) = &self.last else { return true };
        let as_good = last.is_as_good(measure, search);
        match search.pick {
            Pick::One => false,
            Pick::Ties => as_good,
            Pick::Count(count) => self.count < count,
            Pick::Groups(groups) => as_good || self.groups < groups,
        }
    }

    pub(super) fn take(&mut self, measure: Measure, search: Search) {
        let as_good = self.last.is_some_and(|last| last.is_as_good(&measure, search));
        self.groups += u64::from(!as_good);
        self.count += 1;
        self.last = Some(measure);
    }
}

/// From where a place is reached.
#[derive(Debug, Clone, Copy)]
struct Origin {
    /// The entry before; none at the start.
    entry: Option<usize>,
    step: Step,
}

/// A place by a measure.
struct Entry {
    /// The edge to take; none at the end.
    at: Option<usize>,
    node: u32,
    origins: Vec<Origin>,
}

/// What was found from a start.
struct Found {
    entries: Vec<Entry>,
    /// The ends in the order in which they were reached, and their entries from the best.
    ends: Vec<(u32, Vec<usize>)>,
    held: usize,
}

type Place = (Option<usize>, u32);

impl<G: Graph> Matcher<'_, G> {
    /// The matches that begin at a node and that a search takes.
    pub(super) fn search(
        &self,
        start: u32,
        search: Search,
        alive: Option<&[NodeSet]>,
        emit: &mut Emit<'_>,
    ) -> Result<ControlFlow<()>> {
        let found = self.explore(start, search, alive)?;
        if !self.program.is_restricted() {
            for (_, entries) in &found.ends {
                if self.back(start, search, &found, entries, emit)?.1.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        // Where a best path is allowed, no allowed one is better. The others are searched for as whole paths.
        let mut open = HashSet::new();
        for (end, entries) in &found.ends {
            let simple = matches!(search.pick, Pick::One | Pick::Ties);
            let (given, flow) = if simple {
                self.back(start, search, &found, entries, emit)?
            } else {
                (0, ControlFlow::Continue(()))
            };
            if flow.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if given == 0 {
                open.insert(*end);
            }
        }
        drop(found);
        if open.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.restricted(start, search, alive, open, emit)
    }

    fn explore(&self, start: u32, search: Search, alive: Option<&[NodeSet]>) -> Result<Found> {
        let mut found = Found { entries: Vec::new(), ends: Vec::new(), held: 0 };
        let mut known: HashMap<(Place, u64, u32), usize> = HashMap::new();
        let mut taken: HashMap<Place, Taken> = HashMap::new();
        let mut ends: HashMap<u32, usize> = HashMap::new();
        let mut queue = Queue::of(search);
        let zero = Measure { cost: 0.0, length: 0 };
        let mut add =
            |found: &mut Found, queue: &mut Queue, place: Place, measure: Measure, origin: Origin| {
                found.held += 1;
                match known.get(&(place, measure.cost.to_bits(), measure.length)) {
                    Some(entry) => {
                        let origins = found.entries.get_mut(*entry).map(|entry| &mut entry.origins);
                        // Of one path alone it is enough to know one.
                        if let Some(origins) = origins.filter(|_| search.pick != Pick::One) {
                            origins.push(origin);
                        }
                    }
                    None => {
                        let entry = found.entries.len();
                        known.insert((place, measure.cost.to_bits(), measure.length), entry);
                        found.entries.push(Entry { at: place.0, node: place.1, origins: vec![origin] });
                        queue.push(measure, entry);
                    }
                }
            };
        for (number, route) in self.program.routes(0) {
            if self.is_open(route, start, alive) {
                let step = Step { node: start, route: number, ..Step::default() };
                add(&mut found, &mut queue, (route.target, start), zero, Origin { entry: None, step });
            }
        }
        // The measure by which the last of the ends was first reached.
        let mut latest: Option<Measure> = None;
        let mut ticks = 0_u32;
        while let Some((measure, number)) = queue.pop() {
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(1024) {
                self.cancel.check()?;
            }
            match (latest, search.pick) {
                (Some(_), Pick::One) => break,
                (Some(latest), Pick::Ties) if !latest.is_as_good(&measure, search) => break,
                _ => {}
            }
            let Some(entry) = found.entries.get(number) else { continue };
            let place = (entry.at, entry.node);
            let own = taken.entry(place).or_default();
            if !own.allows(&measure, search) {
                continue;
            }
            own.take(measure, search);
            let Some(at) = place.0 else {
                if self.closed && place.1 != start {
                    continue;
                }
                let next = found.ends.len();
                let end = *ends.entry(place.1).or_insert(next);
                if end == next {
                    found.ends.push((place.1, Vec::new()));
                    if self.ends.is_some_and(|ends| found.ends.len() >= ends as usize) {
                        latest = Some(measure);
                    }
                }
                if let Some((_, entries)) = found.ends.get_mut(end) {
                    entries.push(number);
                }
                continue;
            };
            let element = self.program.edge(at).map_or(0, |(element, _)| element);
            self.edges(at, place.1, false, &mut |other, edge, forward| {
                let cost = if search.by_cost { self.cost(element, edge, forward) } else { 0.0 };
                let next = Measure { cost: measure.cost + cost, length: measure.length.saturating_add(1) };
                for (route, own) in self.program.routes(at + 1) {
                    if !self.is_open(own, other, alive)
                        || taken.get(&(own.target, other)).is_some_and(|taken| !taken.allows(&next, search))
                    {
                        continue;
                    }
                    let step = Step { edge, forward, node: other, route };
                    add(
                        &mut found,
                        &mut queue,
                        (own.target, other),
                        next,
                        Origin { entry: Some(number), step },
                    );
                }
            });
            if found.held > self.limits.entries {
                return Err(too_many("parts of paths", self.limits.entries));
            }
        }
        Ok(found)
    }

    /// Gives the paths to an end, best first; how many were given.
    fn back(
        &self,
        start: u32,
        search: Search,
        found: &Found,
        entries: &[usize],
        emit: &mut Emit<'_>,
    ) -> Result<(u64, ControlFlow<()>)> {
        let most = match search.pick {
            Pick::One => 1,
            Pick::Count(count) => count,
            Pick::Ties | Pick::Groups(_) => u64::MAX,
        };
        let (mut given, mut ticks, mut steps) = (0, 0_u32, Vec::new());
        let (mut made, mut seen, mut scopes) = (Match::default(), self.seen(), self.scopes());
        for last in entries {
            // An entry, and which of its origins is next.
            let mut trail: Vec<(usize, usize)> = vec![(*last, 0)];
            while let Some((entry, next)) = trail.last_mut() {
                ticks = ticks.wrapping_add(1);
                if ticks.is_multiple_of(1024) {
                    self.cancel.check()?;
                }
                let origin = found.entries.get(*entry).and_then(|entry| entry.origins.get(*next)).copied();
                *next += 1;
                let Some(origin) = origin else {
                    trail.pop();
                    continue;
                };
                if let Some(before) = origin.entry {
                    trail.push((before, 0));
                    continue;
                }
                steps.clear();
                let taken = trail.iter().rev().skip(1).filter_map(|(entry, next)| {
                    let origins = &found.entries.get(*entry)?.origins;
                    Some(origins.get(next.checked_sub(1)?)?.step)
                });
                steps.extend(taken);
                let route = origin.step.route;
                if self.program.is_restricted() && !scopes.allow_all(start, route, &steps) {
                    continue;
                }
                self.matched(start, route, &steps, &mut made);
                match self.give(&made, &mut seen, emit)? {
                    None => continue,
                    Some(ControlFlow::Break(())) => return Ok((given + 1, ControlFlow::Break(()))),
                    Some(ControlFlow::Continue(())) => given += 1,
                }
                if given >= most {
                    return Ok((given, ControlFlow::Continue(())));
                }
            }
        }
        Ok((given, ControlFlow::Continue(())))
    }
}
