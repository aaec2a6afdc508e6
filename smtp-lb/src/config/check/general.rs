//! `[general]` and `[admin]`.

use std::thread::available_parallelism;
use std::time::Duration;

use super::{Check, Checked};
use crate::config::plan::{AdminPlan, GeneralPlan};
use crate::config::{raw, value};

const GRACE: Duration = Duration::from_secs(30);
const MAX_GRACE: Duration = Duration::from_hours(24);
const STATE_PATH: &str = "/var/lib/smtp-lb";
const SOCKET: &str = "/run/smtp-lb/admin.sock";
const SOCKET_MODE: u32 = 0o600;

pub(super) fn general(check: &mut Check<'_>, raw: &raw::General) -> Checked<GeneralPlan> {
    let workers = raw.workers.as_ref().map_or_else(
        || available_parallelism().map_or(1, std::num::NonZero::get),
        |workers| **workers,
    );
    let grace = check.duration_or(raw.grace.as_ref(), GRACE, Duration::ZERO..=MAX_GRACE);
    let state_path = check.value_or(
        raw.state_path.as_ref(),
        STATE_PATH.into(),
        value::text::path,
    );
    Ok(GeneralPlan {
        workers,
        grace: grace?,
        manage_routing: raw.routing.as_deref() != Some(&raw::Routing::Manual),
        state_path: state_path?,
    })
}

pub(super) fn admin(check: &mut Check<'_>, raw: &raw::Admin) -> Checked<AdminPlan> {
    let socket = check.value_or(raw.socket.as_ref(), SOCKET.into(), value::text::socket_path);
    let mode = check.value_or(raw.mode.as_ref(), SOCKET_MODE, value::text::mode);
    if let (Some(text), Ok(mode)) = (&raw.mode, mode)
        && mode & 0o002 != 0
    {
        check.warning(
            text,
            "every user of this machine can steer the daemon",
            "write `\"0600\"`, or `\"0660\"` for a group",
        );
    }
    Ok(AdminPlan {
        socket: socket?,
        mode: mode?,
    })
}
