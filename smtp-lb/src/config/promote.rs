//! A staged policy in force: what `firewall promote` applies.

use toml::{Table, Value};

use super::diagnostic::escape;

/// Why a context has no staged policy that could be put in force.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PromoteError {
    /// No context has the name.
    #[error(
        "there is no context {context}: write `global`, `host`, or the name of a virtual server"
    )]
    NoContext {
        /// As given, escaped.
        context: String,
    },
    /// It has one only.
    #[error("no policy is staged for {context}")]
    NotStaged {
        /// As given, escaped.
        context: String,
    },
    /// What runs cannot be read again; not reached with a text that was loaded.
    #[error("the configuration that runs cannot be read again")]
    Running,
}

/// The configuration `running` with the staged policy of a context in place of the enforced one, and none
/// staged. Comments are lost: it is to be applied, not kept.
pub fn promote(running: &str, context: &str) -> Result<String, PromoteError> {
    let mut tree: Table = running.parse().map_err(|_| PromoteError::Running)?;
    let (table, staged, enforced) = match context {
        "global" => (
            tree.get_mut("firewall"),
            "staged_global_policy",
            "global_policy",
        ),
        "host" => (
            tree.get_mut("firewall"),
            "staged_host_policy",
            "host_policy",
        ),
        name => {
            let name = name.strip_prefix("virtual-server:").unwrap_or(name);
            let servers = tree.get_mut("virtual_server").and_then(Value::as_array_mut);
            let mut servers = servers.into_iter().flatten();
            let server = servers.find(|it| it.get("name").and_then(Value::as_str) == Some(name));
            if server.is_none() {
                return Err(PromoteError::NoContext {
                    context: escape(context),
                });
            }
            (server, "staged_policy", "firewall_policy")
        }
    };
    let table = table.and_then(Value::as_table_mut);
    let policy = table.and_then(|table| Some((table.remove(staged)?, table)));
    let Some((policy, table)) = policy else {
        return Err(PromoteError::NotStaged {
            context: escape(context),
        });
    };
    table.insert(enforced.to_owned(), policy);
    toml::to_string(&tree).map_err(|_| PromoteError::Running)
}

#[cfg(test)]
mod tests {
    use super::{PromoteError, promote};

    const RUNNING: &str = "[firewall]\nglobal_policy = \"g\"\nstaged_global_policy = \"h\"\n\
        [[virtual_server]]\nname = \"mx\"\nstaged_policy = \"s\"\n\
        [[virtual_server]]\nname = \"global\"\nfirewall_policy = \"p\"\nstaged_policy = \"q\"\n";

    #[test]
    fn the_staged_policy_takes_the_place_of_the_enforced_one() {
        let of = |context| -> toml::Table { promote(RUNNING, context).unwrap().parse().unwrap() };
        let firewall = &of("global")["firewall"];
        assert_eq!(firewall["global_policy"].as_str(), Some("h"));
        assert!(firewall.get("staged_global_policy").is_none());
        for context in ["mx", "virtual-server:mx"] {
            let tree = of(context);
            let servers = tree["virtual_server"].as_array().unwrap();
            assert_eq!(servers[0]["firewall_policy"].as_str(), Some("s"));
            assert!(servers[0].get("staged_policy").is_none());
            assert_eq!(servers[1]["staged_policy"].as_str(), Some("q"));
            assert_eq!(tree["firewall"]["global_policy"].as_str(), Some("g"));
        }
        let tree = of("virtual-server:global");
        let servers = tree["virtual_server"].as_array().unwrap();
        assert_eq!(servers[1]["firewall_policy"].as_str(), Some("q"));
    }

    #[test]
    fn what_is_not_staged_is_not_promoted() {
        let context = "host".to_owned();
        assert_eq!(
            promote(RUNNING, "host"),
            Err(PromoteError::NotStaged { context })
        );
        let context = "my".to_owned();
        assert_eq!(
            promote(RUNNING, "my"),
            Err(PromoteError::NoContext { context })
        );
    }
}
