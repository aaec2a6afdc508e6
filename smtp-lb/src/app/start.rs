//! Starts the parts in the order that leaves no gap.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;

use super::administration::Orders;
use super::feedback::Listed;
use super::names::Names;
use super::picture::word;
use super::protection::Protection;
use super::{AppError, Configuration, Current, Running, rings, services, targets};
use crate::admin::socket::Claim;
use crate::config::plan::Plan;
use crate::event::ring::Reader;
use crate::event::{Bus, Pipeline, Routes};
use crate::firewall::{self, Firewall, FirewallError, Verdict};
use crate::health::Health;
use crate::pool::Pools;
use crate::proxy::{AcceptFilter, Admission, AllowAll, Proxy};
use crate::reputation::{self, Service};
use crate::security::Services;
use crate::state::Folder;
use crate::tls::Profiles;

/// Everything but the control API, whose socket is claimed first: a second daemon must be told
/// before it touches what the first one holds. Needs a tokio runtime around it.
pub(super) async fn start(config: &Path) -> Result<(Running, Claim), AppError> {
    let started = Instant::now();
    let Configuration {
        loaded,
        profiles,
        warnings,
    } = Configuration::load(config)?;
    for warnings in [&loaded.warnings, &warnings] {
        for warning in super::picture::warnings(warnings) {
            tracing::warn!("{warning}");
        }
    }
    let source = Arc::clone(loaded.source());
    let (mut plan, profiles) = (loaded.plan, Arc::new(profiles));
    // What an image in force speaks of keeps its numbers.
    let pinned = firewall::pinned_reputation(&plan.firewall.pin_path);
    let listed = reputation::Names::read(pinned.as_deref());
    plan.reputation.keep_numbers(&listed.categories);
    let claim = Claim::new(&plan.admin.socket, plan.admin.mode)?;
    let state = state(&plan.general.state_path);
    let (events, bus) = Pipeline::start(&plan.log, Routes::from_plan(&plan), &profiles)?;
    let names = Names::read(state.clone(), bus.clone());
    names.fill(&mut plan).await;
    let plan = Arc::new(plan);
    let pools = Arc::new(Pools::from_plan(&plan, None));
    let orders = Orders::read(state.clone(), bus.clone());
    orders.restore(&pools);

    super::routing::begin(&plan)?;
    // Before the listeners, so that no client comes in unfiltered.
    let pins = &plan.firewall.pin_path;
    let fresh = matches!(
        firewall::pinned_counters(pins),
        Err(FirewallError::NotPinned { .. })
    );
    let firewall = Arc::new(Firewall::start(&plan)?);
    report(&firewall);
    let folder = state
        .as_ref()
        .map(|folder| folder.path().join("reputation"));
    let reputation = Service::start(&plan, &firewall, &bus, folder, listed);
    let services = tokio::task::block_in_place(|| services::open(&plan, state.as_deref(), &bus))?;
    let (reader, health, proxy) = behind(
        &plan,
        &pools,
        &profiles,
        (&firewall, &reputation, &services),
        &bus,
    )
    .inspect_err(|_| {
        // A first start that fails leaves no filter behind; one that was there stays in force.
        if fresh && let Err(error) = firewall::detach(pins) {
            tracing::error!("cannot detach the firewall again: {error}");
        }
    })?;
    let running = Running {
        config: config.to_path_buf(),
        current: ArcSwap::from_pointee(Current::new(plan, pools, profiles, source, 0, &bus)),
        reloading: tokio::sync::Mutex::new(()),
        events,
        firewall,
        reputation,
        health,
        services,
        proxy,
        reader: Mutex::new(Some(reader)),
        bus,
        orders,
        names,
        protection: Protection::default(),
        readdressing: AtomicBool::new(false),
        state,
        started,
        stopping: AtomicBool::new(false),
    };
    Ok((running, claim))
}

/// Mail must flow without it, so a start goes on.
fn state(path: &Path) -> Option<Arc<Folder>> {
    match Folder::open(path) {
        Ok(folder) => Some(Arc::new(folder)),
        Err(error) => {
            tracing::warn!("nothing that is set now survives a restart: {error}");
            None
        }
    }
}

/// What needs the filter to stand: its events, listeners and monitors.
fn behind(
    plan: &Plan,
    pools: &Pools,
    profiles: &Arc<Profiles>,
    (firewall, reputation, services): (&Firewall, &Service, &Services),
    bus: &Bus,
) -> Result<(Reader, Health, Proxy), AppError> {
    let reader = rings::read(firewall, bus.clone())?;
    let filter = match firewall.accept_filter(bus) {
        Some(allows) => Arc::new(Userspace(allows)) as Arc<dyn AcceptFilter>,
        None => Arc::new(AllowAll),
    };
    // Listeners before monitors: they can fail, and a failed start should bother nobody.
    let feedback = Arc::new(Listed(reputation.clone()));
    let proxy = Proxy::start(
        plan,
        pools,
        profiles,
        filter,
        feedback,
        bus.clone(),
        services.clone(),
    )?;
    let health = Health::start(targets(plan, pools, profiles), bus.clone());
    Ok((reader, health, proxy))
}

/// The firewall's verdict at accept, where the card does not give it.
struct Userspace(firewall::AcceptFilter);

impl AcceptFilter for Userspace {
    fn allows(&self, client: SocketAddr, local: SocketAddr) -> Admission {
        match (self.0)(client, local) {
            Verdict::Accept => Admission::Admitted,
            Verdict::Drop => Admission::Closed,
            Verdict::Reject => Admission::Reset,
        }
    }
}

/// Says where verdicts are made, loudly where it is not where they were asked for.
fn report(firewall: &Firewall) {
    let report = firewall.report();
    for interface in &report.interfaces {
        tracing::info!(
            interface = interface.name,
            mode = word(&interface.mode),
            "firewall"
        );
    }
    for warning in &report.warnings {
        tracing::warn!("firewall: {warning}");
    }
}
