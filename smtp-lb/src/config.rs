//! Configuration: raw TOML → checks → [`plan::Plan`]. Imports no running component.
//!
//! A file passes three stages, each of which tells all it finds: `syntax` (is it TOML),
//! `shape` (are keys, types and words those of the schema) and `check` (does it mean
//! something). What the second takes out does not keep the third from checking the rest.

pub mod plan;

mod check;
mod diagnostic;
mod load;
mod overlay;
mod place;
mod promote;
mod raw;
mod resolve;
mod shadow;
mod shape;
mod suggest;
mod syntax;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use self::diagnostic::{Diagnostic, Report, Reported};
pub use self::diagnostic::{Diagnostics, Located, Severity};
pub use self::load::{ConfigError, MAX_FILE, load, load_with, read_text};
pub use self::overlay::{OverlayError, overlay};
pub use self::place::{Finding, Place};
use self::plan::Plan;
pub use self::promote::{PromoteError, promote};
pub use self::resolve::{MembersLater, Resolve, SystemResolver};

/// A configuration that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What to run.
    pub plan: Plan,
    /// What is allowed and yet hardly meant.
    pub warnings: Diagnostics,
    name: String,
    text: Arc<str>,
}

impl Loaded {
    /// The text that was read.
    #[must_use]
    pub fn source(&self) -> &Arc<str> {
        &self.text
    }
}

/// Compiles the text of a configuration file. `name` stands for the file in messages.
///
/// Pure but for the defaults of `workers` (cores of this machine), of a monitor's `domain` and a
/// gateway's `hostname` (its host name), and for what `resolver` does.
pub fn parse(name: &str, text: &str, resolver: &dyn Resolve) -> Result<Loaded, Diagnostics> {
    let mut report = Report::default();
    let plan = compile(text, &mut report, resolver);
    let warnings = report.finish(name, text)?;
    match plan {
        Ok(plan) => Ok(Loaded {
            plan,
            warnings,
            name: name.to_owned(),
            text: text.into(),
        }),
        // Not reached: `Reported` is had only from a report, which then has not finished well.
        Err(_) => Err(warnings),
    }
}

fn compile(text: &str, report: &mut Report, resolver: &dyn Resolve) -> Result<Plan, Reported> {
    let mut tree = syntax::parse(text, report)?;
    let pruned = shape::prune(&mut tree, report);
    let raw = raw::Config::deserialize(toml::Deserializer::from(tree)).map_err(|error| {
        // Only what the schema cannot say; a test holds the two together.
        let span = error.span().unwrap_or_default();
        report.error(Diagnostic::new(
            span,
            error.message(),
            "see `smtp-lb schema`",
        ))
    })?;
    check::compile(&raw, report, resolver, &pruned)
}

/// Type and code of ICMP, by name or number, with a code behind `/`; without one it is 0. `None`: it is not one.
#[must_use]
pub fn icmp(text: &str, v6: bool) -> Option<(u8, u8)> {
    let (first, _) = value::packet::icmp(text, v6).ok()?;
    let [kind, code] = first.to_be_bytes();
    Some((kind, code))
}

/// Reads a time as the configuration writes them: `"250ms"`, `"30s"`, `"5m"`, `"1h"` or `"7d"`.
/// The error is what is wrong, and what to write instead.
pub fn time(text: &str, bounds: std::ops::RangeInclusive<Duration>) -> Result<Duration, String> {
    value::duration::parse(text, &bounds)
        .map_err(|fault| format!("{}; {}", fault.message, fault.help))
}

/// The JSON schema of a configuration file, the one that files are held against.
#[must_use]
pub fn schema() -> serde_json::Value {
    shape::schema()
}
