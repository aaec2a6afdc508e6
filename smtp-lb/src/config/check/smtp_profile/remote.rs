//! Checks that ask DNS or the store.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Checked, Of, all};
use crate::config::plan::{SmtpProfilePlan, WhenAway};
use crate::config::raw::smtp_profile::{self as raw, SpfThen};
use crate::config::raw::{self as top, At, DurationText, SmtpProfile};
use crate::config::value::{Fault, smtp_profile as read};
use crate::security::check::{client_dns, dnsbl, greylist, sender_domain, spf};
use crate::security::client::Aggregate;
use crate::security::rate::Rate;
use crate::security::{greylist as triplets, harvest};

const DELAYS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
const RETRIES: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_hours(30 * 24);
const KEEPS: RangeInclusive<Duration> = Duration::from_hours(1)..=Duration::from_hours(365 * 24);
const SLOWNESS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(30);

impl Of<'_, '_> {
    /// A plan of these checks alone.
    pub(super) fn remote(&mut self, raw: &SmtpProfile) -> Checked<SmtpProfilePlan> {
        let client_dns = self.check(&raw.client_dns, raw::ClientDns::common, |_, raw| {
            Ok(client_dns(raw))
        });
        let dnsbl = self.check(&raw.dnsbl, raw::Dnsbl::common, Self::dnsbl);
        let sender_domain = self.check(&raw.sender_domain, raw::SenderDomain::common, |_, raw| {
            Ok(sender_domain(raw))
        });
        let spf = self.check(&raw.spf, raw::Spf::common, |_, raw| Ok(spf(raw)));
        let greylist = self.check(&raw.greylist, raw::Greylist::common, Self::greylist);
        let sender_rate = self.check(&raw.sender_rate, raw::SenderRate::common, |of, raw| {
            of.rate(raw.messages.as_ref(), raw.window.as_ref())
        });
        let recipient_rate = self.check(
            &raw.recipient_rate,
            raw::RecipientRate::common,
            |of, raw| of.rate(raw.messages.as_ref(), raw.window.as_ref()),
        );
        let harvest = self.check(&raw.harvest, raw::Harvest::common, Self::harvest);
        Ok(SmtpProfilePlan {
            client_dns: client_dns?,
            dnsbl: dnsbl?,
            sender_domain: sender_domain?,
            spf: spf?,
            greylist: greylist?,
            sender_rate: sender_rate?,
            recipient_rate: recipient_rate?,
            harvest: harvest?,
            ..SmtpProfilePlan::default()
        })
    }

    fn dnsbl(&mut self, raw: &At<raw::Dnsbl>) -> Checked<dnsbl::Settings> {
        let lists = self.check.must(raw.lists.as_ref())?;
        let zones = all(lists.iter().map(|list| {
            let zone = self.check.must(list.zone.as_ref());
            let name = zone.and_then(|text| self.check.value(text, read::domain));
            let answers = list.answers.as_deref().unwrap_or_default();
            let answers = all(answers.iter().map(|text| self.check.value(text, answer)));
            let (below, name) = name?;
            if below && let Some(zone) = &list.zone {
                return Err(self.check.error(
                    zone,
                    "a list has one domain",
                    "leave out the dot before it",
                ));
            }
            Ok(dnsbl::Zone {
                name,
                weight: list.weight.as_deref().copied().unwrap_or(1),
                answers: answers?,
            })
        }))?;
        let threshold = raw.threshold.as_deref().copied().unwrap_or(1);
        let most: i32 = zones.iter().map(|zone| zone.weight.max(0)).sum();
        if most < threshold {
            return Err(self.check.error(
                raw,
                format!(
                    "no client can fail: the weights come to {most}, the threshold is {threshold}"
                ),
                "write a lower `threshold`, or greater weights",
            ));
        }
        Ok(dnsbl::Settings {
            zones,
            threshold,
            when_away: when_away(raw.when_away, WhenAway::Pass),
        })
    }

    fn greylist(&mut self, raw: &At<raw::Greylist>) -> Checked<greylist::Settings> {
        let default = triplets::Policy::default();
        let mut seconds = |text: Option<&At<DurationText>>, default, bounds| {
            let time = self
                .check
                .duration_or(text, Duration::from_secs(default), bounds);
            time.map(|time| time.as_secs())
        };
        let delay = seconds(raw.delay.as_ref(), default.delay, DELAYS);
        let retry_within = seconds(raw.retry_within.as_ref(), default.retry_within, RETRIES);
        let keep = seconds(raw.keep.as_ref(), default.keep, KEEPS);
        let (delay, retry_within, keep) = (delay?, retry_within?, keep?);
        if retry_within <= delay {
            return Err(self.check.error(
                raw,
                "nobody can pass: `retry_within` is over before `delay` is",
                "write a `retry_within` longer than `delay`",
            ));
        }
        let trust_after = raw.trust_after.as_deref().copied();
        let or = |bits: Option<&At<u8>>, default| bits.map_or(default, |bits| **bits);
        Ok(greylist::Settings {
            policy: triplets::Policy {
                delay,
                retry_within,
                keep,
                trust_after: trust_after.unwrap_or(default.trust_after),
                aggregate: Aggregate {
                    v4: or(raw.ipv4_prefix.as_ref(), default.aggregate.v4),
                    v6: or(raw.ipv6_prefix.as_ref(), default.aggregate.v6),
                },
            },
            by_spf_domain: raw.by_spf_domain.unwrap_or(false),
        })
    }

    fn rate(
        &mut self,
        messages: Option<&At<u64>>,
        window: Option<&At<DurationText>>,
    ) -> Checked<Rate> {
        let limit = self.check.must(messages).map(|messages| **messages);
        let window = self.window(window);
        Ok(Rate {
            limit: limit?,
            window: window?,
        })
    }

    fn harvest(&mut self, raw: &At<raw::Harvest>) -> Checked<harvest::Policy> {
        let default = harvest::Policy::default();
        let delay = self
            .check
            .duration_or(raw.delay.as_ref(), default.delay, SLOWNESS);
        let window = self.window(raw.window.as_ref());
        let limit = raw.limit.as_deref().copied().unwrap_or(default.limit);
        let slow_after = raw.slow_after.as_deref().copied();
        Ok(harvest::Policy {
            slow_after: slow_after.unwrap_or(default.slow_after.min(limit)),
            limit,
            window: window?,
            delay: delay?,
            aggregate: default.aggregate,
        })
    }
}

fn answer(text: &str) -> Result<dnsbl::Range, Fault> {
    text.parse().map_err(|error: dnsbl::BadRange| {
        Fault::new(
            error.to_string(),
            "write `\"127.0.0.2\"`, `\"127.0.0.0/28\"` or `\"127.0.0.4-127.0.0.7\"`",
        )
    })
}

pub(super) fn when_away(raw: Option<top::WhenAway>, default: WhenAway) -> WhenAway {
    match raw {
        Some(top::WhenAway::Pass) => WhenAway::Pass,
        Some(top::WhenAway::Refuse) => WhenAway::Refuse,
        None => default,
    }
}

fn client_dns(raw: &raw::ClientDns) -> client_dns::Settings {
    let default = client_dns::Settings::default();
    client_dns::Settings {
        forward_confirmed: raw.forward_confirmed.unwrap_or(default.forward_confirmed),
        permanent: raw.permanent.unwrap_or(default.permanent),
        when_away: when_away(raw.when_away, default.when_away),
    }
}

fn sender_domain(raw: &raw::SenderDomain) -> sender_domain::Settings {
    let default = sender_domain::Settings::default();
    sender_domain::Settings {
        permanent: raw.permanent.unwrap_or(default.permanent),
        literals: raw.literals.unwrap_or(default.literals),
        when_away: when_away(raw.when_away, default.when_away),
    }
}

fn spf(raw: &raw::Spf) -> spf::Settings {
    let default = spf::Settings::default();
    let then = |then: Option<SpfThen>, default| match then {
        Some(SpfThen::Pass) => spf::Then::Pass,
        Some(SpfThen::Refuse) => spf::Then::Refuse,
        Some(SpfThen::Defer) => spf::Then::Defer,
        None => default,
    };
    spf::Settings {
        fail: then(raw.fail, default.fail),
        soft_fail: then(raw.softfail, default.soft_fail),
        neutral: then(raw.neutral, default.neutral),
        none: then(raw.none, default.none),
        permerror: then(raw.permerror, default.permerror),
        temperror: when_away(raw.temperror, default.temperror),
    }
}
