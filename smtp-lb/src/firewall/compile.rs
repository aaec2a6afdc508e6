//! The rule compiler: a plan becomes an image. Pure: the same plan and slots give the same image.

use std::net::{IpAddr, SocketAddr};

use smtp_lb_common::bucket::Rate;
use smtp_lb_common::image::{
    AFTER_HEADER, ANSWERS, ANY_PROTOCOL, CELLS_PER_LINE, Context, Entry, FLAG_DEFAULT_DROP,
    FLAG_DEFAULT_REJECT, FLAG_DESTINATIONS, FLAG_FAILSAFE, FLAG_FLOODS, FLAG_GLOBAL,
    FLAG_LOG_DEFAULT, FLAG_REPUTATION, FLAG_STAGED, Header, Line, MAX_CHAIN, MAX_PROBES, Roots,
    Server, about, names_of,
};
use smtp_lb_common::packet::{mapped, split};
use smtp_lb_common::reason::{FIRST_RULE_SLOT, Verdict};
use thiserror::Error;

use super::floods;
use super::label::{
    Allocator, DEFAULT, FAILSAFE, GLOBAL, HOST, Label, Slots, VIRTUAL_SERVER, Word,
};
use super::layout::Lines;
use super::now::Now;
use super::pieces::{Limits, Networks, Pieces};
use super::profiles;
use crate::config::plan::{Action, FirewallPlan, Plan, PolicyId, RulePlan};

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
pub(super) struct Asked<'a> {
    pub(super) name: String,
    policy: &'a str,
    pub(super) rules: &'a [RulePlan],
    pub(super) now: &'a Now,
    /// It is the context's staged policy, which decides nothing.
    staged: bool,
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
        .take(plan.virtual_servers.len() + 2)
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
    debug_assert_eq!(lines.next(), AFTER_HEADER);
    lines.lines.extend(&profiles);
    lines.lines.extend(&floods);
    let sources_at = by_source.write(&mut lines);
    let destinations_at = if destinations.are_used() {
        by_destination.write(&mut lines)
    } else {
        Roots::default()
    };

    let (mut defaults, mut written) = (Vec::new(), Vec::new());
    let mut limits = Limits::default();
    for context in &asked {
        defaults.push(context.default(firewall, &mut allocator, &mut rates)?);
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
    let find = |name: &str, staged| {
        let mut all = asked.iter();
        all.position(|context| context.name == name && context.staged == staged)
    };
    let staged = |name: &str| find(name, true).map_or(Ok(Context::NONE), context);
    let servers = servers(plan, context, staged)?;
    let servers_mask = to_u32(servers.len() - 1)?;
    let global = find(GLOBAL, false);
    let slots = allocator.finish();
    let matrix = lines.append(&matrix, 0);
    let first_server = lines.next();
    lines.lines.extend(servers);
    let rates = lines.append(&rates.words(), 0);
    let names = lines.append(&names(&slots), 0);
    let header = Header {
        flags: flags(firewall)
            | flag(FLAG_REPUTATION, !profiles.is_empty())
            | flag(FLAG_FLOODS, !floods.is_empty())
            | flag(FLAG_FAILSAFE, !firewall.failsafe.is_empty())
            | flag(FLAG_GLOBAL, global.is_some())
            | flag(FLAG_STAGED, asked.iter().any(|context| context.staged))
            | flag(FLAG_DESTINATIONS, destinations.are_used()),
        columns,
        matrix,
        sources: sources_at,
        destinations: destinations_at,
        servers: first_server,
        servers_mask,
        rates,
        global: to_u32(global.unwrap_or(0))?,
        host: context(1)?,
        token: 0,
    };
    // Cells and entries are counted from the beginning of the image.
    if lines.lines.len() as u64 * u64::from(CELLS_PER_LINE) > u64::from(u32::MAX) {
        return Err(CompileError::TooLarge);
    }
    lines.lines[0] = header.pack();
    lines.lines[1] = about(
        to_u32(lines.lines.len())?,
        generation,
        staged(HOST)?,
        staged(GLOBAL)?,
        names,
    );
    Ok(Compiled {
        lines: lines.lines,
        slots,
    })
}

pub(super) fn to_u32(number: usize) -> Result<u32, CompileError> {
    u32::try_from(number).map_err(|_| CompileError::TooLarge)
}

const fn flag(flag: u32, holds: bool) -> u32 {
    if holds { flag } else { 0 }
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

/// Column 0 is the failsafe list, 1 the host, then the virtual servers in order; then the global policy, if
/// there is one, and staged ones.
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
            staged: false,
        },
        Asked {
            name: HOST.into(),
            policy: host.0,
            rules: host.1,
            now,
            staged: false,
        },
    ];
    for server in &plan.virtual_servers {
        let (policy, rules) = policy(server.firewall_policy);
        contexts.push(Asked {
            name: format!("{VIRTUAL_SERVER}{}", server.name),
            policy,
            rules,
            now,
            staged: false,
        });
    }
    if firewall.global_policy.is_some() {
        let (policy, rules) = policy(firewall.global_policy);
        contexts.push(Asked {
            name: GLOBAL.into(),
            policy,
            rules,
            now,
            staged: false,
        });
    }
    let servers = plan.virtual_servers.iter().map(|server| {
        (
            format!("{VIRTUAL_SERVER}{}", server.name),
            server.staged_policy,
        )
    });
    let staged = [
        (GLOBAL.to_owned(), firewall.staged_global_policy),
        (HOST.to_owned(), firewall.staged_host_policy),
    ];
    for (name, id) in staged.into_iter().chain(servers) {
        if id.is_some() {
            let (policy, rules) = policy(id);
            contexts.push(Asked {
                name,
                policy,
                rules,
                now,
                staged: true,
            });
        }
    }
    contexts
}

impl Asked<'_> {
    fn label(&self, rule: &str, verdict: Word) -> Label {
        let label = Label {
            context: self.name.clone(),
            policy: self.policy.to_owned(),
            rule: rule.to_owned(),
            verdict,
        };
        if self.staged { label.staged() } else { label }
    }

    /// Slot of the default; 0 where what is left undecided goes on to another context. A staged policy
    /// counts it in any case.
    fn default(
        &self,
        firewall: &FirewallPlan,
        allocator: &mut Allocator,
        rates: &mut Rates,
    ) -> Result<u32, CompileError> {
        if !self.staged && matches!(self.name.as_str(), FAILSAFE | GLOBAL) {
            return Ok(0);
        }
        let label = self.label(DEFAULT, firewall.default.into());
        rates.add(allocator, label, None)
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
                // One that is not there is nobody's.
                let interface = rule
                    .interface
                    .as_ref()
                    .map(|name| self.now.interfaces.get(name).copied());
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

/// The hash of virtual servers, as large as [`MAX_PROBES`] demands.
fn servers(
    plan: &Plan,
    context: impl Fn(usize) -> Result<Context, CompileError>,
    staged: impl Fn(&str) -> Result<Context, CompileError>,
) -> Result<Vec<Line>, CompileError> {
    let mut listed = Vec::new();
    for (index, server) in plan.virtual_servers.iter().enumerate() {
        let context = context(index + 2)?;
        let staged = staged(&format!("{VIRTUAL_SERVER}{}", server.name))?;
        listed.extend(server.listen.iter().map(|address| Server {
            address: key(address),
            port: address.port(),
            context,
            staged,
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
        Header::unpack(lines.first()?)?;
        let first = names_of(lines.get(1)?);
        let words = lines.get(first as usize..)?.as_flattened();
        let (length, rest) = words.split_first()?;
        let octets: Vec<u8> = rest.iter().flat_map(|word| word.to_le_bytes()).collect();
        serde_json::from_slice(octets.get(..usize::try_from(*length).ok()?)?).ok()
    };
    found().unwrap_or_default()
}
