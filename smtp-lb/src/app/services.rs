//! What security checks need: opened at the start, kept over reloads, closed after the last session.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{interval, timeout};
use zeroize::Zeroizing;

use super::AppError;
use crate::config::plan::{DnsPlan, EmbeddedStorePlan, Plan, StoreKind, ValkeyAddress, ValkeyPlan};
use crate::dns::{QuestionSettings, Questions};
use crate::event::Bus;
use crate::event::model::{Kind, SystemEvent};
use crate::secret;
use crate::security::Services;
use crate::security::violations::Recorder;
use crate::state::Folder;
use crate::store::{Embedded, EmbeddedSettings, Store, StoreError, Valkey, ValkeySettings};

/// In the state folder.
const FILE: &str = "store.redb";
/// Largest password, in octets.
const MAX_PASSWORD: u64 = 4096;
/// Largest file of authorities, in octets.
const MAX_CA: u64 = 1 << 20;
/// Between two looks for violations that other hosts are to see, and how many are taken at once.
const SHARE: Duration = Duration::from_millis(200);
const AT_ONCE: usize = 64;
/// For the last of them, at the stop.
const LAST: Duration = Duration::from_secs(1);

/// Opens what checks need. What cannot be had is told, and done without, save for what the configuration
/// names and we cannot read: mail must flow. Needs a tokio runtime around it, and blocks.
pub(super) fn open(plan: &Plan, state: Option<&Folder>, bus: &Bus) -> Result<Services, AppError> {
    let store = match &plan.store.kind {
        StoreKind::Embedded(bounds) => embedded(bounds, state.map(Folder::path), bus).into(),
        StoreKind::Valkey(server) => valkey(server)?.into(),
    };
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let recorder = Recorder::new(bus.clone(), &host);
    let services = Services::new(recorder, store, questions(&plan.dns), |time| {
        Box::pin(tokio::time::sleep(time))
    });
    configure(&services, plan);
    Ok(services)
}

/// Follows a changed configuration. The store stays: it takes a restart.
pub(crate) fn reload(services: &Services, before: &Plan, after: &Plan) {
    // What resolv.conf says may have changed.
    if before.dns != after.dns || after.dns.servers.is_empty() {
        services.ask(questions(&after.dns));
    }
    configure(services, after);
}

fn configure(services: &Services, plan: &Plan) {
    let profiles = plan.smtp_profiles.iter();
    let kept = profiles.map(|profile| (profile.name.as_str(), profile.violations));
    services
        .recorder
        .configure(kept, services.store.is_shared());
}

fn embedded(bounds: &EmbeddedStorePlan, folder: Option<&Path>, bus: &Bus) -> Embedded {
    let settings = |file| EmbeddedSettings {
        file,
        entries: bounds.entries,
        counts: bounds.counts,
    };
    let file = folder.map(|folder| folder.join(FILE));
    let tell = |what, detail: String| {
        tracing::warn!("{detail}");
        bus.tell(Kind::System(SystemEvent { what, detail }));
    };
    match Embedded::open(&settings(file.clone())) {
        Ok(store) => {
            if let (Some(file), 1..) = (&file, store.status().set_aside) {
                let file = file.display();
                let detail =
                    format!("{file} was broken and is now {file}.broken: greylisting begins anew");
                tell("store_lost", detail);
            }
            store
        }
        Err(error) => {
            let detail = format!(
                "what security checks remember does not survive a restart: {}",
                super::cause(&error)
            );
            tell("store_open_failed", detail);
            Embedded::in_memory(&settings(None))
        }
    }
}

fn valkey(plan: &ValkeyPlan) -> Result<Valkey, AppError> {
    let url = match &plan.address {
        ValkeyAddress::Tcp(address) => {
            let scheme = if plan.tls.is_some() {
                "rediss"
            } else {
                "redis"
            };
            format!("{scheme}://{address}/{}", plan.database)
        }
        ValkeyAddress::Unix(path) => {
            format!("redis+unix://{}?db={}", path.display(), plan.database)
        }
    };
    let ca = plan.tls.as_ref().and_then(|tls| tls.ca.as_deref());
    let ca = ca.map(|path| secret::file(path, MAX_CA)).transpose();
    let settings = ValkeySettings {
        url,
        authorities: ca.map_err(AppError::StoreCa)?.map(|it| it.to_vec()),
        username: plan.username.clone(),
        password: password(plan)?,
        prefix: plan.prefix.clone(),
        timeout: plan.timeout,
    };
    Valkey::new(&settings, &Handle::current()).map_err(AppError::Store)
}

fn password(plan: &ValkeyPlan) -> Result<Option<Zeroizing<String>>, AppError> {
    let Some(from) = &plan.password else {
        return Ok(None);
    };
    let octets = secret::password(from, MAX_PASSWORD).map_err(AppError::StorePassword)?;
    let text = String::from_utf8_lossy(&octets).into_owned();
    Ok(Some(Zeroizing::new(text)))
}

/// How `[dns]` has questions asked.
pub(crate) fn question_settings(plan: &DnsPlan) -> QuestionSettings {
    QuestionSettings {
        servers: plan.servers.clone(),
        timeout: plan.timeout,
        in_flight: plan.in_flight,
        cache: plan.cache,
        max_ttl: plan.max_ttl,
        negative_ttl: plan.negative_ttl,
    }
}

fn questions(plan: &DnsPlan) -> Questions {
    Questions::new(&question_settings(plan)).unwrap_or_else(|error| {
        tracing::warn!("checks that ask DNS get no answers: {error}");
        Questions::of_nobody()
    })
}

/// Puts violations where other hosts see them, for as long as it is polled.
pub(super) async fn share(services: &Services) {
    if !services.store.is_shared() {
        return;
    }
    let mut ticks = interval(SHARE);
    loop {
        ticks.tick().await;
        while share_some(services).await == Ok(AT_ONCE) {}
    }
}

async fn share_some(services: &Services) -> Result<usize, StoreError> {
    let taken = services.recorder.take_outgoing(AT_ONCE);
    for (at, it) in taken.iter().enumerate() {
        if let Err(error) = services.store.push(&it.list, &it.item, it.keep).await {
            services.recorder.could_not_share(taken.len() - at);
            return Err(error);
        }
    }
    Ok(taken.len())
}

/// After the last session: puts what is left where it belongs. Bounded by a second and one write.
pub(crate) async fn close(services: &Services) {
    if services.store.is_shared() {
        let all = async { while share_some(services).await == Ok(AT_ONCE) {} };
        let _ = timeout(LAST, all).await;
    }
    let store = Arc::clone(&services.store);
    // It waits for the disk.
    let _ = tokio::task::spawn_blocking(move || store.close()).await;
}
