//! Limits of new connections.

/// Index into [`super::FirewallPlan::flood_profiles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodId(pub usize);

/// New connections in a second and at once, each at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodRate {
    /// In a second.
    pub rate: u32,
    /// At once.
    pub burst: u32,
}

/// `syn_protection` of a virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynProtectionPlan {
    /// While a mark is passed.
    Auto {
        /// SYNs in a second, at least 1.
        rate: u32,
        /// Percent of the accept queue, 1 to 100.
        accept_queue: u32,
    },
    /// Always.
    Always,
}

/// `[[firewall.flood_profile]]`. At least one of the rates is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloodPlan {
    /// Unique name.
    pub name: String,
    /// Of an IPv4 address, or of the /64 of an IPv6 one.
    pub source: Option<FloodRate>,
    /// Of its /24 or /48.
    pub network: Option<FloodRate>,
    /// Events are asked for what is dropped.
    pub log: bool,
}
