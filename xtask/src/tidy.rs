//! Keeps the design's invariants: reads every source file for the paths that it names, and
//! compares them with what its place in the tree allows.

mod rules;
mod source;

use anyhow::{Result, bail};

use crate::{paths, sh};
use rules::{AYA, LAYERS, Layer, UNSAFE};
use source::Source;

/// A longer file is a sign to split.
const LONG: usize = 500;

/// Checks the workspace; warns of long files.
pub(crate) fn run() -> Result<()> {
    let sources = source::all(&paths::root())?;
    for source in sources.iter().filter(|source| source.lines > LONG) {
        sh::say(&format!(
            "warning: {} has {} lines; over {LONG} is a sign to split",
            source.path, source.lines
        ));
    }
    let faults = faults(&sources);
    if !faults.is_empty() {
        bail!("the design's invariants are broken:\n{}", faults.join("\n"));
    }
    Ok(())
}

fn faults(sources: &[Source]) -> Vec<String> {
    let mut faults: Vec<String> = LAYERS
        .iter()
        .flat_map(|layer| layer_faults(layer, sources))
        .collect();
    faults.extend(confined(sources, AYA, "names aya", |source| {
        source.first_path_with("aya")
    }));
    faults.extend(confined(sources, UNSAFE, "has `unsafe`", |source| {
        source.first_unsafe
    }));
    faults
}

/// What one layer may not name.
fn layer_faults(layer: &Layer, sources: &[Source]) -> Vec<String> {
    let mut covered = sources
        .iter()
        .filter(|source| within(&source.path, layer.files) && !within(&source.path, layer.except))
        .peekable();
    if covered.peek().is_none() {
        // A rule about files that were renamed would hold for ever.
        return vec![format!("rule {}: covers no file", layer.rule)];
    }
    covered
        .flat_map(|source| {
            layer.never.iter().filter_map(|path| {
                let line = source.first_path_with(path)?;
                Some(format!(
                    "{}:{line}: names `{path}`; rule {}: {}",
                    source.path, layer.rule, layer.why
                ))
            })
        })
        .collect()
}

/// Something that only listed files may have.
fn confined(
    sources: &[Source],
    allowed: &[&str],
    what: &str,
    has: impl Fn(&Source) -> Option<usize>,
) -> Vec<String> {
    sources
        .iter()
        .filter(|source| !within(&source.path, allowed))
        .filter_map(|source| {
            let line = has(source)?;
            Some(format!(
                "{}:{line}: {what}; rule 3: only these may: {}",
                source.path,
                allowed.join(", ")
            ))
        })
        .collect()
}

/// Is the path one of these, or under one that ends in `/`?
fn within(path: &str, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
}

#[cfg(test)]
mod tests {
    use super::source::Source;
    use super::{faults, run};

    #[test]
    fn the_workspace_keeps_its_invariants() {
        run().unwrap();
    }

    /// Faults of a file with this text, aside from those of rules that then cover nothing.
    fn faults_of(path: &str, text: &str) -> Vec<String> {
        faults(&[Source::parse(path, text)])
            .into_iter()
            .filter(|fault| fault.starts_with(path))
            .collect()
    }

    #[test]
    fn each_invariant_can_be_broken() {
        for (path, text, rule) in [
            (
                "smtp-lb/src/config/check.rs",
                "use crate::{proxy, config};",
                "rule 1",
            ),
            (
                "smtp-lb/src/proxy/relay.rs",
                "use crate::config::raw::Pool;",
                "rule 1",
            ),
            (
                "smtp-lb/src/smtp/reply.rs",
                "use tokio::io::AsyncRead;",
                "rule 2",
            ),
            (
                "smtp-lb/src/pool/balance.rs",
                "fn f() { std::time::Instant::now(); }",
                "rule 2",
            ),
            (
                "smtp-lb-common/src/lookup.rs",
                "use aya_ebpf::programs::XdpContext;",
                "rule 2",
            ),
            (
                "smtp-lb/src/event/bus.rs",
                "use aya::maps::RingBuf;",
                "rule 3",
            ),
            (
                "smtp-lb/src/smtp/line.rs",
                "fn f() { unsafe { g() } }",
                "rule 3",
            ),
            (
                "smtp-lb/src/proxy/session.rs",
                "use crate::firewall;",
                "rule 4",
            ),
            (
                "smtp-lb/src/proxy.rs",
                "fn f() { crate::admin::go() }",
                "rule 4",
            ),
            (
                "smtp-lb/src/firewall/rule.rs",
                "use super::super::proxy::relay;",
                "rule 4",
            ),
            (
                "smtp-lb/src/event/format.rs",
                "use crate::pool::Pool;",
                "rule 5",
            ),
            (
                "smtp-lb/src/proxy/connect.rs",
                "fn f() { member.set_state(State::Down, \"\", now); }",
                "rule 6",
            ),
        ] {
            let found = faults_of(path, text);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
            assert!(found[0].contains(rule), "{found:?}");
        }
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        for text in [
            "// use crate::proxy;",
            "/* use crate::proxy; */",
            "const A: &str = \"use crate::proxy; unsafe\";",
            "#[cfg(test)]\nmod tests {\n    use crate::proxy;\n}",
        ] {
            assert_eq!(faults_of("smtp-lb/src/config/check.rs", text), [""; 0]);
        }
    }
}
