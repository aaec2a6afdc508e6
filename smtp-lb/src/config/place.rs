//! Where in the file a setting stands, for faults that show only when what it names is read.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::diagnostic::Report;
use super::{Diagnostics, Loaded};

/// A setting of a TLS profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `client_tls` or `server_tls`.
    pub table: &'static str,
    /// Name of the profile.
    pub profile: String,
    /// In the n-th `certificate_for` of it, from 0.
    pub certificate_for: Option<usize>,
    /// The key.
    pub key: &'static str,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Loaded {
    /// What was found as diagnostics of this file: `Err` with the errors if there are any, else
    /// the warnings.
    pub fn diagnose(
        &self,
        errors: impl IntoIterator<Item = Finding>,
        warnings: impl IntoIterator<Item = Finding>,
    ) -> Result<Diagnostics, Diagnostics> {
        let tree = DeTable::parse(&self.text).ok();
        let diagnostic = |finding: Finding| {
            let span = tree.as_ref().map(|tree| find(tree, &finding.place));
            Diagnostic::new(span.unwrap_or_default(), finding.message, finding.help)
        };
        let mut report = Report::default();
        for finding in errors {
            report.error(diagnostic(finding));
        }
        for finding in warnings {
            report.warning(diagnostic(finding));
        }
        report.finish(&self.name, &self.text)
    }
}

/// The value at `place`, or the nearest thing around it that is written.
fn find(tree: &Spanned<DeTable<'_>>, place: &Place) -> Range<usize> {
    let named = |entry: &&Spanned<DeValue<'_>>| {
        let name = entry
            .get_ref()
            .get("name")
            .and_then(|n| n.get_ref().as_str());
        name == Some(place.profile.as_str())
    };
    let entries = tree.get_ref().get(place.table);
    let entries = entries.and_then(|entries| entries.get_ref().as_array());
    let Some(profile) = entries.and_then(|entries| entries.iter().find(named)) else {
        return 0..0;
    };
    let within = match place.certificate_for {
        None => Some(profile),
        Some(n) => {
            let list = profile.get_ref().get("certificate_for");
            list.and_then(|list| list.get_ref().as_array()?.get(n))
        }
    };
    let value = within.and_then(|within| within.get_ref().get(place.key));
    let name = || profile.get_ref().get("name");
    value.or_else(name).unwrap_or(profile).span()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::{Place, find};

    const TEXT: &str = r#"
[[client_tls]]
name = "one"
certificate = "a"
[[client_tls]]
name = "two"
certificate = "b"
[[client_tls.certificate_for]]
certificate = "c"
key = "file:d"
"#;

    #[test]
    fn a_setting_is_found_or_what_is_around_it() {
        let table = [
            ("one", None, "certificate", "\"a\""),
            ("two", None, "certificate", "\"b\""),
            ("two", Some(0), "key", "\"file:d\""),
            ("two", Some(0), "ocsp", "\"two\""),
            ("two", Some(1), "key", "\"two\""),
            ("one", None, "client_ca", "\"one\""),
            ("three", None, "key", ""),
        ];
        let tree = DeTable::parse(TEXT).unwrap();
        for (profile, certificate_for, key, found) in table {
            let place = Place {
                table: "client_tls",
                profile: profile.to_owned(),
                certificate_for,
                key,
            };
            assert_eq!(&TEXT[find(&tree, &place)], found, "{place:?}");
        }
    }
}
