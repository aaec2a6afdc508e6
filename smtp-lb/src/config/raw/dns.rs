//! `[dns]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, DurationText};

/// Who is asked what security checks ask of DNS, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dns {
    /// Name servers, in the order in which they are asked; `:53` may be left out. Default: those of
    /// `/etc/resolv.conf`.
    #[schemars(length(min = 1, max = 16), extend("examples" = [["192.0.2.53", "[2001:db8::53]:5353"]]))]
    pub servers: Option<Vec<At<String>>>,
    /// Time for one question, all servers together, `"100ms"` to `"30s"`. Default: `"5s"`.
    pub timeout: Option<At<DurationText>>,
    /// Questions on their way at once; others wait. Default: 512.
    #[schemars(range(min = 1, max = 100_000))]
    pub in_flight: Option<At<usize>>,
    /// Answers kept, for as long as they hold. Default: 10000.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub cache: Option<At<u64>>,
    /// Longest time that an answer is kept, `"0s"` to `"7d"`. Default: `"1h"`.
    pub max_ttl: Option<At<DurationText>>,
    /// Longest time that it is kept that there is nothing, `"0s"` to `"1d"`. Default: `"5m"`.
    pub negative_ttl: Option<At<DurationText>>,
}
