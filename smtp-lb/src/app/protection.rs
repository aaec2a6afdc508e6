//! SYN protection, the daemon's part: it looks at accept queues, sees to it that the kernel makes and takes
//! cookies while they are needed, and says when protection begins and ends.
//!
//! What passes is decided without it: the packet path counts SYNs itself.

mod episode;
mod queues;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::Running;
use crate::admin::api::SynProtectionStatus;
use crate::clock::{boot_ns, monotonic};
use crate::config::plan::{Plan, SynProtectionPlan, VirtualServerPlan};
use crate::event::Bus;
use crate::event::model::{FloodEvent, Kind};
use crate::firewall::{ALL_SYNCOOKIES, Firewall, InForce, SYN_COOKIE, Syncookies, Word};
use episode::{Change, Episode};
use queues::{Asker, Queue};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// How long the setting outlasts protection: a connection may just be on its way.
const LINGER: u64 = 5_000_000_000;

/// What is known of protection.
#[derive(Debug, Default)]
pub(crate) struct Protection(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    episodes: BTreeMap<String, Episode>,
    queues: BTreeMap<String, u32>,
    asker: Option<Asker>,
    setting: Option<Syncookies>,
    /// What the setting was, while it is ours.
    former: Option<u8>,
    /// When anything was last protected.
    needed: u64,
    /// What cannot be done, told once.
    trouble: Option<String>,
    ended: bool,
}

/// Looks on for as long as the daemon runs.
pub(super) async fn follow(running: &Running) {
    loop {
        tokio::task::block_in_place(|| {
            let plan = &running.current.load().plan;
            running
                .protection
                .look(plan, &running.firewall, &running.bus, monotonic());
        });
        sleep(LOOK).await;
    }
}

impl Protection {
    // A panic under the lock leaves what can be looked at again.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look. Blocks shortly.
    fn look(&self, plan: &Plan, firewall: &Firewall, bus: &Bus, now: u64) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        if let Some(former) = firewall.former_syncookies()
            && state.former.is_none()
        {
            state.adopt(former, firewall);
        }
        let planned: Vec<_> = planned(plan, firewall).collect();
        if planned.is_empty() && state.episodes.is_empty() && state.former.is_none() {
            return;
        }
        let seen = state.see(&planned, firewall, bus, now);
        let set = state.set(firewall, now);
        state.complain(seen.and(set));
    }

    /// The daemon ends: nobody listens any more, and the setting is what it was. Blocks shortly.
    pub(crate) fn end(&self, firewall: &Firewall, bus: &Bus) {
        let mut state = self.state();
        state.ended = true;
        let counted = cookies(firewall);
        state.finish(|_| false, &counted, bus, monotonic());
        let result = state.restore(firewall);
        state.complain(result);
    }

    /// Each virtual server that is protected, or would be.
    pub(crate) fn status(&self, plan: &Plan, firewall: &Firewall) -> Vec<SynProtectionStatus> {
        let counted = cookies(firewall);
        let state = self.state();
        let servers = plan.virtual_servers.iter();
        let servers = servers.filter_map(|server| Some((server, server.syn_protection?)));
        servers
            .map(|(server, plan)| {
                let episode = state
                    .episodes
                    .get(&server.name)
                    .copied()
                    .unwrap_or_default();
                let (mode, marks) = match plan {
                    SynProtectionPlan::Always => ("always", None),
                    SynProtectionPlan::Auto { rate, accept_queue } => {
                        ("auto", Some((rate, accept_queue)))
                    }
                };
                let by = episode.marks.words();
                SynProtectionStatus {
                    virtual_server: server.name.clone(),
                    mode: mode.to_owned(),
                    on: !by.is_empty(),
                    by: by.into_iter().map(str::to_owned).collect(),
                    since: (episode.since > 0)
                        .then(|| boot_ns().saturating_add(episode.since) / 1_000_000_000),
                    syn_rate: marks.map(|marks| marks.0),
                    syn_accept_queue: marks.map(|marks| marks.1),
                    accept_queue: state.queues.get(&server.name).copied(),
                    cookies: counted.get(&server.name).copied().unwrap_or(0),
                }
            })
            .collect()
    }

    /// What keeps protection from being had.
    pub(crate) fn warnings(&self, plan: &Plan, firewall: &Firewall) -> Vec<String> {
        let mut servers = plan.virtual_servers.iter();
        if !servers.any(|server| server.syn_protection.is_some()) {
            return Vec::new();
        }
        let mut warnings = Vec::new();
        if let Some(what) = missing(firewall.report().mode) {
            warnings.push(what.to_owned());
        }
        warnings.extend(self.state().trouble.clone());
        warnings
    }
}

/// What cannot be had in this mode.
const fn missing(mode: InForce) -> Option<&'static str> {
    match mode {
        InForce::XdpNative => None,
        InForce::XdpGeneric => Some(
            "SYN protection in the generic hook: cookies are sent, but a flood costs the kernel more before it \
             is met than in the driver",
        ),
        InForce::Userspace | InForce::Off => Some(
            "SYN protection: only the packet filter in the kernel answers SYNs; net.ipv4.tcp_syncookies = 1, the \
             usual setting, makes the kernel do so when a queue is full",
        ),
    }
}

/// Virtual servers whose SYNs the kernel program may answer.
fn planned<'a>(
    plan: &'a Plan,
    firewall: &Firewall,
) -> impl Iterator<Item = (&'a VirtualServerPlan, SynProtectionPlan)> {
    let mode = firewall.report().mode;
    let filters = matches!(mode, InForce::XdpNative | InForce::XdpGeneric);
    let servers = plan.virtual_servers.iter().filter(move |_| filters);
    servers.filter_map(|server| Some((server, server.syn_protection?)))
}

/// SYNs that cookies have answered, by virtual server.
fn cookies(firewall: &Firewall) -> BTreeMap<String, u64> {
    let Ok(counters) = firewall.counters() else {
        return BTreeMap::new();
    };
    let rows = counters.rows.iter();
    let rows = rows.filter(|row| row.label.rule == SYN_COOKIE && row.label.verdict == Word::Accept);
    rows.filter_map(|row| {
        let server = row.label.virtual_server()?;
        Some((server.to_owned(), row.count.packets))
    })
    .collect()
}

impl State {
    fn see(
        &mut self,
        planned: &[(&VirtualServerPlan, SynProtectionPlan)],
        firewall: &Firewall,
        bus: &Bus,
        now: u64,
    ) -> Result<(), String> {
        let watches_queues =
            |(_, plan): &(_, SynProtectionPlan)| matches!(plan, SynProtectionPlan::Auto { .. });
        let queues = if planned.iter().any(watches_queues) {
            self.ask()
        } else {
            Ok(Vec::new())
        };
        let found = queues.as_deref().unwrap_or_default();
        let mut counted = None;
        for (server, plan) in planned {
            let watch = firewall.watch(&server.name).map_err(|e| e.to_string())?;
            let percent = fullest(found, server);
            let (always, full) = match plan {
                SynProtectionPlan::Always => (true, false),
                SynProtectionPlan::Auto { accept_queue, .. } => (false, percent >= *accept_queue),
            };
            self.queues.insert(server.name.clone(), percent);
            let mut episode = self.episodes.get(&server.name).copied().unwrap_or_default();
            let was = episode.marks;
            let mut after = episode;
            let watch = watch.unwrap_or_default();
            if after.look(always, watch, full, 0, now).is_none() && after.marks == was && !full {
                continue;
            }
            // Counters are read where something changes only.
            let counted = counted.get_or_insert_with(|| cookies(firewall));
            let answered = counted.get(&server.name).copied().unwrap_or(0);
            let change = episode.look(always, watch, full, answered, now);
            if full {
                let until = episode.guarded;
                firewall
                    .guard(&server.name, until)
                    .map_err(|e| e.to_string())?;
            }
            let marks = if episode.marks.words().is_empty() {
                was
            } else {
                episode.marks
            };
            self.episodes.insert(server.name.clone(), episode);
            tell(bus, &server.name, &marks.words(), change);
        }
        let is_planned = |name: &str| planned.iter().any(|(server, _)| server.name == name);
        if self.episodes.keys().any(|name| !is_planned(name)) {
            let counted = cookies(firewall);
            self.finish(is_planned, &counted, bus, now);
        }
        if self.episodes.values().any(|episode| episode.since > 0) {
            self.needed = now;
        }
        queues.map(|_| ())
    }

    /// Goes on with the setting of a daemon that was killed, unless somebody has set it since.
    fn adopt(&mut self, former: u8, firewall: &Firewall) {
        let is_ours = self
            .setting()
            .is_ok_and(|it| it.get().is_ok_and(|now| now == ALL_SYNCOOKIES));
        if is_ours {
            self.former = Some(former);
        } else if let Err(error) = firewall.keep_former_syncookies(None) {
            tracing::error!("SYN protection: {error}");
        }
    }

    /// Ends what is not to stay.
    fn finish(
        &mut self,
        stays: impl Fn(&str) -> bool,
        cookies: &BTreeMap<String, u64>,
        bus: &Bus,
        now: u64,
    ) {
        self.episodes.retain(|name, episode| {
            if stays(name) {
                return true;
            }
            let marks = episode.marks.words();
            let change = episode.end(cookies.get(name).copied().unwrap_or(0), now);
            tell(bus, name, &marks, change);
            false
        });
        self.queues.retain(|name, _| stays(name));
    }

    fn ask(&mut self) -> Result<Vec<Queue>, String> {
        let asker = match &mut self.asker {
            Some(asker) => asker,
            none => none.insert(Asker::new().map_err(|e| format!("accept queues: {e}"))?),
        };
        let queues = asker.ask();
        if queues.is_err() {
            // What is left of an answer must not be taken for the next one.
            self.asker = None;
        }
        queues.map_err(|error| format!("accept queues cannot be watched: {error}"))
    }

    /// Sees to the setting: ours while anything is protected, and a little longer.
    fn set(&mut self, firewall: &Firewall, now: u64) -> Result<(), String> {
        let needed = self.episodes.values().any(|episode| episode.since > 0);
        if !needed {
            if self.former.is_some() && now.saturating_sub(self.needed) >= LINGER {
                return self.restore(firewall);
            }
            // Its file is open before it is needed.
            return self.setting().map(|_| ());
        }
        if self.former.is_some() {
            return Ok(());
        }
        let failed = |error| format!("net.ipv4.tcp_syncookies cannot be set: {error}");
        let former = self.setting()?.get().map_err(failed)?;
        // Written down first: a daemon that is killed in between has changed nothing.
        firewall
            .keep_former_syncookies(Some(former))
            .map_err(|e| e.to_string())?;
        self.former = Some(former);
        if former != ALL_SYNCOOKIES {
            self.setting()?.set(ALL_SYNCOOKIES).map_err(failed)?;
            tracing::info!(former, "net.ipv4.tcp_syncookies = {ALL_SYNCOOKIES}");
        }
        Ok(())
    }

    fn setting(&mut self) -> Result<&Syncookies, String> {
        Ok(match &mut self.setting {
            Some(setting) => setting,
            none => {
                let opened = Syncookies::open();
                none.insert(opened.map_err(|e| format!("net.ipv4.tcp_syncookies: {e}"))?)
            }
        })
    }

    fn restore(&mut self, firewall: &Firewall) -> Result<(), String> {
        let Some(former) = self.former else {
            return Ok(());
        };
        let failed = |error| format!("net.ipv4.tcp_syncookies cannot be set back: {error}");
        self.setting()?.restore(former).map_err(failed)?;
        self.former = None;
        tracing::info!(former, "net.ipv4.tcp_syncookies is what it was");
        firewall
            .keep_former_syncookies(None)
            .map_err(|e| e.to_string())
    }

    /// Says what cannot be done when it cannot, and not at each look.
    fn complain(&mut self, result: Result<(), String>) {
        match result {
            Err(error) if self.trouble.as_ref() != Some(&error) => {
                tracing::error!("SYN protection: {error}");
                self.trouble = Some(error);
            }
            Err(_) => {}
            Ok(()) => self.trouble = None,
        }
    }
}

/// The fullest of a virtual server's accept queues, in percent.
fn fullest(queues: &[Queue], server: &VirtualServerPlan) -> u32 {
    let own = queues
        .iter()
        .filter(|it| server.listen.contains(&it.address));
    own.map(Queue::percent).max().unwrap_or(0)
}

fn tell(bus: &Bus, server: &str, marks: &[&'static str], change: Option<Change>) {
    let (change, seconds, cookies) = match change {
        None => return,
        Some(Change::Began) => ("began", 0, 0),
        Some(Change::Ended { seconds, cookies }) => ("ended", seconds, cookies),
    };
    let mark = marks.first().copied().unwrap_or_default();
    tracing::warn!(
        virtual_server = server,
        mark,
        seconds,
        cookies,
        "SYN protection {change}"
    );
    bus.tell(Kind::Flood(FloodEvent {
        virtual_server: server.into(),
        change,
        mark,
        seconds,
        cookies,
    }));
}
