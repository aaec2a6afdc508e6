//! What is in force, for `status`.

use serde::{Deserialize, Serialize};

use crate::config::plan::Enforcement;

/// Where verdicts are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InForce {
    /// In the driver.
    XdpNative,
    /// In the kernel's generic hook.
    XdpGeneric,
    /// At accept.
    Userspace,
    /// Nowhere: no interface is named.
    Off,
}

/// An interface and where its packets are decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceReport {
    /// Name.
    pub name: String,
    /// Mode in force.
    pub mode: InForce,
}

/// What is in force, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallReport {
    /// As configured.
    pub enforcement: String,
    /// Mode over all: the weakest of the interfaces.
    pub mode: InForce,
    /// Each interface.
    pub interfaces: Vec<InterfaceReport>,
    /// Why something less than the best is in force.
    pub warnings: Vec<String>,
}

/// The word of the configuration.
pub(crate) const fn enforcement_name(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Auto => "auto",
        Enforcement::XdpNative => "xdp-native",
        Enforcement::XdpGeneric => "xdp-generic",
        Enforcement::Userspace => "userspace",
    }
}
