//! Rules to chains, and to what leads to a chain: first by service and destination as far as a chain would
//! be long, then rule by rule. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use smtp_lb_common::image::{ANY_PROTOCOL, Division, Entry, MAX_CHAIN, Step, service};

use super::layout::Lines;

/// Rules that are tested one by one before a division is worth its search.
const SHORT: usize = 4;
/// Rules in all divisions together: bounds time and memory of a compilation.
const MAX_WORK: usize = 10_000_000;

/// A rule that cannot be told from others by its source any more.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// What is tested.
    pub(crate) entry: Entry,
    /// Number of its destinations, if it asks for some.
    pub(crate) destination: Option<u32>,
}

impl Piece {
    /// First and last of the services that it asks for.
    fn services(&self) -> (u64, u64) {
        let Ok(protocol) = u8::try_from(self.entry.protocol) else {
            return (0, service(u8::MAX, Some(u16::MAX)));
        };
        match self.entry.detail {
            Some((low, high)) => (service(protocol, Some(low)), service(protocol, Some(high))),
            None => (service(protocol, None), service(protocol, Some(u16::MAX))),
        }
    }
}

/// What has been divided on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Known {
    service: bool,
    destination: bool,
}

/// A place to go on.
type NodeId = u32;

enum Node {
    /// First word of the chain, among all of them.
    Chain(u32),
    Divide(Division, Vec<(u64, NodeId)>),
}

/// Why rules cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A chain is too long.
    Chain,
    /// There would be too many chains.
    Work,
    /// An index has no room.
    Index,
}

/// All chains of an image, each stored once.
pub(crate) struct Chains<'a> {
    pieces: &'a [Piece],
    /// Destination classes in which each set of destinations is, ascending.
    classes: &'a [Vec<u32>],
    nodes: Vec<Node>,
    known: HashMap<(Known, Vec<u32>), NodeId>,
    stored: HashMap<Vec<[u64; 4]>, NodeId>,
    divided: HashMap<(Division, Vec<(u64, NodeId)>), NodeId>,
    entries: Vec<[u64; 4]>,
    work: usize,
}

impl<'a> Chains<'a> {
    pub(crate) fn new(pieces: &'a [Piece], classes: &'a [Vec<u32>]) -> Self {
        Self {
            pieces,
            classes,
            nodes: Vec::new(),
            known: HashMap::new(),
            stored: HashMap::new(),
            divided: HashMap::new(),
            entries: Vec::new(),
            work: 0,
        }
    }

    /// Where to go on with these pieces, in order.
    pub(crate) fn begin(&mut self, ids: Vec<u32>) -> Result<NodeId, Unfit> {
        self.node(ids, Known::default())
    }

    fn entry(&self, id: u32, known: Known) -> Entry {
        let mut entry = self.pieces[id as usize].entry;
        if known.service {
            (entry.protocol, entry.detail) = (ANY_PROTOCOL, None);
        }
        entry
    }

    fn always(&self, id: u32, known: Known) -> bool {
        let is_known = known.destination || self.pieces[id as usize].destination.is_none();
        is_known && self.entry(id, known).always_matches()
    }

    fn node(&mut self, mut ids: Vec<u32>, known: Known) -> Result<NodeId, Unfit> {
        if let Some(last) = ids.iter().position(|id| self.always(*id, known)) {
            ids.truncate(last + 1);
        }
        if let Some(node) = self.known.get(&(known, ids.clone())) {
            return Ok(*node);
        }
        self.work = self.work.saturating_add(ids.len());
        if self.work > MAX_WORK {
            return Err(Unfit::Work);
        }
        let asks = !known.destination
            && ids
                .iter()
                .any(|id| self.pieces[*id as usize].destination.is_some());
        let by_service = !known.service && ids.len() > SHORT;
        let node = match (asks, by_service) {
            (true, true) if self.cost_by_service(&ids) < self.cost_by_destination(&ids) => {
                self.by_service(&ids, known)?
            }
            (true, _) => self.by_destination(&ids, known)?,
            (false, true) => self.by_service(&ids, known)?,
            (false, false) => self.chain(&ids, known)?,
        };
        self.known.insert((known, ids), node);
        Ok(node)
    }

    fn push(&mut self, node: Node) -> Result<NodeId, Unfit> {
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| Unfit::Index)?;
        self.nodes.push(node);
        Ok(id)
    }

    fn chain(&mut self, ids: &[u32], known: Known) -> Result<NodeId, Unfit> {
        let mut chain: Vec<[u64; 4]> = ids.iter().map(|id| self.entry(*id, known).pack()).collect();
        if ids.last().is_none_or(|last| !self.always(*last, known)) {
            chain.push(Entry::END.pack());
        }
        if chain.len() > MAX_CHAIN as usize {
            return Err(Unfit::Chain);
        }
        if let Some(node) = self.stored.get(&chain) {
            return Ok(*node);
        }
        let first = u32::try_from(self.entries.len()).map_err(|_| Unfit::Index)?;
        self.entries.extend(&chain);
        let node = self.push(Node::Chain(first))?;
        self.stored.insert(chain, node);
        Ok(node)
    }

    /// Starts of services where the rules that are asked for change.
    fn edges(&self, ids: &[u32]) -> Vec<(u64, bool, u32)> {
        let mut edges = Vec::with_capacity(ids.len() * 2);
        for (at, id) in (0..).zip(ids) {
            let (first, last) = self.pieces[*id as usize].services();
            edges.push((first, true, at));
            edges.push((last + 1, false, at));
        }
        edges.sort_unstable();
        edges
    }

    fn cost_by_service(&self, ids: &[u32]) -> usize {
        let (mut cost, mut active, mut start) = (0_usize, 0_usize, 0);
        for (place, begins, _) in self.edges(ids) {
            if place > start {
                cost = cost.saturating_add(active);
                start = place;
            }
            active = if begins {
                active + 1
            } else {
                active.saturating_sub(1)
            };
        }
        cost
    }

    fn by_service(&mut self, ids: &[u32], known: Known) -> Result<NodeId, Unfit> {
        let known = Known {
            service: true,
            ..known
        };
        let mut steps: Vec<(u64, NodeId)> = Vec::new();
        let mut active = BTreeSet::new();
        let mut start = 0;
        let edges = self.edges(ids);
        for (place, begins, at) in edges {
            if place > start {
                self.step(&mut steps, start, ids, &active, known)?;
                start = place;
            }
            if begins {
                active.insert(at);
            } else {
                active.remove(&at);
            }
        }
        self.step(&mut steps, start, ids, &active, known)?;
        self.divide(Division::Service, steps)
    }

    fn step(
        &mut self,
        steps: &mut Vec<(u64, NodeId)>,
        start: u64,
        ids: &[u32],
        active: &BTreeSet<u32>,
        known: Known,
    ) -> Result<(), Unfit> {
        let ids = active.iter().map(|at| ids[*at as usize]).collect();
        let node = self.node(ids, known)?;
        if steps.last().is_none_or(|last| last.1 != node) {
            steps.push((start, node));
        }
        Ok(())
    }

    /// Classes in which a piece is; `None`: in all.
    fn of(&self, id: u32) -> Option<&'a [u32]> {
        let destination = self.pieces[id as usize].destination?;
        Some(&self.classes[destination as usize])
    }

    fn cost_by_destination(&self, ids: &[u32]) -> usize {
        let anywhere = ids.iter().filter(|id| self.of(**id).is_none()).count();
        let mut classes: BTreeSet<u32> = BTreeSet::new();
        let mut somewhere = 0_usize;
        for of in ids.iter().filter_map(|id| self.of(*id)) {
            somewhere = somewhere.saturating_add(of.len());
            classes.extend(of);
        }
        anywhere
            .saturating_mul(classes.len() + 1)
            .saturating_add(somewhere)
    }

    fn by_destination(&mut self, ids: &[u32], known: Known) -> Result<NodeId, Unfit> {
        let known = Known {
            destination: true,
            ..known
        };
        // Pieces of each class that any of them names, in order.
        let mut classes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for id in ids {
            for class in self.of(*id).unwrap_or_default() {
                classes.entry(*class).or_default();
            }
        }
        let mut elsewhere = Vec::new();
        let mut anywhere = Vec::new();
        for (at, id) in (0_u32..).zip(ids) {
            match self.of(*id) {
                None => {
                    anywhere.push(at);
                    elsewhere.push(*id);
                }
                Some(of) => {
                    for class in of {
                        classes.entry(*class).or_default().push(at);
                    }
                }
            }
        }
        let elsewhere = self.node(elsewhere, known)?;
        let mut steps = vec![(0, elsewhere)];
        for (class, mut of) in classes {
            of.extend(&anywhere);
            of.sort_unstable();
            let of = of.into_iter().map(|at| ids[at as usize]).collect();
            let node = self.node(of, known)?;
            let start = u64::from(class);
            // What holds from here on was pushed for the end of the class before.
            if steps.last().is_some_and(|last| last.0 == start) {
                steps.pop();
            }
            if steps.last().is_none_or(|last| last.1 != node) {
                steps.push((start, node));
            }
            if node != elsewhere {
                steps.push((start + 1, elsewhere));
            }
        }
        self.divide(Division::Destination, steps)
    }

    fn divide(&mut self, by: Division, steps: Vec<(u64, NodeId)>) -> Result<NodeId, Unfit> {
        if let [(_, only)] = steps.as_slice() {
            return Ok(*only);
        }
        let key = (by, steps);
        if let Some(node) = self.divided.get(&key) {
            return Ok(*node);
        }
        let node = self.push(Node::Divide(by, key.1.clone()))?;
        self.divided.insert(key, node);
        Ok(node)
    }

    /// Appends chains and divisions; returns the step of each node.
    pub(crate) fn write(&self, lines: &mut Lines) -> Result<Vec<Step>, Unfit> {
        let words: Vec<u64> = self.entries.iter().flatten().copied().collect();
        let first = u64::from(lines.append(&words, 0)) * 2;
        let mut next = u64::from(lines.next());
        let mut steps = Vec::with_capacity(self.nodes.len());
        let to_u32 = |number: u64| u32::try_from(number).map_err(|_| Unfit::Index);
        for node in &self.nodes {
            steps.push(match node {
                Node::Chain(at) => Step::Chain(to_u32(first + u64::from(*at))?),
                Node::Divide(by, within) => {
                    let count = within.len().div_ceil(4) as u64;
                    let first = next;
                    next += count;
                    Step::Divide {
                        by: *by,
                        first: to_u32(first)?,
                        count: to_u32(count)?,
                    }
                }
            });
        }
        for node in &self.nodes {
            if let Node::Divide(_, within) = node {
                let words: Vec<(u64, u64)> = within
                    .iter()
                    .map(|(start, node)| (*start, steps[*node as usize].pack()))
                    .collect();
                lines.intervals(&words);
            }
        }
        Ok(steps)
    }
}
