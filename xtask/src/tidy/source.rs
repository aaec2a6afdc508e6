//! A source file, as far as the rules look into it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A Rust file.
pub(crate) struct Source {
    /// Relative to the workspace's root.
    pub(crate) path: String,
    /// Lines in all.
    pub(crate) lines: usize,
    /// Line of the first `unsafe`, tests aside.
    pub(crate) first_unsafe: Option<usize>,
    /// Every path that it names, tests aside, with its line; `self` and `super` resolved.
    paths: Vec<(usize, String)>,
}

/// All sources of the workspace.
pub(crate) fn all(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for package in [
        "smtp-lb",
        "smtp-lb-common",
        "smtp-lb-ebpf",
        "tests",
        "bench",
        "xtask",
    ] {
        walk(root, &root.join(package), &mut sources)?;
    }
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, sources)?;
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path)?;
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            sources.push(Source::parse(&name, &text));
        }
    }
    Ok(())
}

impl Source {
    /// Reads the text of a file.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let code = without_comments(text);
        // By custom the unit tests are the last thing in a file.
        let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let words = words(code);
        Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            first_unsafe: words
                .iter()
                .find(|(_, word)| *word == "unsafe")
                .map(|(line, _)| *line),
            paths: named(&words, &module_of(path)),
        }
    }

    /// Line of the first path in which these segments stand in a row.
    pub(crate) fn first_path_with(&self, segments: &str) -> Option<usize> {
        let wanted = format!("::{segments}::");
        self.paths
            .iter()
            .find(|(_, path)| format!("::{path}::").contains(&wanted))
            .map(|(line, _)| *line)
    }
}

/// `smtp-lb/src/pool/lease.rs` is `crate::pool::lease`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.split_once("src/").map_or(path, |(_, inner)| inner);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    std::iter::once("crate")
        .chain(inner.split('/').filter(|s| !matches!(*s, "lib" | "main")))
        .map(str::to_owned)
        .collect()
}

/// The text with comments and literals blanked; lines stay where they are.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |at| start + at + end.len())
        } else if next == '"' {
            string(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            // A quote as a character: the only kind that could be taken for a string's.
            rest[2..].find('\'').map_or(rest.len(), |end| end + 3)
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
        rest = &rest[skipped..];
    }
    out
}

/// Length of the string literal at the beginning.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Hashes of the raw string at the beginning, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let inner = after.trim_start_matches('#');
    inner.starts_with('"').then(|| after.len() - inner.len())
}

/// Identifiers and the marks that matter to paths, with their lines.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let ident = |c: char| c.is_alphanumeric() || c == '_';
            let length = if ident(first) {
                rest.find(|c| !ident(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            words.push((number + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    words
}

/// Every path, with groups in braces spelt out.
fn named(words: &[(usize, &str)], module: &[String]) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    // Prefixes of the groups that are open, the path at hand last.
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut joined = false;
    for (line, word) in words {
        let is_ident = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let depth = open.len();
        match *word {
            "::" => joined = true,
            "{" if joined => {
                let prefix = open.last().cloned().unwrap_or_default();
                open.push(prefix);
                joined = true;
            }
            "," if depth > 1 => {
                let prefix = open.get(depth - 2).cloned().unwrap_or_default();
                if let Some(path) = open.last_mut() {
                    *path = prefix;
                }
                joined = true;
            }
            "}" if depth > 1 => {
                open.pop();
                joined = false;
            }
            ident if is_ident => {
                if let Some(path) = open.last_mut() {
                    if !joined {
                        path.clear();
                    }
                    path.push(ident.to_owned());
                    paths.push((*line, resolved(path, module).join("::")));
                }
                joined = false;
            }
            _ => joined = false,
        }
    }
    paths
}

/// With `self` and `super` replaced by what they stand for.
fn resolved(path: &[String], module: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|word| *word == "super").count();
    let selfs = usize::from(supers == 0 && path.first().is_some_and(|word| word == "self"));
    if supers + selfs == 0 {
        return path.to_vec();
    }
    let base = module.len().saturating_sub(supers);
    module[..base]
        .iter()
        .chain(&path[supers + selfs..])
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn groups_are_spelt_out() {
        let source = Source::parse(
            "smtp-lb/src/pool/lease.rs",
            "use crate::{config::{plan::PoolId, raw}, event};\nuse super::balance;\nuse self::x;",
        );
        for (path, line) in [
            ("crate::config::plan::PoolId", Some(1)),
            ("crate::config::raw", Some(1)),
            ("crate::event", Some(1)),
            ("crate::pool::balance", Some(2)),
            ("crate::pool::lease::x", Some(3)),
            ("crate::plan", None),
            ("config::event", None),
        ] {
            assert_eq!(source.first_path_with(path), line, "{path}");
        }
    }

    #[test]
    fn blocks_are_no_groups() {
        let source = Source::parse(
            "smtp-lb/src/pool.rs",
            "fn f() { crate::event::emit(); g(a::b { c: 1 }); }\nfn h() { toml }",
        );
        assert_eq!(source.first_path_with("crate::event::emit"), Some(1));
        assert_eq!(source.first_path_with("crate::event::g"), None);
    }
}
