//! The firewall part of one file over the rest of another: what `firewall apply` puts in force.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use toml::{Table, Value};

use super::diagnostic::escape;
use super::{Diagnostics, Loaded, Resolve, parse};

/// The table that may differ.
const FIREWALL: &str = "firewall";
/// Keys of a virtual server that are the firewall's, too.
const OF_SERVERS: &[&str] = &["firewall_policy", "staged_policy", "reputation"];

/// Why a file cannot stand in for the firewall part of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// It is wrong, by itself or together with the rest.
    #[error("{0}")]
    Invalid(Diagnostics),
    /// It says nothing of the firewall.
    #[error("{file} has no [firewall] table")]
    NoFirewall {
        /// Path as given, escaped.
        file: String,
    },
    /// It is a whole configuration, and not only its firewall is another.
    #[error(
        "{file} differs from what runs not only in its firewall, but in {}: give a file with \
         nothing but its [firewall] tables, or use `smtp-lb reload`",
        .parts.join(", ")
    )]
    Elsewhere {
        /// Path as given, escaped.
        file: String,
        /// Tables that differ, escaped.
        parts: Vec<String>,
    },
    /// What runs cannot be read again; not reached with a text that was loaded.
    #[error("the configuration that runs cannot be read again")]
    Running,
}

/// Compiles `text`, a whole configuration or its `[firewall]` tables alone, as the firewall of the
/// configuration whose text is `running`. All of it is checked together.
///
/// A whole one must be as `running` is, letter for letter, but for `[firewall]` and
/// `firewall_policy`, `staged_policy` and `reputation` of virtual servers. Names that the rest looks up may have changed their
/// addresses since: of the plan only those two parts are to be used.
pub fn overlay(
    name: &str,
    text: &str,
    running: &str,
    resolver: &dyn Resolve,
) -> Result<Loaded, OverlayError> {
    let Ok(tree) = text.parse::<Table>() else {
        // It says what is wrong, and where.
        return parse(name, text, resolver).map_err(OverlayError::Invalid);
    };
    let file = || escape(name);
    if !tree.contains_key(FIREWALL) {
        return Err(OverlayError::NoFirewall { file: file() });
    }
    let mut rest: Table = running.parse().map_err(|_| OverlayError::Running)?;
    rest.remove(FIREWALL);
    if tree.len() == 1 {
        // Behind the file, so that what is wrong with it is told at its own lines.
        let mut whole = text.to_owned();
        let rest = toml::to_string(&rest).map_err(|_| OverlayError::Running)?;
        let _ = write!(whole, "\n\n# What runs, but for its firewall:\n{rest}");
        return parse(name, &whole, resolver).map_err(OverlayError::Invalid);
    }
    let loaded = parse(name, text, resolver).map_err(OverlayError::Invalid)?;
    let parts = differing(&rest, &tree);
    if parts.is_empty() {
        Ok(loaded)
    } else {
        Err(OverlayError::Elsewhere {
            file: file(),
            parts,
        })
    }
}

/// Parts that are not the firewall's and differ.
fn differing(running: &Table, other: &Table) -> Vec<String> {
    let keys: BTreeSet<_> = running.keys().chain(other.keys()).collect();
    let mut parts = Vec::new();
    for key in keys.into_iter().filter(|key| *key != FIREWALL) {
        match (running.get(key), other.get(key)) {
            (Some(Value::Array(before)), Some(Value::Array(after)))
                if names(before) == names(after) =>
            {
                let pairs = before.iter().zip(after);
                let differ = pairs.filter(|(before, after)| stripped(before) != stripped(after));
                let name = |value: &Value| {
                    let name = value.get("name").and_then(Value::as_str);
                    escape(&format!("{key} \"{}\"", name.unwrap_or_default()))
                };
                parts.extend(differ.map(|(_, after)| name(after)));
            }
            (Some(Value::Array(_)), _) | (_, Some(Value::Array(_))) => {
                parts.push(format!("the list of [[{}]]", escape(key)));
            }
            (before, after) if before != after => parts.push(format!("[{}]", escape(key))),
            _ => {}
        }
    }
    parts
}

fn names(list: &[Value]) -> Vec<Option<&Value>> {
    list.iter().map(|value| value.get("name")).collect()
}

/// An element without what is the firewall's. Only virtual servers have such keys.
fn stripped(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Table(table) = &mut value {
        for key in OF_SERVERS {
            table.remove(*key);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{OverlayError, overlay};
    use crate::config::SystemResolver;

    const REST: &str = "[general]\nworkers = 2\n[[virtual_server]]\nname = \"mx\"\n\
        listen = [\"127.0.0.1:25\"]\npool = \"p\"\nfirewall_policy = \"edge\"\n\
        [[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:26\"]\n";
    const FIREWALL: &str = "[firewall]\nmode = \"adc\"\n[[firewall.policy]]\nname = \"edge\"\n";
    const OTHER: &str = "[firewall]\nlog_default = false\n[[firewall.policy]]\nname = \"edge\"\n\
        rule = [{ name = \"all\", action = \"drop\" }]\n[[firewall.policy]]\nname = \"second\"\n";

    fn over(text: &str) -> Result<crate::config::plan::Plan, OverlayError> {
        let running = format!("{FIREWALL}{REST}");
        overlay("new.toml", text, &running, &SystemResolver).map(|loaded| loaded.plan)
    }

    #[test]
    fn a_file_of_firewall_tables_alone_takes_the_rest_from_what_runs() {
        let plan = over(OTHER).unwrap();
        assert_eq!(plan.general.workers, 2);
        assert!(!plan.firewall.log_default);
        assert_eq!(plan.firewall.policies[0].rules[0].name, "all");
        assert!(plan.virtual_servers[0].firewall_policy.is_some());
    }

    #[test]
    fn a_whole_file_may_differ_in_its_firewall_only() {
        let plan = over(&format!("{OTHER}{REST}")).unwrap();
        assert_eq!(plan.firewall.policies.len(), 2);
        let attached = REST.replace("\"edge\"", "\"second\"");
        let plan = over(&format!("{OTHER}{attached}")).unwrap();
        assert_eq!(plan.virtual_servers[0].firewall_policy.unwrap().0, 1);
        for (old, new, parts) in [
            ("workers = 2", "workers = 3", "[general]"),
            ("127.0.0.1:26", "127.0.0.1:27", "pool \"p\""),
            ("127.0.0.1:25", "127.0.0.2:25", "virtual_server \"mx\""),
            ("[general]\nworkers = 2", "", "[general]"),
            (
                "[[pool]]",
                "[[pool]]\nname = \"q\"\nmembers = [\"127.0.0.1:9\"]\n[[pool]]",
                "the list of [[pool]]",
            ),
        ] {
            let error = over(&format!("{OTHER}{}", REST.replace(old, new))).unwrap_err();
            let OverlayError::Elsewhere { parts: found, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(found, [parts]);
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_its_line() {
        for (text, says) in [
            ("[firewall\n", "new.toml:1"),
            ("[firewall]\nmoed = \"adc\"\n", "new.toml:2"),
            // The virtual server that runs names it.
            ("[firewall]\n[[firewall.policy]]\nname = \"edgy\"\n", "edge"),
        ] {
            let error = over(text).unwrap_err();
            assert!(matches!(error, OverlayError::Invalid(_)), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
        let error = over("").unwrap_err();
        assert_eq!(error.to_string(), "new.toml has no [firewall] table");
    }
}
