//! `[[monitor]]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{At, DurationText, SecretText};
use super::server::SendProxy;

/// A health check.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Monitor {
    /// Unique name.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// What is asked.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub kind: Option<At<MonitorKind>>,
    /// Time between the starts of two probes, `"10ms"` to `"1d"`. Default: `"30s"`.
    pub interval: Option<At<DurationText>>,
    /// A member is down when no probe succeeded for so long, `interval` to `"7d"`.
    /// Default: `"91s"`.
    pub timeout: Option<At<DurationText>>,
    /// Each interval is longer or shorter by up to so much, `"0s"` to half the interval.
    /// Default: a twentieth of the interval.
    pub jitter: Option<At<DurationText>>,
    /// Successes in a row that bring a member up which was down. Default: 1.
    #[schemars(range(min = 1, max = 1000))]
    pub rise: Option<At<u32>>,
    /// Failures in a row that take a member down before the time-out does. Default: however many.
    #[schemars(range(min = 1, max = 1000))]
    pub fall: Option<At<u32>>,
    /// A member that it took down stays so until `smtp-lb monitor resume`. Default: false.
    pub manual_resume: Option<bool>,
    /// Address to probe from, for members of its family. With `tcp`, `icmp` and `smtp`.
    /// Default: the kernel's choice.
    #[schemars(extend("examples" = ["10.1.0.1"]))]
    pub source: Option<At<String>>,
    /// The PROXY header that begins a connection. With `tcp` and `smtp`. Default: `"none"`.
    pub send_proxy: Option<At<SendProxy>>,
    /// Name given in EHLO. With `smtp`. Default: the machine's host name.
    #[schemars(extend("examples" = ["lb.example.org"]))]
    pub domain: Option<At<String>>,
    /// With `smtp`. Default: as the profile of `server_tls` begins, without one `"none"`.
    pub tls: Option<At<MonitorTls>>,
    /// Name of the server TLS profile that certificates are verified by. With `smtp`.
    /// Default: none, any certificate will do.
    pub server_tls: Option<At<String>>,
    /// Logs in. With `smtp`. Default: not.
    pub auth: Option<At<MonitorAuth>>,
    /// Sends a message. With `smtp`. Default: not.
    pub message: Option<At<MonitorMessage>>,
    /// Absolute path of the program. Needed with `external`.
    #[schemars(extend("examples" = ["/etc/smtp-lb/monitors/smtp-auth.sh"]))]
    pub program: Option<At<String>>,
    /// The program's environment. With `external`. Default: none.
    pub variables: Option<At<Vec<Variable>>>,
    /// Failed sessions that take a member down. With `inband`. Default: 3.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub failures: Option<At<u32>>,
    /// Within so long, `"1s"` to `"1d"`. With `inband`. Default: `"30s"`.
    pub failure_interval: Option<At<DurationText>>,
    /// A member that was taken down gets sessions again after so long, doubled each time that
    /// they fail at once, `"1s"` to `"1d"`. With `inband`. Default: `"30s"`.
    pub retry: Option<At<DurationText>>,
    /// Longest such time, `retry` to `"1d"`. With `inband`. Default: `"5m"`, or `retry` if that
    /// is longer.
    pub retry_max: Option<At<DurationText>>,
}

/// What a monitor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MonitorKind {
    /// A connection.
    Tcp,
    /// An answer to a ping.
    Icmp,
    /// Greeting, EHLO (HELO if refused), what else is asked for, QUIT.
    Smtp,
    /// A program: up if it prints anything.
    External,
    /// Nothing: failures of clients' sessions are counted.
    Inband,
}

/// TLS of a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MonitorTls {
    /// None.
    None,
    /// With the connection.
    Implicit,
    /// By STARTTLS (RFC 3207).
    Starttls,
}

/// How a monitor logs in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MonitorAuth {
    /// SASL mechanism. Default: `"plain"`.
    pub mechanism: Option<Mechanism>,
    /// User; may be `file:PATH` or `env:NAME`.
    #[schemars(required)]
    pub user: Option<At<SettingText>>,
    /// Password, by `file:PATH` or `env:NAME`.
    #[schemars(required)]
    pub password: Option<At<SecretText>>,
}

/// SASL mechanism.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// The old one of no RFC.
    Login,
    /// RFC 2195.
    CramMd5,
}

/// A message that a monitor sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MonitorMessage {
    /// Sender; `""` is the null sender.
    #[schemars(required, extend("examples" = ["monitor@lb.example.org"]))]
    pub from: Option<At<String>>,
    /// Recipient.
    #[schemars(required, extend("examples" = ["probe@example.org"]))]
    pub rcpt: Option<At<String>>,
    /// Subject, printable ASCII. Default: `"smtp-lb monitor"`.
    pub subject: Option<At<String>>,
    /// Absolute path of the file of the text, at most 64 KiB. Default: a line of our own.
    pub body: Option<At<String>>,
}

/// A variable of a program's environment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// Unique name: letters, digits and `_`.
    #[schemars(required, extend("examples" = ["USER"]))]
    pub name: Option<At<String>>,
    /// Text, or `file:PATH` or `env:NAME`.
    #[schemars(required)]
    pub value: Option<At<SettingText>>,
}

/// Text, or where a secret is had from. A secret may have been written here, so it is not shown.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct SettingText(String);

impl std::ops::Deref for SettingText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SettingText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SettingText(…)")
    }
}
