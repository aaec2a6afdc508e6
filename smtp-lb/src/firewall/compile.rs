//! The rule compiler: a plan becomes an image. Pure: the same plan and slots give the same image.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use smtp_lb_common::bucket::Rate;
use smtp_lb_common::image::{
    AFTER_ROOTS, ANSWERS, ANY_PROTOCOL, Context, Entry, FLAG_DEFAULT_DROP, FLAG_DEFAULT_REJECT,
    FLAG_FLOODS, FLAG_LOG_DEFAULT, FLAG_REPUTATION, Header, Line, MAX_CHAIN, MAX_PROBES, Server,
};
use smtp_lb_common::packet::{mapped, split};
use smtp_lb_common::reason::{FIRST_RULE_SLOT, Verdict};
use thiserror::Error;

use super::floods;
use super::intervals::{Classes, Family, sweep};
use super::label::{Allocator, DEFAULT, FAILSAFE, HOST, Label, Slots, VIRTUAL_SERVER, Word};
use super::layout::Lines;
use super::now::Now;
use super::profiles;
use crate::config::plan::{Action, FirewallPlan, Plan, RulePlan};

/// Why a plan cannot become an image.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CompileError {
    /// The counter table is full of names that came and went.
    #[error("no counter is left for another rule; `smtp-lb firewall detach` starts afresh")]
    SlotsExhausted,
    /// A source has too many rules that only ports or protocols tell apart.
    #[error(
        "{context}: more than {MAX_CHAIN} rules differ only by protocol and port for one source"
    )]
    ChainTooLong {
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

    let sources = sources(&asked);
    let mut classes = Classes::default();
    let v4 = sweep(Family::V4, &sources, &mut classes);
    let v6 = sweep(Family::V6, &sources, &mut classes);
    let mut lines = Lines::new();
    // Their place is fixed, and before all that is searched.
    let columns: Vec<&str> = asked.iter().map(|context| context.name.as_str()).collect();
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
    lines.tree_v4(&v4);
    lines.tree_v6(&v6);

    let mut defaults = Vec::new();
    let mut entries = Vec::new();
    for context in &asked {
        // What the failsafe list leaves undecided goes on to another context.
        let default = if context.name == FAILSAFE {
            0
        } else {
            let label = context.label(DEFAULT, firewall.default.into());
            rates.add(&mut allocator, label, None)?
        };
        defaults.push(default);
        entries.push(context.entries(&mut allocator, &mut rates)?);
    }
    let (matrix, chains) = matrix(&asked, &entries, &classes)?;

    let columns = to_u32(asked.len())?;
    let context = |column: usize| -> Result<Context, CompileError> {
        Ok(Context {
            column: to_u32(column)?,
            default_slot: defaults[column],
        })
    };
    let servers = servers(plan, context)?;
    let servers_mask = to_u32(servers.len() - 1)?;
    let slots = allocator.finish();
    let matrix = lines.append(&matrix, 0);
    let chains = lines.append(&chains, 0);
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
            | if floods.is_empty() { 0 } else { FLAG_FLOODS },
        columns,
        matrix,
        chains,
        servers: first_server,
        servers_mask,
        rates,
        names,
        failsafe: context(0)?,
        host: context(1)?,
        lines: to_u32(lines.lines.len())?,
        generation,
    };
    lines.lines[0] = header.pack();
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
        Action::Accept => 0,
        Action::Drop => FLAG_DEFAULT_DROP,
        Action::Reject => FLAG_DEFAULT_DROP | FLAG_DEFAULT_REJECT,
    };
    if firewall.log_default {
        default | FLAG_LOG_DEFAULT
    } else {
        default
    }
}

/// Column 0 is the failsafe list, 1 the host, then the virtual servers in order.
fn contexts<'a>(plan: &'a Plan, now: &'a Now) -> Vec<Asked<'a>> {
    let firewall = &plan.firewall;
    let policy = |id: Option<crate::config::plan::PolicyId>| match id {
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
    contexts
}

/// Numbers of rules over all contexts, with the networks of those that ask for a source.
fn sources<'a>(asked: &[Asked<'a>]) -> Vec<(u32, &'a [IpNet])> {
    let rules = asked
        .iter()
        .flat_map(|context| context.rules.iter().map(|rule| (rule, context.now)));
    (0..)
        .zip(rules)
        .filter(|(_, (rule, now))| now.is_on(rule) && !rule.source.is_empty())
        .map(|(number, (rule, _))| (number, rule.source.as_slice()))
        .collect()
}

/// What is left of a rule once the source is known, and whether the source must be in its class.
struct Left {
    entry: Entry,
    needs_source: bool,
    enabled: bool,
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

    fn entries(
        &self,
        allocator: &mut Allocator,
        rates: &mut Rates,
    ) -> Result<Vec<Left>, CompileError> {
        self.rules
            .iter()
            .map(|rule| {
                let verdict = match rule.action {
                    Action::Accept => Verdict::Accept,
                    Action::Drop => Verdict::Drop,
                    Action::Reject => Verdict::Reject,
                };
                let label = self.label(&rule.name, verdict.into());
                let slot = rates.add(allocator, label, rule.log_rate)?;
                Ok(Left {
                    entry: Entry {
                        slot,
                        protocol: rule.protocol.map_or(ANY_PROTOCOL, u16::from),
                        ports: rule.port,
                        verdict,
                        log: rule.log,
                        end: false,
                    },
                    needs_source: !rule.source.is_empty(),
                    enabled: self.now.is_on(rule),
                })
            })
            .collect()
    }
}

/// Class × context → chain, and the chains, each stored once.
fn matrix(
    asked: &[Asked<'_>],
    entries: &[Vec<Left>],
    classes: &Classes,
) -> Result<(Vec<u64>, Vec<u64>), CompileError> {
    let mut chains: HashMap<Vec<[u64; 2]>, u32> = HashMap::new();
    let mut words: Vec<u64> = Vec::new();
    let mut cells: Vec<u32> = Vec::new();
    for members in classes.members() {
        let mut first_rule = 0;
        for (context, left) in asked.iter().zip(entries) {
            let chain = chain(left, members, first_rule);
            if chain.len() > MAX_CHAIN as usize {
                return Err(CompileError::ChainTooLong {
                    context: context.name.clone(),
                });
            }
            first_rule += to_u32(left.len())?;
            if let Some(at) = chains.get(&chain) {
                cells.push(*at);
                continue;
            }
            let at = to_u32(words.len() / 2)?;
            words.extend(chain.iter().flatten());
            chains.insert(chain, at);
            cells.push(at);
        }
    }
    // Two cells to a word, the even one in the low half.
    let pairs = cells
        .chunks(2)
        .map(|pair| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32)
        .collect();
    Ok((pairs, words))
}

/// Rules still to be tested for a class, up to the first that always matches.
fn chain(left: &[Left], members: &[u32], first_rule: u32) -> Vec<[u64; 2]> {
    let mut chain = Vec::new();
    for (number, rule) in (first_rule..).zip(left) {
        if !rule.enabled || (rule.needs_source && members.binary_search(&number).is_err()) {
            continue;
        }
        chain.push(rule.entry.pack());
        if rule.entry.protocol == ANY_PROTOCOL && rule.entry.ports.is_none() {
            return chain;
        }
    }
    chain.push(Entry::END.pack());
    chain
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
        let slots = if label.verdict == Word::Reject { 2 } else { 1 };
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
