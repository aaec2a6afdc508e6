//! `[[firewall.flood_profile]]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::At;

/// Limits of new TCP connections by source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FloodProfile {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// New connections in a second of an IPv4 address, or of the /64 of an IPv6 one. At least one of
    /// this and `network_rate` is needed. Default: no bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub source_rate: Option<At<u32>>,
    /// And at once. With `source_rate`. Default: as many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub source_burst: Option<At<u32>>,
    /// The same of a /24, or of a /48. Default: no bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub network_rate: Option<At<u32>>,
    /// And at once. With `network_rate`. Default: as many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub network_burst: Option<At<u32>>,
    /// Tell of each that is dropped, within the firewall's `event_rate`. Default: true.
    pub log: Option<bool>,
}
