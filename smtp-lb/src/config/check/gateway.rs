//! `[virtual_server.gateway]`.

use std::time::Duration;

use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::plan::{Activation, BalanceUnit, GatewayPlan, LineEndings};
use crate::config::raw::{self, At, DurationText};
use crate::config::value::gateway;

const BANNER: &str = "{hostname} ESMTP";
const BAD_COMMANDS: usize = 20;
const JUNK_COMMANDS: usize = 100;
const RECIPIENTS: usize = 1000;
const COMMAND_TIMEOUT: Duration = Duration::from_mins(5);
const DATA_TIMEOUT: Duration = Duration::from_mins(3);
const MIN_RATE: u32 = 16;
const REPLY_TIMEOUT: Duration = Duration::from_mins(5);
const DATA_REPLY_TIMEOUT: Duration = Duration::from_mins(10);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::Gateway) -> Checked<GatewayPlan> {
    let hostname = match &raw.hostname {
        Some(text) => check.value(text, gateway::host_name),
        None => Ok(gateway::machine()),
    };
    let banner = banner(check, raw, hostname.as_deref().unwrap_or_default());
    let mut time = |text: Option<&At<DurationText>>, default| {
        check.duration_or(text, default, SHORTEST..=LONGEST)
    };
    let command_timeout = time(raw.command_timeout.as_ref(), COMMAND_TIMEOUT);
    let data_timeout = time(raw.data_timeout.as_ref(), DATA_TIMEOUT);
    let reply_timeout = time(raw.reply_timeout.as_ref(), REPLY_TIMEOUT);
    let data_reply_timeout = time(raw.data_reply_timeout.as_ref(), DATA_REPLY_TIMEOUT);
    let number =
        |written: &Option<At<usize>>, default| written.as_deref().copied().unwrap_or(default);
    Ok(GatewayPlan {
        hostname: hostname?,
        banner: banner?,
        starttls: match raw.starttls.as_deref() {
            None | Some(raw::Activation::Require) => Activation::Require,
            Some(raw::Activation::Allow) => Activation::Allow,
            Some(raw::Activation::None) => Activation::None,
        },
        balance_unit: match raw.balance_unit {
            Some(raw::BalanceUnit::Session) => BalanceUnit::Session,
            None | Some(raw::BalanceUnit::Message) => BalanceUnit::Message,
        },
        line_endings: match raw.line_endings {
            None | Some(raw::LineEndings::Reject) => LineEndings::Reject,
            Some(raw::LineEndings::Normalize) => LineEndings::Normalize,
        },
        clear_auth: raw.clear_auth.as_deref().copied().unwrap_or(false),
        xclient: !matches!(raw.xclient, Some(raw::Xclient::Off)),
        bad_commands: number(&raw.bad_commands, BAD_COMMANDS),
        junk_commands: number(&raw.junk_commands, JUNK_COMMANDS),
        recipients: number(&raw.recipients, RECIPIENTS),
        command_timeout: command_timeout?,
        data_timeout: data_timeout?,
        min_rate: raw.min_rate.as_deref().copied().unwrap_or(MIN_RATE),
        reply_timeout: reply_timeout?,
        data_reply_timeout: data_reply_timeout?,
    })
}

fn banner(check: &mut Check<'_>, raw: &raw::Gateway, hostname: &str) -> Checked<String> {
    let Some(text) = &raw.banner else {
        return Ok(BANNER.to_owned());
    };
    let banner = check.value(text, gateway::banner)?;
    let length = banner.replace("{hostname}", hostname).len();
    if length > gateway::MAX_BANNER {
        return Err(check.error(
            text,
            format!("{} is {length} octets long", quote(text)),
            format!(
                "write at most {} octets, the host name in its place",
                gateway::MAX_BANNER
            ),
        ));
    }
    Ok(banner)
}
