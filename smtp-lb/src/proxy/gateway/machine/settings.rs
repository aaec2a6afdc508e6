//! What the machine needs of the plan.

use crate::config::plan::{Activation, GatewayPlan, Mode, ServerTlsPlan, Start};

/// One for all sessions of a virtual server.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// As configured.
    pub(crate) plan: GatewayPlan,
    /// STARTTLS towards the client: `None` unless the mode is `starttls`.
    pub(crate) starttls: Activation,
    /// The client's leg is TLS from its beginning.
    pub(crate) implicit_tls: bool,
    /// How TLS to members begins, if there is any.
    pub(crate) member_tls: Option<Start>,
    /// There is a security profile, whose checks are asked.
    pub(crate) asks: bool,
}

impl Settings {
    /// Of a virtual server in this mode. `server_tls` is its profile, if it has one; `asks`: it has a
    /// security profile.
    pub(crate) fn new(
        plan: &GatewayPlan,
        mode: Mode,
        server_tls: Option<&ServerTlsPlan>,
        asks: bool,
    ) -> Self {
        Self {
            plan: plan.clone(),
            starttls: match mode {
                Mode::StartTls => plan.starttls,
                _ => Activation::None,
            },
            implicit_tls: matches!(mode, Mode::Offload | Mode::Bridge),
            member_tls: server_tls.map(|profile| profile.start),
            asks,
        }
    }
}
