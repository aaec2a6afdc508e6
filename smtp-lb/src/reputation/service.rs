//! Reputation, while the daemon runs: feeds are looked after, compiled and counted, and entries
//! that were added for a time are kept.

mod answers;
mod compile;
mod entries;
mod feed;
mod offences;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use smtp_lb_common::abi::Tally;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use self::feed::Feed;
use super::added::{Added, Moment};
use super::image::ImageError;
use super::kept;
use super::ledger::Act;
use super::names::Names;
use super::parse::{CsvColumns, Format, Rules};
use super::ranges::{ALLOW_TAG, Ranges, Tagged};
use super::sets::{Member, Sets};
use super::status::ImageStatus;
use crate::clock;
use crate::config::plan::{CategoryAction, FeedFormat, FeedPlan, Plan};
use crate::event::Bus;
use crate::event::model::{Kind, SystemEvent};
use crate::firewall::{Firewall, FirewallError, deed, pairs};

/// Name of the feed that is `[reputation] allow`. Parentheses are in no name of an operator's.
const ALLOW: &str = "(allow)";
/// Name of the feed that is the added entries.
const ADDED: &str = "(added)";
/// Networks of one feed.
const MAX_ENTRIES: usize = 16_000_000;

/// Why what is in force could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The feeds do not compile.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The kernel does not take the image.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
}

/// Reputation, while the daemon runs.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    firewall: Arc<Firewall>,
    bus: Bus,
    folder: Option<Arc<Path>>,
    runtime: Handle,
    state: Mutex<State>,
    /// One change of feeds and image after the other.
    turns: Mutex<()>,
    added: Added,
    offences: mpsc::Sender<offences::Report>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What changes.
struct State {
    plan: Arc<Plan>,
    feeds: Vec<Feed>,
    /// `[reputation] allow`, as a feed.
    allow: Arc<Tagged>,
    /// Sources that no added entry may hold.
    trusted: Arc<Ranges>,
    /// Peers whose PROXY headers are believed, whom the proxy may not list.
    peers: Arc<Ranges>,
    names: Names,
    /// Names of all numbers that may be counted still.
    known: Sets,
    image: ImageStatus,
}

impl Service {
    /// Puts in force what was kept of the feeds and what files hold, and begins to look after
    /// them. `before` is what the image of a former run knows. Blocks for the time of that.
    ///
    /// `folder` is made; without one nothing is kept on disk.
    pub fn start(
        plan: &Arc<Plan>,
        firewall: &Arc<Firewall>,
        bus: &Bus,
        folder: Option<PathBuf>,
        before: Names,
    ) -> Self {
        let (offences, reports) = mpsc::channel(offences::QUEUE);
        let inner = Arc::new(Inner {
            firewall: Arc::clone(firewall),
            bus: bus.clone(),
            folder: folder.and_then(prepare),
            runtime: Handle::current(),
            state: Mutex::new(State {
                plan: Arc::clone(plan),
                feeds: Vec::new(),
                allow: Arc::default(),
                trusted: Arc::default(),
                peers: Arc::default(),
                known: before.sets.clone(),
                names: before,
                image: ImageStatus::default(),
            }),
            turns: Mutex::default(),
            added: Added::default(),
            offences,
            tasks: Mutex::default(),
        });
        inner.begin_added(plan);
        inner.replace(plan);
        let sweep = inner.runtime.spawn(entries::sweep(Arc::clone(&inner)));
        let look = offences::look(Arc::clone(&inner), reports);
        let look = inner.runtime.spawn(look);
        inner
            .tasks()
            .extend([sweep, look].map(|task| task.abort_handle()));
        Self { inner }
    }

    /// Takes another plan, whose categories have kept their numbers. Blocks for the time of a
    /// compilation, and of reading what was kept of new feeds.
    pub fn reload(&self, plan: &Arc<Plan>) {
        self.inner.replace(plan);
    }

    /// Ends all looks, and keeps what was added. What is in force stays. Blocks.
    pub fn shutdown(&self) {
        self.inner.tasks().drain(..).for_each(|task| task.abort());
        self.inner.state().feeds.iter().for_each(Feed::stop);
        self.inner.save_added();
    }
}

fn prepare(folder: PathBuf) -> Option<Arc<Path>> {
    match std::fs::create_dir_all(&folder) {
        Ok(()) => {
            kept::sweep(&folder);
            Some(folder.into())
        }
        Err(error) => {
            tracing::warn!("feeds are not kept in {}: {error}", folder.display());
            None
        }
    }
}

/// Both clocks.
fn moment() -> Moment {
    Moment {
        ticks: clock::monotonic(),
        date: now(),
    }
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

impl Inner {
    // What a panic under a lock would leave is whole: fields are replaced one by one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(self: &Arc<Self>, plan: &Arc<Plan>) {
        let reputation = &plan.reputation;
        let planned: &[FeedPlan] = if reputation.is_used() {
            &reputation.feeds
        } else {
            &[]
        };
        if let Some(folder) = &self.folder {
            kept::forget_others(folder, planned);
        }
        let mut fresh = Vec::new();
        for feed in planned {
            let rules = rules(feed, plan);
            let goes_on = |own: &Feed| own.plan == *feed && own.rules == rules;
            if !self.state().feeds.iter().any(goes_on) {
                fresh.push(Feed::new(feed.clone(), rules, self.folder.as_ref()));
            }
        }
        let (allow, trusted) = trust(plan);
        let turn = self.turn();
        // Until now it was counted by the former plan.
        let hits = self.hits();
        {
            let mut state = self.state();
            state.count(&hits);
            state.plan = Arc::clone(plan);
            // At once, so that no look finds its feed missing that goes on.
            state.take_over(planned, fresh);
            state.allow = Arc::new(allow);
            state.trusted = Arc::new(trusted);
            state.peers = Arc::new(peers(plan));
            state.name_categories();
        }
        if reputation.is_used() {
            self.compile_or_tell(&turn);
        }
        drop(turn);
        self.sweep_added();
        let mut state = self.state();
        for feed in &mut state.feeds {
            feed.run(self);
        }
    }

    fn hits(&self) -> BTreeMap<u32, Tally> {
        let sets: Vec<u32> = self.state().known.iter().map(|(set, _)| set).collect();
        self.firewall.hits(&sets).unwrap_or_default()
    }

    fn tell(&self, what: &'static str, detail: String) {
        self.bus.tell(Kind::System(SystemEvent { what, detail }));
    }
}

impl State {
    fn feed(&mut self, name: &str) -> Option<&mut Feed> {
        self.feeds.iter_mut().find(|feed| feed.plan.name == name)
    }

    /// Feeds with what each says, and those that the configuration allows.
    fn sources(&self) -> Vec<(String, Arc<Tagged>)> {
        let own = (ALLOW.to_owned(), Arc::clone(&self.allow));
        let feeds = self.feeds.iter();
        let feeds = feeds.map(|feed| (feed.plan.name.clone(), Arc::clone(&feed.entries)));
        feeds.chain([own]).collect()
    }

    /// Feeds as planned: fresh ones in the place of those that they follow.
    fn take_over(&mut self, planned: &[FeedPlan], mut fresh: Vec<Feed>) {
        let names: HashSet<String> = fresh.iter().map(|it| it.plan.name.clone()).collect();
        let (gone, mut feeds): (Vec<Feed>, Vec<Feed>) = std::mem::take(&mut self.feeds)
            .into_iter()
            .partition(|feed| {
                let name = &feed.plan.name;
                names.contains(name) || !planned.iter().any(|plan| plan.name == *name)
            });
        gone.iter().for_each(Feed::stop);
        feeds.append(&mut fresh);
        feeds.sort_by_key(|feed| planned.iter().position(|it| it.name == feed.plan.name));
        self.feeds = feeds;
    }

    fn name_categories(&mut self) {
        let categories = &self.plan.reputation.categories;
        self.names.categories.clone_from(categories);
        for (set, category) in (1..).zip(categories) {
            let member = Member {
                feed: ADDED.to_owned(),
                category: category.clone(),
            };
            self.known.overlay(&Sets::one(set, member));
        }
    }

    /// Takes what was counted until now, by the plan that is in force.
    fn count(&mut self, hits: &BTreeMap<u32, Tally>) {
        let plan = Arc::clone(&self.plan);
        let pairs = pairs(&plan);
        let acts = |profile: u32, category: &str| {
            let pair = pairs.get(profile as usize);
            let number = plan.reputation.category(category);
            let deed = pair
                .zip(number)
                .and_then(|(pair, at)| deed(&plan, *pair, at));
            match deed?.action {
                CategoryAction::Accept => None,
                CategoryAction::Drop => Some(Act::Drop),
                CategoryAction::Reject => Some(Act::Reject),
            }
        };
        self.names.ledger.take(hits, &self.known, acts);
    }
}

/// What the configuration allows, as a feed; and all that it trusts.
fn trust(plan: &Plan) -> (Tagged, Ranges) {
    let (mut allow, mut trusted) = (Tagged::default(), Ranges::default());
    for network in &plan.reputation.allow {
        let (first, last) = (network.network(), network.broadcast());
        allow.of(ALLOW_TAG).add(first, last);
        trusted.add(first, last);
    }
    let failsafe = plan.firewall.failsafe.iter().filter(|rule| rule.enabled);
    for network in failsafe.flat_map(|rule| &rule.source) {
        trusted.add(network.network(), network.broadcast());
    }
    allow.merge();
    trusted.merge();
    (allow, trusted)
}

/// Peers in front of any virtual server.
fn peers(plan: &Plan) -> Ranges {
    let mut peers = Ranges::default();
    let believed = plan
        .virtual_servers
        .iter()
        .filter_map(|server| server.accept_proxy.as_ref());
    for network in believed.flat_map(|it| &it.from) {
        peers.add(network.network(), network.broadcast());
    }
    peers.merge();
    peers
}

/// How the lines of a feed are taken.
fn rules(feed: &FeedPlan, plan: &Plan) -> Rules {
    let number = |at: usize| u8::try_from(at).unwrap_or(0);
    let categories = plan.reputation.categories.iter().enumerate();
    Rules {
        format: match &feed.format {
            FeedFormat::F5 => Format::F5,
            FeedFormat::Cidr => Format::Cidr,
            FeedFormat::JsonLines => Format::JsonLines,
            FeedFormat::Csv {
                address,
                prefix,
                category,
            } => Format::Csv(CsvColumns {
                address: address.clone(),
                prefix: prefix.clone(),
                category: category.clone(),
            }),
        },
        tag: feed.category.map_or(ALLOW_TAG, number),
        categories: categories
            .map(|(at, name)| (name.clone(), number(at)))
            .collect(),
        max_entries: MAX_ENTRIES,
        max_bad: feed.max_bad,
    }
}
