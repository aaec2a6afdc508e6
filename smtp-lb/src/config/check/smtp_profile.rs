//! `[[smtp_profile]]`.

mod remote;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::names::Sections;
use super::{Check, Checked, address_list, all};
use crate::config::diagnostic::quote;
use crate::config::plan::{
    CheckPlan, ClientRatePlan, DisallowedClientPlan, DisallowedSenderPlan, DomainsPlan,
    ExceptionsPlan, Method, NetworksPlan, PregreetPlan, RejectAt, ServersPlan, SizePlan,
    SmtpProfilePlan,
};
use crate::config::raw::smtp_profile::{self as raw, Common};
use crate::config::raw::{At, DurationText, SmtpProfile};
use crate::config::value::{self, smtp_profile as read};

/// Violations of a profile that are kept.
const KEPT: usize = 500;
/// Largest file of a list, in octets.
const MAX_FILE: u64 = 64 << 20;
/// Domains in one list.
const MAX_DOMAINS: usize = 1_000_000;

const METHODS: [Method; 3] = [Method::Vrfy, Method::Expn, Method::Etrn];
const DELAY: Duration = Duration::from_secs(6);
const DELAYS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(1);
const AT_ONCE: u32 = 50;
const WINDOW: Duration = Duration::from_mins(1);
const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
const MESSAGES: RangeInclusive<u64> = 1 << 10..=1 << 30;

pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &[SmtpProfile],
) -> Checked<Vec<SmtpProfilePlan>> {
    all(raw.iter().map(|raw| profile(check, sections, raw)))
}

fn profile(
    check: &mut Check<'_>,
    sections: &Sections,
    raw: &SmtpProfile,
) -> Checked<SmtpProfilePlan> {
    let mut of = Of { check, sections };
    let name = of.check.name(raw.name.as_ref());
    let exceptions = of.exceptions(&raw.exceptions);
    let protocol_compliance = of.check(
        &raw.protocol_compliance,
        raw::ProtocolCompliance::common,
        |_, _| Ok(()),
    );
    let disallowed_client = of.check(
        &raw.disallowed_client,
        raw::DisallowedClient::common,
        Of::disallowed_client,
    );
    let disallowed_sender = of.check(
        &raw.disallowed_sender,
        raw::DisallowedSender::common,
        Of::disallowed_sender,
    );
    let recipient_domain = of.check(
        &raw.recipient_domain,
        raw::RecipientDomain::common,
        Of::recipient_domain,
    );
    let methods = of.check(&raw.methods, raw::Methods::common, |_, raw| {
        Ok(methods(raw))
    });
    let pregreet = of.check(&raw.pregreet, raw::Pregreet::common, |of, raw| {
        let delay = of.check.duration_or(raw.delay.as_ref(), DELAY, DELAYS)?;
        Ok(PregreetPlan { delay })
    });
    let client_rate = of.check(&raw.client_rate, raw::ClientRate::common, Of::client_rate);
    let size = of.check(&raw.size, raw::Size::common, Of::size);
    let smuggling = of.check(&raw.smuggling, raw::Smuggling::common, |_, _| Ok(()));
    let remote = of.remote(raw);
    let violations = raw.violations.as_deref().copied();
    let plan = SmtpProfilePlan {
        name: name?,
        exceptions: exceptions?,
        protocol_compliance: protocol_compliance?,
        disallowed_client: disallowed_client?,
        disallowed_sender: disallowed_sender?,
        recipient_domain: recipient_domain?,
        methods: methods?,
        pregreet: pregreet?,
        client_rate: client_rate?,
        size: size?,
        smuggling: smuggling?,
        received_spf: raw.received_spf.unwrap_or(false),
        reject_at: match raw.reject_at {
            Some(raw::RejectAt::Rcpt) => RejectAt::Rcpt,
            Some(raw::RejectAt::Mail) | None => RejectAt::Mail,
        },
        violations: violations.unwrap_or(KEPT),
        ..remote?
    };
    Ok(plan)
}

/// What the parts of a profile need.
struct Of<'a, 'b> {
    check: &'a mut Check<'b>,
    sections: &'a Sections,
}

impl Of<'_, '_> {
    /// A check, if it runs. It is looked at even if it does not.
    #[expect(clippy::ref_option, reason = "as a profile has it")]
    fn check<R, S>(
        &mut self,
        raw: &Option<At<R>>,
        common: impl FnOnce(&R) -> Common<'_>,
        settings: impl FnOnce(&mut Self, &At<R>) -> Checked<S>,
    ) -> Checked<Option<CheckPlan<S>>> {
        let Some(raw) = raw else {
            return Ok(None);
        };
        let common = common(raw);
        let reply = common.reply.map(|text| self.check.value(text, read::reply));
        let servers = self.servers(&common);
        let settings = settings(self, raw);
        let plan = CheckPlan {
            alarm: common.alarm.unwrap_or(false),
            block: common.block.unwrap_or(false),
            reply: reply.transpose()?,
            servers: servers?,
            settings: settings?,
        };
        Ok((plan.alarm || plan.block).then_some(plan))
    }

    /// Names of all that it runs at, or of all that it does not.
    fn servers(&mut self, common: &Common<'_>) -> Checked<ServersPlan> {
        let Some(texts) = common.servers else {
            return Ok(ServersPlan::All);
        };
        let excepted = |text: &At<String>| text.starts_with('!');
        if let Some(other) = texts
            .iter()
            .find(|it| Some(excepted(it)) != texts.first().map(excepted))
        {
            return Err(self.check.error(
                other,
                "servers where it runs and servers where it does not do not go together",
                "write all of them with `!`, or none",
            ));
        }
        let names = all(texts.iter().map(|text| {
            let known = &self.sections.virtual_servers;
            let name = text.strip_prefix('!').unwrap_or(text);
            known.find_as(self.check, text, name)?;
            Ok(name.to_owned())
        }))?;
        Ok(match texts.first() {
            Some(first) if excepted(first) => ServersPlan::Except(names),
            _ => ServersPlan::Only(names),
        })
    }

    fn exceptions(&mut self, raw: &raw::Exceptions) -> Checked<ExceptionsPlan> {
        let networks = address_list::networks(self.check, &raw.networks);
        let domains = self.domains(&raw.domains, None, false);
        Ok(ExceptionsPlan {
            networks: NetworksPlan::new(networks?),
            domains: domains?,
            authenticated: raw.authenticated.unwrap_or(true),
        })
    }

    /// A list of domains, those of a file added.
    fn domains(
        &mut self,
        texts: &[At<String>],
        file: Option<&At<String>>,
        subdomains: bool,
    ) -> Checked<DomainsPlan> {
        let written = all(texts
            .iter()
            .map(|text| self.check.value(text, read::domain)));
        let of_file = file.map_or(Ok(Vec::new()), |file| self.of_file(file));
        let mut plan = DomainsPlan::default();
        for (below, name) in written?.into_iter().chain(of_file?) {
            if below || subdomains {
                plan.below.insert(name.clone());
            }
            if !below {
                plan.exact.insert(name);
            }
        }
        Ok(plan)
    }

    /// Of what is wrong in a file the first is told, with its line.
    fn of_file(&mut self, text: &At<String>) -> Checked<Vec<(bool, String)>> {
        let path = self.check.value(text, value::text::path)?;
        let octets = self.check.resolver.read(&path, MAX_FILE).map_err(|error| {
            self.check.error(
                text,
                format!("the list cannot be read: {error}"),
                "write the path of a file with a domain on each line",
            )
        })?;
        let mut domains = Vec::new();
        for (number, line) in (1..).zip(octets.split(|octet| *octet == b'\n')) {
            let line = String::from_utf8_lossy(line);
            let entry = line.split(['#', ';']).next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            let domain = read::domain(entry).map_err(|fault| {
                let message = format!("line {number} of the list: {}", fault.message);
                self.check.error(text, message, fault.help)
            });
            domains.push(domain?);
            if domains.len() > MAX_DOMAINS {
                return Err(self.check.error(
                    text,
                    format!("the list has more than {MAX_DOMAINS} domains"),
                    "write those above with a dot before them: `.example.org`",
                ));
            }
        }
        Ok(domains)
    }

    /// A check that is about nothing.
    fn empty<T>(&mut self, raw: &At<T>, what: &str, help: &str) -> super::Reported {
        self.check
            .error(raw, format!("the check lists no {what}"), help)
    }

    fn disallowed_client(
        &mut self,
        raw: &At<raw::DisallowedClient>,
    ) -> Checked<DisallowedClientPlan> {
        let networks = address_list::networks(self.check, &raw.networks);
        let domains = self.domains(&raw.domains, None, true);
        let plan = DisallowedClientPlan {
            networks: NetworksPlan::new(networks?),
            domains: domains?,
        };
        if plan == DisallowedClientPlan::default() {
            return Err(self.empty(raw, "client", "write `networks = [\"203.0.113.0/24\"]`"));
        }
        Ok(plan)
    }

    fn disallowed_sender(
        &mut self,
        raw: &At<raw::DisallowedSender>,
    ) -> Checked<DisallowedSenderPlan> {
        let users = all(raw
            .users
            .iter()
            .map(|text| self.check.value(text, read::user)));
        let subdomains = raw.subdomains.unwrap_or(true);
        let domains = self.domains(&raw.domains, raw.file.as_ref(), subdomains);
        let (users, domains) = (HashSet::from_iter(users?), domains?);
        if users.is_empty() && raw.file.is_none() && domains == DomainsPlan::default() {
            return Err(self.empty(raw, "sender", "write `users`, `domains` or `file`"));
        }
        Ok(DisallowedSenderPlan { users, domains })
    }

    fn recipient_domain(&mut self, raw: &At<raw::RecipientDomain>) -> Checked<DomainsPlan> {
        let subdomains = raw.subdomains.unwrap_or(false);
        let domains = self.domains(&raw.domains, raw.file.as_ref(), subdomains)?;
        if domains == DomainsPlan::default() {
            let help = "write `domains` or `file`: without any no mail is received";
            return Err(self.empty(raw, "domain", help));
        }
        Ok(domains)
    }

    /// Whole seconds.
    fn window(&mut self, text: Option<&At<DurationText>>) -> Checked<u32> {
        let window = self.check.duration_or(text, WINDOW, WINDOWS)?;
        if let Some(text) = text
            && window.subsec_nanos() != 0
        {
            return Err(self.check.error(
                text,
                format!("{} is not in whole seconds", quote(text)),
                "write whole seconds, as `\"60s\"`",
            ));
        }
        // At most a day.
        Ok(u32::try_from(window.as_secs()).unwrap_or(u32::MAX))
    }

    fn client_rate(&mut self, raw: &At<raw::ClientRate>) -> Checked<ClientRatePlan> {
        let window = self.window(raw.window.as_ref())?;
        let rate = raw.rate.as_deref().copied();
        let at_once = raw.at_once.as_deref().copied();
        Ok(ClientRatePlan {
            // Whoever writes a rate alone means that alone.
            at_once: at_once.or(rate.is_none().then_some(AT_ONCE)),
            rate,
            window,
        })
    }

    fn size(&mut self, raw: &At<raw::Size>) -> Checked<SizePlan> {
        let octets = raw.message.as_ref().map(|text| {
            self.check
                .value(text, |text| value::size::parse(text, &MESSAGES))
        });
        let plan = SizePlan {
            recipients: raw.recipients.as_deref().copied(),
            octets: octets.transpose()?,
        };
        if plan.recipients.is_none() && plan.octets.is_none() {
            return Err(self.check.error(
                raw,
                "the check has no bound",
                "write `recipients`, `message` or both",
            ));
        }
        Ok(plan)
    }
}

fn methods(raw: &raw::Methods) -> Vec<Method> {
    let Some(list) = &raw.list else {
        return METHODS.to_vec();
    };
    let method = |it: &raw::Method| match it {
        raw::Method::Vrfy => Method::Vrfy,
        raw::Method::Expn => Method::Expn,
        raw::Method::Etrn => Method::Etrn,
        raw::Method::Help => Method::Help,
        raw::Method::Noop => Method::Noop,
    };
    list.iter().map(method).collect()
}
