//! What rules ask for, apart from each other: sets of networks, rates, and what is left to test. Pure.

use std::collections::HashMap;

use ipnet::IpNet;
use smtp_lb_common::bucket::Rate;
use smtp_lb_common::image::{Entry, RATES_PER_LINE, Roots};

use super::chains::{Chains, Piece, Unfit};
use super::compile::{Asked, CompileError, to_u32};
use super::intervals::{Classes, Family, Interval, sweep};
use super::layout::Lines;
use crate::config::plan::{RulePlan, RuleRate};

/// The different sets of networks that rules ask for, by number.
pub(super) struct Networks<'a> {
    numbers: HashMap<&'a [IpNet], u32>,
    sets: Vec<&'a [IpNet]>,
}

impl<'a> Networks<'a> {
    /// Of the rules that are on; an empty set means any address, and has no number.
    pub(super) fn gather(asked: &[Asked<'a>], of: impl Fn(&'a RulePlan) -> &'a Vec<IpNet>) -> Self {
        let mut found = Self {
            numbers: HashMap::new(),
            sets: Vec::new(),
        };
        let mut next = 0;
        for context in asked {
            for rule in context.rules.iter().filter(|rule| context.now.is_on(rule)) {
                let set = of(rule).as_slice();
                if !set.is_empty() && !found.numbers.contains_key(set) {
                    found.numbers.insert(set, next);
                    found.sets.push(set);
                    next += 1;
                }
            }
        }
        found
    }

    pub(super) fn number(&self, set: &[IpNet]) -> Option<u32> {
        self.numbers.get(set).copied()
    }

    pub(super) fn are_used(&self) -> bool {
        !self.sets.is_empty()
    }

    pub(super) fn classes(&self) -> (Classes, Addresses) {
        let sets: Vec<(u32, &[IpNet])> = (0..).zip(self.sets.iter().copied()).collect();
        let mut classes = Classes::default();
        let addresses = Addresses {
            v4: sweep(Family::V4, &sets, &mut classes),
            v6: sweep(Family::V6, &sets, &mut classes),
        };
        (classes, addresses)
    }
}

/// Classes of all addresses.
pub(super) struct Addresses {
    v4: Vec<Interval>,
    v6: Vec<Interval>,
}

impl Addresses {
    /// Appends roots and what they lead to.
    pub(super) fn write(&self, lines: &mut Lines) -> Roots {
        let roots = lines.roots(self.v4.len(), self.v6.len());
        lines.tree_v4(roots, &self.v4);
        lines.tree_v6(roots, &self.v6);
        roots
    }
}

/// Rates of rules that have one.
#[derive(Default)]
pub(super) struct Limits(Vec<Rate>);

impl Limits {
    pub(super) fn add(&mut self, rate: RuleRate) -> Result<u32, CompileError> {
        let packets = u64::from(rate.packets.max(1));
        let interval = u64::from(rate.seconds) * 1_000_000_000 / packets;
        self.0.push(Rate {
            interval,
            tolerance: interval * (packets - 1),
        });
        to_u32(self.0.len() - 1)
    }

    /// Appends the rates; the entries get their places in the image.
    pub(super) fn write(
        &self,
        lines: &mut Lines,
        written: &mut [Vec<Vec<Entry>>],
    ) -> Result<(), CompileError> {
        let words: Vec<u64> = self
            .0
            .iter()
            .flat_map(|rate| [rate.interval, rate.tolerance])
            .collect();
        let first = lines.append(&words, 0);
        let first = first
            .checked_mul(RATES_PER_LINE)
            .ok_or(CompileError::TooLarge)?;
        for entry in written.iter_mut().flatten().flatten() {
            entry.limit = entry.limit.map(|at| first + at);
        }
        Ok(())
    }
}

/// The rules of all columns, and where in them each set of sources is asked for.
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    columns: Vec<Column>,
}

/// Positions in [`Pieces::pieces`], ascending.
#[derive(Default)]
struct Column {
    anywhere: Vec<u32>,
    by_source: HashMap<u32, Vec<u32>>,
}

impl Pieces {
    pub(super) fn of(
        asked: &[Asked<'_>],
        written: &[Vec<Vec<Entry>>],
        sources: &Networks<'_>,
        destinations: &Networks<'_>,
    ) -> Self {
        let mut all = Self {
            pieces: Vec::new(),
            columns: Vec::new(),
        };
        let mut next = 0;
        for (context, entries) in asked.iter().zip(written) {
            let mut column = Column::default();
            for (rule, entries) in context.rules.iter().zip(entries) {
                let destination = destinations.number(&rule.destination);
                for entry in entries {
                    all.pieces.push(Piece {
                        entry: *entry,
                        destination,
                    });
                    match sources.number(&rule.source) {
                        None => column.anywhere.push(next),
                        Some(set) => column.by_source.entry(set).or_default().push(next),
                    }
                    next += 1;
                }
            }
            all.columns.push(column);
        }
        all
    }

    /// Source class × column → step, as words; chains and divisions are appended.
    pub(super) fn matrix(
        &self,
        asked: &[Asked<'_>],
        sources: &Classes,
        destinations: &Classes,
        lines: &mut Lines,
    ) -> Result<Vec<u64>, CompileError> {
        let classes = destinations.inverted();
        let mut chains = Chains::new(&self.pieces, &classes);
        let unfit = |unfit: Unfit, context: &Asked<'_>| match unfit {
            Unfit::Chain => CompileError::ChainTooLong {
                context: context.name.clone(),
            },
            Unfit::Work => CompileError::TooEntangled {
                context: context.name.clone(),
            },
            Unfit::Index => CompileError::TooLarge,
        };
        let mut anywhere = Vec::new();
        for (context, column) in asked.iter().zip(&self.columns) {
            let begin = chains.begin(column.anywhere.clone());
            anywhere.push(begin.map_err(|error| unfit(error, context))?);
        }
        let mut cells = Vec::new();
        for members in sources.members() {
            let columns = self.columns.iter().zip(asked).zip(&anywhere);
            for ((column, context), anywhere) in columns {
                let mut here: Vec<u32> = members
                    .iter()
                    .filter_map(|set| column.by_source.get(set))
                    .flatten()
                    .copied()
                    .collect();
                if here.is_empty() {
                    cells.push(*anywhere);
                    continue;
                }
                here.extend(&column.anywhere);
                here.sort_unstable();
                let begin = chains.begin(here);
                cells.push(begin.map_err(|error| unfit(error, context))?);
            }
        }
        let steps = chains.write(lines).map_err(|_| CompileError::TooLarge)?;
        Ok(cells
            .iter()
            .map(|node| steps[*node as usize].pack())
            .collect())
    }
}
