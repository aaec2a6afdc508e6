//! The files under `config/`, and the schema they are held against.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{hides_clients, read};
use crate::config::plan::{Action, FirewallMode, Mode, Snat};
use crate::config::{Loaded, load, schema};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

/// Files of examples, with their folder.
fn examples(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<(PathBuf, String)> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Examples are warned of nothing, save that the members of relays see an address of ours.
fn only_of_relays(loaded: &Loaded) {
    let hidden = loaded
        .warnings
        .iter()
        .filter(|it| hides_clients(it))
        .count();
    let servers = loaded.plan.virtual_servers.iter();
    let relays = servers.filter(|it| it.gateway.is_none() && it.snat != Snat::None);
    assert_eq!(hidden, relays.count(), "{}", loaded.warnings);
    assert_eq!(
        loaded.warnings.iter().count(),
        hidden,
        "{}",
        loaded.warnings
    );
}

#[test]
fn every_example_loads_without_a_warning() {
    let (own, scenarios) = (examples(&folder()), examples(&folder().join("scenarios")));
    assert!(own.len() >= 4, "{} examples", own.len());
    assert_eq!(scenarios.len(), 6);
    for (path, text) in own.iter().chain(&scenarios) {
        let loaded = read(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        only_of_relays(&loaded);
    }
}

/// Ports are those of the tables in F5's guide; profiles and modes those of its six scenarios.
#[test]
fn every_scenario_is_that_of_the_guide() {
    use Mode::{Bridge, EncryptServerSide, Offload, Passthrough, Plain, StartTls};
    for (file, mode, listen, member, client, server, gateway) in [
        ("plain", Plain, 25, 25, false, false, false),
        ("offload", Offload, 587, 25, true, false, false),
        ("bridge", Bridge, 587, 587, true, true, false),
        ("passthrough", Passthrough, 587, 587, false, false, false),
        (
            "encrypt-server-side",
            EncryptServerSide,
            587,
            587,
            false,
            true,
            false,
        ),
        ("starttls", StartTls, 25, 25, true, false, true),
    ] {
        let path = folder().join(format!("scenarios/{file}.toml"));
        let plan = read(&std::fs::read_to_string(path).unwrap()).unwrap().plan;
        let [server_plan] = &plan.virtual_servers[..] else {
            panic!("{file}: one virtual server")
        };
        assert_eq!(server_plan.mode, mode, "{file}");
        assert!(server_plan.listen.iter().any(SocketAddr::is_ipv6));
        assert!(
            server_plan.listen.iter().all(|it| it.port() == listen),
            "{file}"
        );
        let members = &plan.pools[server_plan.pool.0].members;
        assert!(
            members.iter().all(|it| it.address.port() == member),
            "{file}"
        );
        assert_eq!(server_plan.client_tls.is_some(), client, "{file}");
        assert_eq!(server_plan.server_tls.is_some(), server, "{file}");
        assert_eq!(server_plan.gateway.is_some(), gateway, "{file}");
    }
}

/// What stands between ```` ```toml ```` and ```` ``` ````.
fn toml_blocks(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("\n```toml\n").skip(1);
    blocks
        .map(|rest| rest.split_once("\n```").map_or(rest, |(block, _)| block))
        .collect()
}

/// A reader who copies an example out of the README has the file that is tested.
#[test]
fn examples_in_the_readme_are_those_of_the_folder() {
    let readme = std::fs::read_to_string(folder().join("../README.md")).unwrap();
    let mut examples = examples(&folder());
    examples.extend(self::examples(&folder().join("scenarios")));
    let blocks = toml_blocks(&readme);
    assert!(!blocks.is_empty());
    for block in blocks {
        let loaded = read(block).unwrap_or_else(|error| panic!("{error}"));
        only_of_relays(&loaded);
        assert!(
            examples
                .iter()
                .any(|(_, example)| example.trim_end().ends_with(block)),
            "no file under config/ ends like this:\n{block}"
        );
    }
}

#[test]
fn demo_is_what_the_demo_expects() {
    let plan = load(&folder().join("demo.toml")).unwrap().plan;
    assert_eq!(plan.firewall.mode, FirewallMode::Firewall);
    assert_eq!(plan.firewall.interfaces, ["ext0"]);
    let policy = &plan.firewall.policies[0];
    assert_eq!(policy.rules[0].action, Action::Accept);
    assert_eq!(
        policy.rules[0].source,
        [
            "10.77.0.0/26".parse().unwrap(),
            "fd77::/123".parse().unwrap()
        ]
    );
    assert_eq!(
        (policy.rules[1].action, policy.rules[1].log),
        (Action::Drop, true)
    );
    assert!(policy.rules[1].source.is_empty());
}

/// Dotted paths of all keys that the schema knows.
fn schema_keys(root: &Value, schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        schema_keys(root, root.pointer(&name[1..]).unwrap(), path, keys);
    }
    for branch in schema["anyOf"].as_array().into_iter().flatten() {
        schema_keys(root, branch, path, keys);
    }
    if schema["items"].is_object() {
        schema_keys(root, &schema["items"], path, keys);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        schema_keys(root, schema, &path, keys);
        keys.insert(path);
    }
}

fn file_keys(value: &toml::Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = format!("{path}.{key}");
                file_keys(value, &path, keys);
                keys.insert(path);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| file_keys(item, path, keys)),
        _ => {}
    }
}

#[test]
fn full_example_has_every_key_of_the_schema() {
    let (schema, mut known, mut written) = (schema(), BTreeSet::new(), BTreeSet::new());
    schema_keys(&schema, &schema, "", &mut known);
    let text = std::fs::read_to_string(folder().join("full.toml")).unwrap();
    file_keys(&toml::Value::Table(text.parse().unwrap()), "", &mut written);
    assert!(known.len() > 60, "{known:?}");
    assert_eq!(known, written);
}

/// What a comment calls a default is what leaving the key out gives.
#[test]
fn full_example_tells_the_defaults() {
    let text = std::fs::read_to_string(folder().join("full.toml")).unwrap();
    let is_default = |line: &&str| {
        let stated = line
            .split_once("default: ")
            .map(|(_, default)| default.trim());
        let written = line
            .split_once(" = ")
            .and_then(|(_, rest)| rest.split('#').next());
        let written = written.map(|value| value.trim().trim_matches('"'));
        stated == Some("this") || (stated.is_some() && stated == written)
    };
    let (defaults, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(is_default);
    assert!(defaults.len() >= 45, "{defaults:#?}");
    assert_eq!(
        read(&rest.join("\n")).unwrap().plan,
        read(&text).unwrap().plan
    );
}

#[test]
fn schema_describes_every_key() {
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            if key == "properties" {
                for (name, property) in value.as_object().unwrap() {
                    if property["description"].as_str().is_none_or(str::is_empty) {
                        found.push(format!("{path}.{name}"));
                    }
                }
            }
            undescribed(value, &format!("{path}.{key}"), found);
        }
    }
    let mut found = Vec::new();
    undescribed(&schema(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}
