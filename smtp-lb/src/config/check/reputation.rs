//! `[reputation]`, its feeds and policies.

mod feedback;

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use super::address_list::networks;
use super::{Check, Checked, all};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::plan::{
    CategoryAction, CategoryPlan, FeedFormat, FeedPlan, FeedSource, MAX_CATEGORIES, Plan,
    ReputationId, ReputationPlan, ReputationPolicyPlan,
};
use crate::config::raw::{self, At};
use crate::config::value::{self, feed, size};

const INTERVAL: Duration = Duration::from_hours(1);
const FILE_INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_hours(30 * 24);
const MAX_TIMEOUT: Duration = Duration::from_mins(10);
const MAX_SIZE: u64 = 256 << 20;
const SIZES: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 30;
const MAX_CHANGE: u32 = 50;
const MAX_BAD: u32 = 5;
/// Feeds at once: what a set is made of.
const MAX_FEEDS: usize = 64;
/// Different pairs of the firewall's policy and a virtual server's.
const MAX_PROFILES: usize = 8;

/// Categories by their numbers, in the order of the file.
#[derive(Default)]
struct Categories(Vec<String>);

impl Categories {
    fn number(&mut self, check: &mut Check<'_>, name: &At<String>) -> Checked<usize> {
        let category = check.value(name, feed::category)?;
        if let Some(at) = self.0.iter().position(|own| *own == category) {
            return Ok(at);
        }
        if self.0.len() == MAX_CATEGORIES {
            return Err(check.error(
                name,
                format!("there are more than {MAX_CATEGORIES} categories"),
                "let feeds share categories",
            ));
        }
        self.0.push(category);
        Ok(self.0.len() - 1)
    }
}

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::Reputation) -> Checked<ReputationPlan> {
    let allow = networks(check, &raw.allow);
    let mut categories = Categories::default();
    let feeds = all(raw
        .feed
        .iter()
        .map(|feed| one_feed(check, &mut categories, feed)));
    if let Some(name) = raw.feed.get(MAX_FEEDS).and_then(|feed| feed.name.as_ref()) {
        check.error(
            name,
            format!("there are more than {MAX_FEEDS} feeds"),
            "put several into one file",
        );
    }
    // All categories are known only when all policies have been read.
    let named = all(raw
        .policy
        .iter()
        .map(|policy| named(check, &mut categories, policy)));
    let feedback = feedback::compile(check, &mut categories, &raw.feedback);
    let policies = all(raw
        .policy
        .iter()
        .map(|policy| Ok((check.name(policy.name.as_ref())?, policy))));
    let (named, policies) = (named?, policies?);
    let policies = policies.into_iter().zip(named).map(|((name, raw), named)| {
        let rest = category(
            raw.default_action.as_deref().copied(),
            raw.log.unwrap_or(true),
        );
        let mut categories = vec![rest; categories.0.len()];
        for (at, plan) in named {
            if let Some(category) = categories.get_mut(at) {
                *category = plan;
            }
        }
        ReputationPolicyPlan { name, categories }
    });
    Ok(ReputationPlan {
        policies: policies.collect(),
        feedback: feedback?,
        allow: allow?,
        feeds: feeds?,
        categories: categories.0,
    })
}

fn category(action: Option<raw::CategoryAction>, log: bool) -> CategoryPlan {
    let (action, log) = match action {
        None | Some(raw::CategoryAction::Drop) => (CategoryAction::Drop, log),
        Some(raw::CategoryAction::Reject) => (CategoryAction::Reject, log),
        Some(raw::CategoryAction::Accept) => (CategoryAction::Accept, false),
        Some(raw::CategoryAction::LogOnly) => (CategoryAction::Accept, true),
    };
    CategoryPlan { action, log }
}

fn named(
    check: &mut Check<'_>,
    categories: &mut Categories,
    raw: &raw::ReputationPolicy,
) -> Checked<Vec<(usize, CategoryPlan)>> {
    let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
    let log = raw.log.unwrap_or(true);
    all(raw.category.iter().map(|entry| {
        let name = check.must(entry.name.as_ref())?;
        if let Some(first) = seen.insert(name, name.span()) {
            let message = format!("the category {} is named twice", quote(name));
            let diagnostic = Diagnostic::new(name.span(), message, "name it once");
            return Err(check
                .report
                .error(diagnostic.also(first, "first named here")));
        }
        let number = categories.number(check, name);
        let action = check.must(entry.action.as_ref());
        Ok((number?, category(Some(**action?), entry.log.unwrap_or(log))))
    }))
}

fn one_feed(
    check: &mut Check<'_>,
    categories: &mut Categories,
    raw: &raw::Feed,
) -> Checked<FeedPlan> {
    let name = check.name(raw.name.as_ref());
    let source = check
        .must(raw.source.as_ref())
        .and_then(|text| check.value(text, feed::source));
    let is_file = matches!(source, Ok(feed::Source::File(_)));
    let usual = if is_file { FILE_INTERVAL } else { INTERVAL };
    let interval = check.duration_or(raw.interval.as_ref(), usual, SECOND..=MAX_INTERVAL);
    let timeout = check.duration_or(raw.timeout.as_ref(), TIMEOUT, SECOND..=MAX_TIMEOUT);
    let max_size = check.value_or(raw.max_size.as_ref(), MAX_SIZE, |text| {
        size::parse(text, &SIZES)
    });
    let proxy = optional(check, raw.proxy.as_ref(), feed::proxy);
    let ca = optional(check, raw.ca.as_ref(), value::text::path);
    let public_key = optional(check, raw.public_key.as_ref(), feed::public_key);
    let format = format(check, raw);
    let category = entries(check, categories, raw);
    if is_file {
        for (key, text) in [("proxy", &raw.proxy), ("ca", &raw.ca)] {
            if let Some(text) = text {
                check.error(
                    text,
                    format!("`{key}` means nothing for a file"),
                    "leave it out, or write an `https://` URL as the source",
                );
            }
        }
    }
    let source = match source? {
        feed::Source::File(path) => FeedSource::File(path),
        feed::Source::Https(url) => FeedSource::Https {
            url,
            proxy: proxy?,
            ca: ca?,
        },
    };
    Ok(FeedPlan {
        name: name?,
        source,
        format: format?,
        category: category?,
        interval: interval?,
        timeout: timeout?,
        max_size: max_size?,
        max_change: match raw.max_change.as_deref() {
            Some(0) => None,
            Some(most) => Some(*most),
            None => Some(MAX_CHANGE),
        },
        max_bad: raw.max_bad.as_deref().copied().unwrap_or(MAX_BAD),
        public_key: public_key?,
    })
}

fn optional<T>(
    check: &mut Check<'_>,
    text: Option<&At<String>>,
    parse: impl FnOnce(&str) -> Result<T, value::Fault>,
) -> Checked<Option<T>> {
    check.value_or(text, None, |text| parse(text).map(Some))
}

fn format(check: &mut Check<'_>, raw: &raw::Feed) -> Checked<FeedFormat> {
    let columns = [
        ("address_column", &raw.address_column),
        ("prefix_column", &raw.prefix_column),
        ("category_column", &raw.category_column),
    ];
    let format = raw.format.as_deref().copied();
    if format != Some(raw::FeedFormat::Csv) {
        for (key, text) in columns {
            if let Some(text) = text {
                check.error(
                    text,
                    format!("`{key}` is for `format = \"csv\"`"),
                    "write that format, or leave it out",
                );
            }
        }
    }
    Ok(match format {
        None | Some(raw::FeedFormat::Cidr) => FeedFormat::Cidr,
        Some(raw::FeedFormat::F5) => FeedFormat::F5,
        Some(raw::FeedFormat::JsonLines) => FeedFormat::JsonLines,
        Some(raw::FeedFormat::Csv) => {
            let [address, prefix, category] =
                columns.map(|(_, text)| optional(check, text.as_ref(), feed::column));
            FeedFormat::Csv {
                address: address?.unwrap_or_else(|| "ip".to_owned()),
                prefix: prefix?,
                category: category?,
            }
        }
    })
}

/// Category of a feed's entries; `None`: they are allow entries.
fn entries(
    check: &mut Check<'_>,
    categories: &mut Categories,
    raw: &raw::Feed,
) -> Checked<Option<usize>> {
    let allows = raw.list.as_deref() == Some(&raw::FeedList::Allow);
    match (&raw.category, allows) {
        (Some(category), false) => categories.number(check, category).map(Some),
        (None, true) => Ok(None),
        (Some(category), true) => Err(check.error(
            category,
            "allow entries have no category",
            "leave it out, or write `list = \"block\"`",
        )),
        (None, false) => {
            let name = check.whole(raw.name.as_ref())?;
            Err(check.error(
                name,
                format!("the feed {} has no category", quote(name)),
                "add `category = \"spam_sources\"` with what its entries are listed for",
            ))
        }
    }
}

/// What shows only in the whole.
pub(super) fn whole(check: &mut Check<'_>, raw: &raw::Config, plan: &Plan) {
    let reputation = &plan.reputation;
    let global = plan.firewall.reputation;
    let mut pairs: Vec<Option<ReputationId>> = vec![None];
    for (server, raw) in plan.virtual_servers.iter().zip(&raw.virtual_server) {
        if pairs.contains(&server.reputation) {
            continue;
        }
        pairs.push(server.reputation);
        if pairs.len() > MAX_PROFILES
            && let Some(name) = &raw.reputation
        {
            check.error(
                name,
                format!(
                    "virtual servers name more than {} reputation policies",
                    MAX_PROFILES - 1
                ),
                "let some of them share a policy",
            );
            return;
        }
    }
    for (at, policy) in raw.reputation.policy.iter().enumerate() {
        let id = Some(ReputationId(at));
        if let Some(name) = &policy.name
            && global != id
            && !pairs.contains(&id)
        {
            check.warning(
                name,
                format!("the reputation policy {} is not used", quote(name)),
                format!(
                    "write `reputation = \"{}\"` under [firewall] or in a virtual server",
                    **name
                ),
            );
        }
    }
    if let Some(feed) = raw.reputation.feed.first()
        && reputation.policies.is_empty()
        && let Some(name) = &feed.name
    {
        check.warning(
            name,
            "feeds without a reputation policy do nothing",
            "add `[[reputation.policy]]`, and its name as `reputation` under [firewall]",
        );
    }
}
