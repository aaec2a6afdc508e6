//! The rule compiler: a plan becomes an image. Pure: the same plan and slots give the same image.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use smtp_lb_common::bucket::Rate;
use smtp_lb_common::image::{
    AFTER_ROOTS, ANSWERS, ANY_PROTOCOL, CELLS_PER_LINE, Context, Entry, FLAG_DEFAULT_DROP,
    FLAG_DEFAULT_REJECT, FLAG_DESTINATIONS, FLAG_FAILSAFE, FLAG_FLOODS, FLAG_GLOBAL,
    FLAG_LOG_DEFAULT, FLAG_REPUTATION, Header, Line, MAX_CHAIN, MAX_PROBES, RATES_PER_LINE,
    ROOT_LINES, ROOT_LINES_V6, ROOT_V4, ROOT_V6, Server, about,
};
use smtp_lb_common::packet::{mapped, split};
use smtp_lb_common::reason::{FIRST_RULE_SLOT, Verdict};
use thiserror::Error;

use super::chains::{Chains, Piece, Unfit};
use super::floods;
use super::intervals::{Classes, Family, Interval, sweep};
use super::label::{
    Allocator, DEFAULT, FAILSAFE, GLOBAL, HOST, Label, Slots, VIRTUAL_SERVER, Word,
};
use super::layout::Lines;
use super::now::Now;
use super::profiles;
use crate::config::plan::{Action, FirewallPlan, Plan, PolicyId, RulePlan, RuleRate};

/// Why a plan cannot become an image.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CompileError {
    /// The counter table is full of names that came and went.
    #[error("no counter is left for another rule; `smtp-lb firewall detach` starts afresh")]
    SlotsExhausted,
    /// A packet would have to be held against too many rules one by one.
    #[error(
        "{context}: more than {MAX_CHAIN} rules for the same source, destination, protocol and \
         destination port differ only by source port, interface, VLAN, `new` or rate"
    )]
    ChainTooLong {
        /// Context whose policy it is.
        context: String,
    },
    /// Rules by service and rules by destination overlap in too many ways.
    #[error("{context}: its rules overlap in too many ways; use fewer of them, or larger lists")]
    TooEntangled {
        /// Context whose policy it is.
        context: String,
    },
    /// More lines than an index can name.
    #[error("the compiled policy is larger than an image can be")]
    TooLarge,
}

/// A compiled policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The image.
    pub lines: Vec<Line>,
    /// Whose its slots are.
    pub slots: Slots,
}

/// A context with the rules that are asked in it.
struct Asked<'a> {
    name: String,
    policy: &'a str,
    rules: &'a [RulePlan],
    now: &'a Now,
}

/// Compiles `plan` for what holds `now`, going on with the slots that `previous` plans have named.
pub fn compile(
    plan: &Plan,
    now: &Now,
    previous: Slots,
    generation: u32,
) -> Result<Compiled, CompileError> {
    let firewall = &plan.firewall;
    let asked = contexts(plan, now);
    let mut allocator = Allocator::new(previous);
    let mut rates = Rates::new(firewall);

    let sources = Networks::gather(&asked, |rule| &rule.source);
    let destinations = Networks::gather(&asked, |rule| &rule.destination);
    let (source_classes, by_source) = sources.classes();
    let (destination_classes, by_destination) = destinations.classes();
    let mut lines = Lines::new();
    // Their place is fixed, and before all that is searched.
    let columns: Vec<&str> = asked
        .iter()
        .map(|context| context.name.as_str())
        .filter(|name| *name != GLOBAL)
        .collect();
    let profiles = if profiles::are_used(plan) {
        profiles::lines(plan, &columns, &mut allocator, &mut rates)?
    } else {
        Vec::new()
    };
    let floods = if floods::are_used(plan) {
        floods::lines(plan, &columns, &mut allocator, &mut rates)?
    } else {
        Vec::new()
    };
    debug_assert_eq!(lines.next(), AFTER_ROOTS);
    lines.lines.extend(&profiles);
    lines.lines.extend(&floods);
    let first_destination = if destinations.are_used() {
        let roots = (ROOT_LINES + ROOT_LINES_V6) as usize;
        let first = lines.next();
        lines.lines.extend(vec![[0; 8]; roots]);
        first
    } else {
        0
    };
    by_source.write(&mut lines, ROOT_V4);
    if destinations.are_used() {
        by_destination.write(&mut lines, first_destination);
    }

    let mut defaults = Vec::new();
    let mut written = Vec::new();
    let mut limits = Limits::default();
    for context in &asked {
        // What these leave undecided goes on to another context.
        let default = if matches!(context.name.as_str(), FAILSAFE | GLOBAL) {
            0
        } else {
            let label = context.label(DEFAULT, firewall.default.into());
            rates.add(&mut allocator, label, None)?
        };
        defaults.push(default);
        written.push(context.entries(&mut allocator, &mut rates, &mut limits)?);
    }
    limits.write(&mut lines, &mut written)?;
    let pieces = Pieces::of(&asked, &written, &sources, &destinations);
    let matrix = pieces.matrix(&asked, &source_classes, &destination_classes, &mut lines)?;

    let columns = to_u32(asked.len())?;
    let context = |column: usize| -> Result<Context, CompileError> {
        Ok(Context {
            column: to_u32(column)?,
            default_slot: defaults[column],
        })
    };
    let servers = servers(plan, context)?;
    let servers_mask = to_u32(servers.len() - 1)?;
    let global = asked.iter().position(|context| context.name == GLOBAL);
    let slots = allocator.finish();
    let matrix = lines.append(&matrix, 0);
    let first_server = lines.next();
    lines.lines.extend(servers);
    let rates = lines.append(&rates.words(), 0);
    let names = lines.append(&names(&slots), 0);
    let header = Header {
        flags: flags(firewall)
            | if profiles.is_empty() {
                0
            } else {
                FLAG_REPUTATION
            }
            | if floods.is_empty() { 0 } else { FLAG_FLOODS }
            | if firewall.failsafe.is_empty() {
                0
            } else {
                FLAG_FAILSAFE
            }
            | if global.is_some() { FLAG_GLOBAL } else { 0 }
            | if destinations.are_used() {
                FLAG_DESTINATIONS
            } else {
                0
            },
        columns,
        matrix,
        destinations: first_destination,
        servers: first_server,
        servers_mask,
        rates,
        names,
        global: context(global.unwrap_or(0))?,
        host: context(1)?,
        token: 0,
    };
    // Cells and entries are counted from the beginning of the image.
    if lines.lines.len() as u64 * u64::from(CELLS_PER_LINE) > u64::from(u32::MAX) {
        return Err(CompileError::TooLarge);
    }
    lines.lines[0] = header.pack();
    lines.lines[1] = about(to_u32(lines.lines.len())?, generation);
    Ok(Compiled {
        lines: lines.lines,
        slots,
    })
}

fn to_u32(number: usize) -> Result<u32, CompileError> {
    u32::try_from(number).map_err(|_| CompileError::TooLarge)
}

const fn flags(firewall: &FirewallPlan) -> u32 {
    let default = match firewall.default {
        Action::Accept | Action::AcceptDecisively => 0,
        Action::Drop => FLAG_DEFAULT_DROP,
        Action::Reject => FLAG_DEFAULT_DROP | FLAG_DEFAULT_REJECT,
    };
    if firewall.log_default {
        default | FLAG_LOG_DEFAULT
    } else {
        default
    }
}

/// Column 0 is the failsafe list, 1 the host, then the virtual servers in order; the last one is the
/// global policy, if there is one.
fn contexts<'a>(plan: &'a Plan, now: &'a Now) -> Vec<Asked<'a>> {
    let firewall = &plan.firewall;
    let policy = |id: Option<PolicyId>| match id {
        Some(id) => {
            let policy = &firewall.policies[id.0];
            (policy.name.as_str(), policy.rules.as_slice())
        }
        None => ("", [].as_slice()),
    };
    let host = policy(firewall.host_policy);
    let mut contexts = vec![
        Asked {
            name: FAILSAFE.into(),
            policy: "",
            rules: &firewall.failsafe,
            now,
        },
        Asked {
            name: HOST.into(),
            policy: host.0,
            rules: host.1,
            now,
        },
    ];
    for server in &plan.virtual_servers {
        let (policy, rules) = policy(server.firewall_policy);
        contexts.push(Asked {
            name: format!("{VIRTUAL_SERVER}{}", server.name),
            policy,
            rules,
            now,
        });
    }
    if firewall.global_policy.is_some() {
        let (policy, rules) = policy(firewall.global_policy);
        contexts.push(Asked {
            name: GLOBAL.into(),
            policy,
            rules,
            now,
        });
    }
    contexts
}

/// The different sets of networks that rules ask for, by number.
struct Networks<'a> {
    numbers: HashMap<&'a [IpNet], u32>,
    sets: Vec<&'a [IpNet]>,
}

impl<'a> Networks<'a> {
    /// Of the rules that are on; an empty set means any address, and has no number.
    fn gather(asked: &[Asked<'a>], of: impl Fn(&'a RulePlan) -> &'a Vec<IpNet>) -> Self {
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

    fn number(&self, set: &[IpNet]) -> Option<u32> {
        self.numbers.get(set).copied()
    }

    fn are_used(&self) -> bool {
        !self.sets.is_empty()
    }

    fn classes(&self) -> (Classes, Addresses) {
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
struct Addresses {
    v4: Vec<Interval>,
    v6: Vec<Interval>,
}

impl Addresses {
    /// Fills the roots that begin at a line.
    fn write(&self, lines: &mut Lines, roots: u32) {
        lines.tree_v4(roots, &self.v4);
        lines.tree_v6(roots + (ROOT_V6 - ROOT_V4), &self.v6);
    }
}

impl Asked<'_> {
    fn label(&self, rule: &str, verdict: Word) -> Label {
        Label {
            context: self.name.clone(),
            policy: self.policy.to_owned(),
            rule: rule.to_owned(),
            verdict,
        }
    }

    /// What is left to test of each rule, several times of one with several ports; none if it is off.
    fn entries(
        &self,
        allocator: &mut Allocator,
        rates: &mut Rates,
        limits: &mut Limits,
    ) -> Result<Vec<Vec<Entry>>, CompileError> {
        self.rules
            .iter()
            .map(|rule| {
                let (verdict, decisive) = match rule.action {
                    Action::Accept => (Verdict::Accept, false),
                    Action::AcceptDecisively => (Verdict::Accept, true),
                    Action::Drop => (Verdict::Drop, false),
                    Action::Reject => (Verdict::Reject, false),
                };
                let label = self.label(&rule.name, verdict.into());
                let slot = rates.add(allocator, label, rule.log_rate)?;
                let interface = match &rule.interface {
                    None => None,
                    // One that is not there is nobody's.
                    Some(name) => Some(self.now.interfaces.get(name).copied()),
                };
                if !self.now.is_on(rule) || interface == Some(None) {
                    return Ok(Vec::new());
                }
                let entry = Entry {
                    slot,
                    protocol: rule.protocol.map_or(ANY_PROTOCOL, u16::from),
                    interface: interface.flatten(),
                    vlan: rule.vlan,
                    new: rule.new,
                    limit: rule.rate.map(|rate| limits.add(rate)).transpose()?,
                    verdict,
                    decisive,
                    log: rule.log,
                    ..Entry::ANY
                };
                let details = if rule.icmp.is_empty() {
                    &rule.ports
                } else {
                    &rule.icmp
                };
                let each = |ranges: &[(u16, u16)]| -> Vec<Option<(u16, u16)>> {
                    if ranges.is_empty() {
                        return vec![None];
                    }
                    ranges.iter().copied().map(Some).collect()
                };
                let mut entries = Vec::new();
                for detail in each(details) {
                    for source_ports in each(&rule.source_ports) {
                        entries.push(Entry {
                            detail,
                            source_ports,
                            ..entry
                        });
                    }
                }
                Ok(entries)
            })
            .collect()
    }
}

/// Rates of rules that have one.
#[derive(Default)]
struct Limits(Vec<Rate>);

impl Limits {
    fn add(&mut self, rate: RuleRate) -> Result<u32, CompileError> {
        let packets = u64::from(rate.packets.max(1));
        let interval = u64::from(rate.seconds) * 1_000_000_000 / packets;
        self.0.push(Rate {
            interval,
            tolerance: interval * (packets - 1),
        });
        to_u32(self.0.len() - 1)
    }

    /// Appends the rates; the entries get their places in the image.
    fn write(
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
struct Pieces {
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
    fn of(
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
    fn matrix(
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

/// The hash of virtual servers, as large as [`MAX_PROBES`] demands.
fn servers(
    plan: &Plan,
    context: impl Fn(usize) -> Result<Context, CompileError>,
) -> Result<Vec<Line>, CompileError> {
    let mut listed = Vec::new();
    for (index, server) in plan.virtual_servers.iter().enumerate() {
        let context = context(index + 2)?;
        listed.extend(server.listen.iter().map(|address| Server {
            address: key(address),
            port: address.port(),
            context,
        }));
    }
    let mut size = (listed.len() * 2).next_power_of_two().max(2);
    loop {
        if let Some(table) = place(&listed, size) {
            return Ok(table);
        }
        size *= 2;
        to_u32(size)?;
    }
}

fn place(listed: &[Server], size: usize) -> Option<Vec<Line>> {
    let mut table = vec![[0; 8]; size];
    for server in listed {
        let hash = Server::hash(server.address, server.port) as usize;
        let free = (0..MAX_PROBES as usize)
            .map(|probe| (hash + probe) & (size - 1))
            .find(|at| table[*at][2] == 0)?;
        table[free] = server.pack();
    }
    Some(table)
}

/// Address of a listener as the hash holds it; an unspecified address is the wildcard.
fn key(address: &SocketAddr) -> [u64; 2] {
    match address.ip() {
        IpAddr::V4(ip) => mapped(u32::from(ip)),
        IpAddr::V6(ip) => split(ip.octets()),
    }
}

/// Event rates by slot.
pub(crate) struct Rates {
    default: (u32, u32),
    by_slot: Vec<Rate>,
}

impl Rates {
    fn new(firewall: &FirewallPlan) -> Self {
        let default = Rate::new(firewall.event_rate, firewall.event_burst);
        Self {
            default: (firewall.event_rate, firewall.event_burst),
            by_slot: {
                let mut built_in = vec![default; FIRST_RULE_SLOT as usize];
                // At once, what a tenth of a second gives.
                let rate = firewall.reject_rate;
                built_in[ANSWERS as usize] = Rate::new(rate, rate.div_ceil(10));
                built_in
            },
        }
    }

    /// Takes a slot for `label` and notes its rate.
    pub(crate) fn add(
        &mut self,
        allocator: &mut Allocator,
        label: Label,
        per_second: Option<u32>,
    ) -> Result<u32, CompileError> {
        let slots = label.slots() as usize;
        let slot = allocator.slot(label).ok_or(CompileError::SlotsExhausted)?;
        let (rate, burst) = self.default;
        let (first, end) = (slot as usize, slot as usize + slots);
        if self.by_slot.len() < end {
            self.by_slot.resize(end, Rate::new(rate, burst));
        }
        if let Some(own) = per_second {
            self.by_slot[first..end].fill(Rate::new(own, burst.min(own)));
        }
        Ok(slot)
    }

    fn words(&self) -> Vec<u64> {
        self.by_slot
            .iter()
            .flat_map(|rate| [rate.interval, rate.tolerance])
            .collect()
    }
}

/// The slots' names as JSON, behind their length.
fn names(slots: &Slots) -> Vec<u64> {
    // A map of plain strings cannot fail to serialise; an empty table names nothing.
    let json = serde_json::to_vec(slots).unwrap_or_default();
    let mut words = vec![json.len() as u64];
    words.extend(json.chunks(8).map(|chunk| {
        let mut octets = [0; 8];
        octets[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(octets)
    }));
    words
}

/// The slots' names of an image, as far as they can be read.
#[must_use]
pub fn read_names(lines: &[Line]) -> Slots {
    let found = || -> Option<Slots> {
        let header = Header::unpack(lines.first()?)?;
        let words = lines.get(header.names as usize..)?.as_flattened();
        let (length, rest) = words.split_first()?;
        let octets: Vec<u8> = rest.iter().flat_map(|word| word.to_le_bytes()).collect();
        serde_json::from_slice(octets.get(..usize::try_from(*length).ok()?)?).ok()
    };
    found().unwrap_or_default()
}
