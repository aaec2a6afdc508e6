//! Checks that ask DNS or the store. What is of the client alone is begun at connect; what is of the
//! sender is asked side by side at MAIL, and what is of the recipient at RCPT.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture, Shared, join, join4};

use super::results::Outcome;
use super::telling::Failure;
use super::{Session, Verdict, domain_of};
use crate::config::plan::{CheckPlan, WhenAway};
use crate::security::Check;
use crate::security::check::client_dns::{self, ClientName};
use crate::security::check::dnsbl::{self, Listed};
use crate::security::check::domain::{self, Domain};
use crate::security::check::{Fault, Finding, greylist, harvest, rates, sender_domain, spf};
use crate::security::engine::Engine;
use crate::security::greylist::{Client, Triplet};
use crate::security::question::Refusal;
use crate::security::reply::{self, Values};
use crate::spf::{Query, received_spf};

/// What is asked about a client before it says anything.
#[derive(Debug)]
pub(super) struct Ahead {
    name: Option<Shared<BoxFuture<'static, ClientName>>>,
    listed: Option<Shared<BoxFuture<'static, Arc<[Listed]>>>>,
}

impl Ahead {
    /// Nothing is asked until it is polled.
    pub(super) fn of(engine: &Arc<Engine>, client: IpAddr) -> Self {
        let plan = &engine.plan;
        let by_name = plan.disallowed_client.as_ref();
        let named = plan.client_dns.is_some() || by_name.is_some_and(|it| it.settings.asks_dns());
        let name = named.then(|| {
            let dns = engine.services.dns();
            let asked = async move { client_dns::ask(&*dns, client).await };
            asked.boxed().shared()
        });
        let listed = plan.dnsbl.is_some().then(|| {
            let (dns, engine) = (engine.services.dns(), Arc::clone(engine));
            let asked = async move {
                match &engine.plan.dnsbl {
                    Some(check) => dnsbl::ask(&*dns, &check.settings, client).await.into(),
                    None => Arc::default(),
                }
            };
            asked.boxed().shared()
        });
        Self { name, listed }
    }
}

impl Session {
    /// Asks about the client what will be needed of it. To be polled beside the session from its
    /// beginning; what it has not heard by then is waited for at MAIL. None: there is nothing to ask.
    #[must_use]
    pub fn ask_ahead(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let (name, listed) = (self.ahead.name.clone(), self.ahead.listed.clone());
        (!self.excepted && (name.is_some() || listed.is_some())).then_some(async move {
            join(OptionFuture::from(name), OptionFuture::from(listed)).await;
        })
    }

    /// What DNS and the store say of the client and the sender.
    pub(super) async fn ask_at_mail(&self, sender: &str, now: u64) -> Verdict {
        let plan = &self.engine.plan;
        if let Some(check) = &plan.sender_rate {
            let store = &*self.engine.services.store;
            let finding = rates::sender(store, &check.settings, sender, seconds(now)).await;
            let refusal = self.found(Check::SenderRate, check, finding, plan.store_away, now);
            if refusal.is_some() {
                return refusal;
            }
        }
        let greylist = plan.greylist.as_ref();
        let by_spf = greylist.is_some_and(|check| check.settings.by_spf_domain);
        if !by_spf && !plan.asks_dns() {
            return None;
        }
        let dns = self.engine.services.dns();
        let dns = &*dns;
        let query = self.query(sender);
        let domain = plan.sender_domain.is_some();
        let domain = domain.then(|| sender_domain::ask(dns, sender));
        let outcome = by_spf || plan.spf.is_some();
        let outcome = outcome.then(|| {
            let late = self.engine.services.sleep(spf::PATIENCE);
            spf::ask(dns, &query, late)
        });
        let (name, listed, domain, outcome) = join4(
            OptionFuture::from(self.ahead.name.clone()),
            OptionFuture::from(self.ahead.listed.clone()),
            OptionFuture::from(domain),
            OptionFuture::from(outcome),
        )
        .await;
        let passing = outcome
            .as_ref()
            .and_then(|outcome| spf::passing_domain(&query, outcome));
        {
            let mut state = self.lock();
            state.spf_domain = passing.map(Into::into);
            let told = outcome
                .as_ref()
                .filter(|_| plan.spf.is_some() && plan.received_spf);
            state.header = told
                .map(|it| received_spf(&query, it).into())
                .unwrap_or_default();
        }

        let name = name.as_ref();
        let client_dns = || {
            let (check, name) = (plan.client_dns.as_ref()?, name?);
            let (finding, away) = (
                client_dns::judge(&check.settings, name),
                check.settings.when_away,
            );
            self.found(Check::ClientDns, check, finding, away, now)
        };
        let dnsbl = || {
            let (check, listed) = (plan.dnsbl.as_ref()?, listed.as_ref()?);
            let (finding, away) = (
                dnsbl::judge(&check.settings, listed),
                check.settings.when_away,
            );
            self.found(Check::Dnsbl, check, finding, away, now)
        };
        let sender_domain = || {
            let (check, domain) = (plan.sender_domain.as_ref()?, domain?);
            let finding = sender_domain::judge(&check.settings, domain);
            self.found(
                Check::SenderDomain,
                check,
                finding,
                check.settings.when_away,
                now,
            )
        };
        let spf = || {
            let (check, outcome) = (plan.spf.as_ref()?, outcome.as_ref()?);
            let (finding, away) = (
                spf::judge(&check.settings, outcome),
                check.settings.temperror,
            );
            self.found(Check::Spf, check, finding, away, now)
        };
        self.disallowed_name(name, now)
            .or_else(client_dns)
            .or_else(dnsbl)
            .or_else(sender_domain)
            .or_else(spf)
    }

    /// The client's name is of a domain that is not wanted. One that does not lead back is no name.
    fn disallowed_name(&self, name: Option<&ClientName>, now: u64) -> Verdict {
        let check = self.engine.plan.disallowed_client.as_ref()?;
        let name = name?.verified()?;
        if !check.settings.domains.contains(name) {
            return None;
        }
        let failure = Failure {
            check: Check::DisallowedClient,
            codes: "550 5.7.1",
            text: "Access denied",
            reason: &format!("its name {name} is of a domain that is listed"),
            close: false,
        };
        self.fail(&mut self.lock(), check, failure, now)
    }

    /// What SPF is asked.
    fn query(&self, sender: &str) -> Query {
        let client = self.client.ip();
        let helo = self.lock().helo.clone();
        let query = match (domain::of(sender), sender.rsplit_once('@')) {
            (Domain::Name(name), Some((local, _))) => {
                Query::mail_from(client, &helo, &format!("{local}@{name}"))
            }
            _ => Query::mail_from(client, &helo, sender),
        };
        query.receiver(&self.engine.server)
    }

    /// What the store says of the recipient, and how long its reply is kept back.
    pub(super) async fn ask_at_rcpt(&self, recipient: &str, now: u64) -> (Verdict, Duration) {
        let plan = &self.engine.plan;
        let store = &*self.engine.services.store;
        let mut after = Duration::ZERO;
        if let Some(check) = &plan.harvest {
            let (finding, slow) =
                harvest::check(store, &check.settings, self.client.ip(), 0, seconds(now)).await;
            // Who is only told of is not slowed down.
            after = if check.block { slow } else { Duration::ZERO };
            let refusal = self.found(Check::Harvest, check, finding, plan.store_away, now);
            if refusal.is_some() {
                return (refusal, after);
            }
        }
        if let Some(check) = &plan.recipient_rate
            && self.is_first_of_domain(recipient)
        {
            let finding = rates::recipient(store, &check.settings, recipient, seconds(now)).await;
            let refusal = self.found(Check::RecipientRate, check, finding, plan.store_away, now);
            if refusal.is_some() {
                // The next of its domain is not let through for that.
                self.lock().recipient_domains.pop();
                return (refusal, after);
            }
        }
        let Some(check) = &plan.greylist else {
            return (None, after);
        };
        let (sender, spf) = {
            let state = self.lock();
            (state.sender.clone(), state.spf_domain.clone())
        };
        let triplet = Triplet {
            client: Client::Address(self.client.ip()),
            sender: &sender,
            recipient,
        };
        let finding = greylist::check(
            store,
            &check.settings,
            &triplet,
            spf.as_deref(),
            seconds(now),
        );
        let finding = finding.await;
        let refusal = self.found(Check::Greylist, check, finding, plan.store_away, now);
        (refusal, after)
    }

    /// Whether no recipient of this message was of that domain yet. A message counts once for each.
    fn is_first_of_domain(&self, recipient: &str) -> bool {
        let Some(domain) = domain_of(recipient) else {
            return false;
        };
        let mut state = self.lock();
        let known = &mut state.recipient_domains;
        if known.iter().any(|it| it.eq_ignore_ascii_case(domain)) {
            return false;
        }
        known.push(domain.into());
        true
    }

    /// Counts a recipient that there is not, for harvests. None: nobody counts them.
    #[must_use]
    pub fn count_unknown(
        self: &Arc<Self>,
        now: u64,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let counts = self.engine.plan.harvest.is_some() && !self.passes(&self.lock());
        let session = Arc::clone(self);
        counts.then_some(async move {
            session.one_more_unknown(now).await;
        })
    }

    async fn one_more_unknown(&self, now: u64) {
        if let Some(check) = &self.engine.plan.harvest {
            let store = &*self.engine.services.store;
            // What it comes to is looked at before the next recipient.
            harvest::check(store, &check.settings, self.client.ip(), 1, seconds(now)).await;
        }
    }

    /// Counts a recipient that was refused here, which no question to the store comes behind; whether the
    /// client is sent away for it.
    pub(super) async fn refused_here(&self, now: u64) -> Verdict {
        let plan = &self.engine.plan;
        let check = plan.harvest.as_ref()?;
        let store = &*self.engine.services.store;
        let (finding, _) =
            harvest::check(store, &check.settings, self.client.ip(), 1, seconds(now)).await;
        match finding {
            // That the store is away was no cause to refuse it.
            Finding::Fail(_) => self.found(Check::Harvest, check, finding, plan.store_away, now),
            Finding::Pass | Finding::Unknown(_) => None,
        }
    }

    /// What comes of a finding.
    fn found<S>(
        &self,
        check: Check,
        plan: &CheckPlan<S>,
        finding: Finding,
        away: WhenAway,
        now: u64,
    ) -> Verdict {
        let mut state = self.lock();
        match finding {
            Finding::Pass => {
                state.results.add(check, Outcome::Pass);
                None
            }
            Finding::Fail(fault) => {
                let failure = Failure {
                    check,
                    codes: fault.codes,
                    text: fault.text,
                    reason: &fault.reason,
                    close: fault.close,
                };
                self.fail(&mut state, plan, failure, now)
            }
            Finding::Unknown(fault) => {
                state.results.add(check, Outcome::Unknown);
                let refuses = plan.block && away == WhenAway::Refuse;
                refuses.then(|| self.for_now(&state.sender, &fault))
            }
        }
    }

    /// No violation: the client has done nothing wrong. Its text is never the operator's, who wrote it
    /// for those that have.
    fn for_now(&self, sender: &str, fault: &Fault) -> Refusal {
        let values = Values {
            client: &self.client.ip().to_canonical().to_string(),
            sender,
            reason: "",
        };
        Refusal {
            reply: reply::line(fault.codes, fault.text, values),
            close: false,
        }
    }
}

fn seconds(now: u64) -> u64 {
    now / 1_000_000_000
}

#[cfg(test)]
mod tests;
