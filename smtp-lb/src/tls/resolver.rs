//! Which certificate a client gets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates by the name that the client asks for (RFC 6066 3).
#[derive(Debug)]
pub(super) struct Resolver {
    /// In the order of the file.
    all: Vec<Arc<CertifiedKey>>,
    exact: HashMap<String, Vec<usize>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Vec<usize>>,
}

impl Resolver {
    /// Of certificates with the names that they answer, in lower case.
    pub(super) fn new(certificates: Vec<(Arc<CertifiedKey>, Vec<String>)>) -> Self {
        let mut resolver = Self {
            all: Vec::with_capacity(certificates.len()),
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        };
        for (at, (certified, names)) in certificates.into_iter().enumerate() {
            resolver.all.push(certified);
            for name in names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut resolver.wildcard, parent.to_owned()),
                    None => (&mut resolver.exact, name),
                };
                map.entry(name).or_default().push(at);
            }
        }
        resolver
    }

    /// Those for a name: a whole name before a wildcard, which stands for one label.
    fn named(&self, name: &str) -> Option<&[usize]> {
        let name = name.to_ascii_lowercase();
        let wildcard = || self.wildcard.get(name.split_once('.')?.1);
        let found = self.exact.get(&name).or_else(wildcard)?;
        Some(found)
    }

    /// The first that `usable` takes: several of one name are of several kinds of keys. The first
    /// of all certificates is the last resort.
    fn choose(
        &self,
        name: Option<&str>,
        usable: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<Arc<CertifiedKey>> {
        let named = name.and_then(|name| self.named(name)).unwrap_or_default();
        let named = named.iter().filter_map(|at| self.all.get(*at));
        named
            .chain(&self.all)
            .find(|certified| usable(certified))
            .or(self.all.first())
            .cloned()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        self.choose(hello.server_name(), |certified| {
            certified.key.choose_scheme(schemes).is_some()
        })
    }
}
