//! `[reputation]` and the tables under it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{At, DurationText};

/// IP reputation: sources that others have found to be bad.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reputation {
    /// Networks or addresses that reputation never acts on.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.0.2.0/24"]]))]
    pub allow: Vec<At<String>>,
    /// Sources of listed networks.
    #[serde(default)]
    pub feed: Vec<Feed>,
    /// What is done with each category, for `[firewall]` and virtual servers to name.
    #[serde(default)]
    pub policy: Vec<ReputationPolicy>,
    /// What clients are listed for by smtp-lb itself.
    #[serde(default)]
    pub feedback: Vec<Feedback>,
}

/// Lists clients that broke a rule, for a time. Trusted ones are never listed: of the failsafe
/// list, of `allow`, of a feed's allow entries, and peers that `accept_proxy` believes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feedback {
    /// What they did: one of these.
    #[serde(default)]
    #[schemars(required)]
    pub on: Vec<At<Offence>>,
    /// Category that they are listed in.
    #[schemars(required, extend("examples" = ["abuse"]))]
    pub category: Option<At<String>>,
    /// How long they are listed, `"1s"` to `"30d"`. Default: `"1h"`.
    pub duration: Option<At<DurationText>>,
    /// How often they must do it. Default: 3.
    #[schemars(range(min = 1, max = 1_000))]
    pub after: Option<At<u32>>,
    /// Within what time, `"1s"` to `"1d"`. Default: `"10m"`.
    pub within: Option<At<DurationText>>,
}

/// What a client can be listed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Offence {
    /// It connected where a PROXY header is asked for, and is none of the peers that are believed.
    ProxyHeader,
    /// What it sent where a TLS handshake belongs is no TLS.
    TlsGarbage,
    /// It was closed for too many bad or junk commands.
    CommandFlood,
    /// It spoke before it was greeted, where an SMTP profile checks that.
    Pregreet,
    /// It had too many connections, or too many new ones, for an SMTP profile that blocks that.
    ConnectionFlood,
    /// It was sent away for too many recipients that there are not, by an SMTP profile.
    Harvest,
}

/// A feed of listed networks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feed {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// Absolute path of a file, or an `https://` URL.
    #[schemars(required, extend("examples" = ["https://www.spamhaus.org/drop/drop.txt"]))]
    pub source: Option<At<String>>,
    /// How it is written. Default: `"cidr"`.
    pub format: Option<At<FeedFormat>>,
    /// Category of its entries, if they name none that a policy or another feed does. Needed,
    /// but with `list = "allow"`.
    #[schemars(extend("examples" = ["spam_sources"]))]
    pub category: Option<At<String>>,
    /// What its entries are, if they do not say so. Default: `"block"`.
    pub list: Option<At<FeedList>>,
    /// Time between two looks at the source, give or take a tenth, `"1s"` to `"30d"`.
    /// Default: `"1h"`, of a file `"10s"`.
    pub interval: Option<At<DurationText>>,
    /// Bound on one look at a URL, `"1s"` to `"10m"`. Default: `"60s"`.
    pub timeout: Option<At<DurationText>>,
    /// Bound on its size, `"1KiB"` to `"1GiB"`. Default: `"256MiB"`.
    #[schemars(extend("examples" = ["256MiB"]))]
    pub max_size: Option<At<String>>,
    /// By how many per cent of its entries it may shrink or grow at once, else it is refused and
    /// the last one stays. 0: no bound. Default: 50.
    #[schemars(range(min = 0, max = 10_000))]
    pub max_change: Option<At<u32>>,
    /// Bad lines of a hundred, past which it is refused. Default: 5.
    #[schemars(range(min = 0, max = 100))]
    pub max_bad: Option<At<u32>>,
    /// HTTP proxy to fetch it by, as `"proxy.example.org:3128"`. Default: none.
    #[schemars(extend("examples" = ["proxy.example.org:3128"]))]
    pub proxy: Option<At<String>>,
    /// PEM file of authorities to trust for a URL. Default: the system's.
    pub ca: Option<At<String>>,
    /// Public key of minisign, one line of base64. With it the signature is fetched from the
    /// source with `.minisig` behind it, and must be good. Default: none.
    pub public_key: Option<At<String>>,
    /// With `format = "csv"`: column of the address or network. Default: `"ip"`.
    pub address_column: Option<At<String>>,
    /// With `format = "csv"`: column of the prefix length. Default: none.
    pub prefix_column: Option<At<String>>,
    /// With `format = "csv"`: column of the category. Default: none.
    pub category_column: Option<At<String>>,
}

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FeedFormat {
    /// A network, address or range a line; comments behind `;` or `#`.
    Cidr,
    /// F5 feed list: `address,mask,bl|wl,category`.
    F5,
    /// A JSON object a line, with the network under `cidr`, `network`, `ip` or `address`.
    JsonLines,
    /// Columns by the names in the first line.
    Csv,
}

/// What entries of a feed are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FeedList {
    /// Listed for what they did.
    Block,
    /// Never acted on, whoever lists them.
    Allow,
}

/// What is done with listed sources.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReputationPolicy {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// What is done with categories that are not named here. Default: `"drop"`.
    pub default_action: Option<At<CategoryAction>>,
    /// Tell of packets of categories that are not named here. Default: true.
    pub log: Option<bool>,
    /// Categories by name.
    #[serde(default)]
    pub category: Vec<Category>,
}

/// What a policy does with a category.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Category {
    /// Name of the category.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// What is done with packets from its sources.
    #[schemars(required)]
    pub action: Option<At<CategoryAction>>,
    /// Tell of them. Default: the policy's `log`; `log-only` always does.
    pub log: Option<bool>,
}

/// What is done with packets from sources of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CategoryAction {
    /// They go on to the firewall policy, counted.
    Accept,
    /// They go on to the firewall policy, counted and told.
    LogOnly,
    /// They are taken away without a word.
    Drop,
    /// They are taken away, and the sender is told.
    Reject,
}
