//! Rules that decide nothing, or nothing that others would not decide as well. Pure.

mod overlap;
mod space;

use ipnet::IpNet;
use overlap::Neighbors;
use space::{Set, Space};

use super::plan::RulePlan;

/// Pieces that a rule may be cut into; past them nothing is said of it.
const MAX_PIECES: usize = 256;

/// What is said of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// No packet is such.
    Impossible,
    /// A rule before it matches every packet.
    Unreachable(usize),
    /// Rules before it match all that it matches, and one of them decides otherwise.
    Shadowed(Vec<usize>),
    /// Rules before it decide all that it matches as it does.
    RedundantToEarlier(Vec<usize>),
    /// Rules behind it would decide all that it decides as it does.
    RedundantToLater(Vec<usize>),
}

/// What was found of one policy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// By number of the rule.
    pub(crate) findings: Vec<(usize, Finding)>,
    /// There was more to compare than is compared.
    pub(crate) is_partial: bool,
}

/// Looks at the rules of a policy, given in the order in which they are asked.
///
/// Each of the rules that are found can be taken away alone, and all of them at once.
pub(crate) fn find(rules: &[RulePlan]) -> Found {
    let families = [Family::V4, Family::V6].map(|family| Spaces::of(rules, family));
    let is_partial = families.iter().any(|it| it.neighbors.is_partial);
    let mut found = Found {
        findings: Vec::new(),
        is_partial,
    };
    let mut left: Vec<bool> = rules.iter().map(|rule| rule.enabled).collect();
    // First those that decide nothing. Then, one after the other, those whose work others do: not of
    // two that do each other's both.
    for (behind, number) in [false, true]
        .into_iter()
        .flat_map(|behind| (0..rules.len()).map(move |number| (behind, number)))
    {
        // One that decides otherwise may stand between, unseen.
        if !left[number] || (behind && is_partial) {
            continue;
        }
        let mut both = Sight::Nothing;
        for spaces in &families {
            both = both.and(spaces.look(rules, &left, number, behind));
        }
        if let Some(finding) = both.finding(rules, number) {
            found.findings.push((number, finding));
            left[number] = false;
        }
    }
    found.findings.sort_by_key(|(number, _)| *number);
    found
}

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn range(self, network: &IpNet) -> Option<(u128, u128)> {
        match (self, network) {
            (Self::V4, IpNet::V4(net)) => Some((
                u32::from(net.network()).into(),
                u32::from(net.broadcast()).into(),
            )),
            (Self::V6, IpNet::V6(net)) => Some((net.network().into(), net.broadcast().into())),
            _ => None,
        }
    }

    /// No network: any address.
    fn addresses(self, networks: &[IpNet]) -> Set {
        if networks.is_empty() {
            Set::all()
        } else {
            Set::of(networks.iter().filter_map(|network| self.range(network)))
        }
    }

    /// What a rule matches. A packet without ports has none of those that there are, and so on.
    fn space(self, rule: &RulePlan) -> Space {
        let numbers = |ranges: &[(u16, u16)]| {
            if ranges.is_empty() {
                return Set::all();
            }
            let ranges = ranges.iter();
            Set::of(ranges.map(|(first, last)| ((*first).into(), (*last).into())))
        };
        Space([
            self.addresses(&rule.source),
            rule.protocol
                .map_or_else(Set::all, |number| Set::one(number.into())),
            // Of one protocol they are ports, of another types.
            numbers(if rule.icmp.is_empty() {
                &rule.ports
            } else {
                &rule.icmp
            }),
            self.addresses(&rule.destination),
            numbers(&rule.source_ports),
            rule.interface
                .as_ref()
                .map_or_else(Set::all, |name| Set::one(name_number(name))),
            numbers(rule.vlan.as_slice()),
            if rule.new { Set::one(1) } else { Set::all() },
        ])
    }
}

/// A number of its own for each name of an interface, of which the kernel takes 15 octets.
fn name_number(name: &str) -> u128 {
    let octets = name.bytes().take(16);
    octets.fold(0, |number, octet| number << 8 | u128::from(octet))
}

/// What of one family each rule matches, and which rules have something in common.
struct Spaces {
    spaces: Vec<Space>,
    neighbors: Neighbors,
}

impl Spaces {
    fn of(rules: &[RulePlan], family: Family) -> Self {
        let spaces: Vec<Space> = rules.iter().map(|rule| family.space(rule)).collect();
        let neighbors = Neighbors::of(&spaces, |number| rules[number].enabled);
        Self { spaces, neighbors }
    }

    /// `left` are the rules that are still there; those behind are asked only if wanted.
    fn look(&self, rules: &[RulePlan], left: &[bool], number: usize, and_behind: bool) -> Sight {
        let space = &self.spaces[number];
        if space.is_empty() {
            return Sight::Nothing;
        }
        let (rule, neighbors) = (&rules[number], self.neighbors.of_rule(number));
        let behind = neighbors.partition_point(|other| *other < number);
        let mut rest = Rest::of(space);
        for &other in neighbors[..behind].iter().filter(|other| left[**other]) {
            if is_on_whenever(&rules[other], rule) && !rest.take(&self.spaces[other], other) {
                return Sight::Needed;
            }
            if rest.pieces.is_empty() {
                return Sight::Decided {
                    before: rest.by,
                    behind: Vec::new(),
                };
            }
        }
        let before = std::mem::take(&mut rest.by);
        if !and_behind {
            return Sight::Needed;
        }
        // One that is not left does nothing for others, but may decide otherwise if this one goes alone.
        for &other in &neighbors[behind..] {
            let touched = rest
                .pieces
                .iter()
                .any(|piece| piece.without(&self.spaces[other]).is_some());
            let same = decides_as(&rules[other], rule) && is_on_whenever(&rules[other], rule);
            if touched && (!same || (left[other] && !rest.take(&self.spaces[other], other))) {
                return Sight::Needed;
            }
            if rest.pieces.is_empty() {
                return Sight::Decided {
                    before,
                    behind: rest.by,
                };
            }
        }
        Sight::Needed
    }
}

/// Is `other` in force at every moment at which `rule` is? With a rate it may be used up.
fn is_on_whenever(other: &RulePlan, rule: &RulePlan) -> bool {
    other.enabled
        && other.rate.is_none()
        && (other.schedule.is_none() || other.schedule == rule.schedule)
}

/// The same action, told of in the same way.
fn decides_as(other: &RulePlan, rule: &RulePlan) -> bool {
    (other.action, other.log, other.log_rate) == (rule.action, rule.log, rule.log_rate)
}

/// What others leave of a rule.
struct Rest {
    pieces: Vec<Space>,
    /// Who took something.
    by: Vec<usize>,
}

impl Rest {
    fn of(space: &Space) -> Self {
        Self {
            pieces: vec![space.clone()],
            by: Vec::new(),
        }
    }

    /// Takes what `other` matches away; false if too many pieces are left to go on.
    fn take(&mut self, other: &Space, number: usize) -> bool {
        let mut pieces = Vec::new();
        let mut took = false;
        for piece in self.pieces.drain(..) {
            match piece.without(other) {
                Some(left) => {
                    took = true;
                    pieces.extend(left);
                }
                None => pieces.push(piece),
            }
        }
        self.pieces = pieces;
        if took {
            self.by.push(number);
        }
        self.pieces.len() <= MAX_PIECES
    }
}

/// What is seen of a rule in one family, or in both.
enum Sight {
    /// It matches nothing.
    Nothing,
    /// Others decide all of it.
    Decided {
        before: Vec<usize>,
        behind: Vec<usize>,
    },
    /// It decides something, as far as is seen.
    Needed,
}

impl Sight {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Needed, _) | (_, Self::Needed) => Self::Needed,
            (Self::Nothing, sight) | (sight, Self::Nothing) => sight,
            (
                Self::Decided {
                    mut before,
                    mut behind,
                },
                Self::Decided {
                    before: more,
                    behind: others,
                },
            ) => {
                for (all, more) in [(&mut before, more), (&mut behind, others)] {
                    all.extend(more);
                    all.sort_unstable();
                    all.dedup();
                }
                Self::Decided { before, behind }
            }
        }
    }

    fn finding(self, rules: &[RulePlan], number: usize) -> Option<Finding> {
        match self {
            Self::Nothing => Some(Finding::Impossible),
            Self::Needed => None,
            Self::Decided { before, behind } if behind.is_empty() => Some(match before[..] {
                _ if before
                    .iter()
                    .all(|other| rules[*other].action == rules[number].action) =>
                {
                    Finding::RedundantToEarlier(before)
                }
                [other] if is_all(&rules[other]) => Finding::Unreachable(other),
                _ => Finding::Shadowed(before),
            }),
            Self::Decided { behind, .. } => Some(Finding::RedundantToLater(behind)),
        }
    }
}

fn is_all(rule: &RulePlan) -> bool {
    [Family::V4, Family::V6]
        .iter()
        .all(|family| family.space(rule).is_all())
}

#[cfg(test)]
mod tests;
