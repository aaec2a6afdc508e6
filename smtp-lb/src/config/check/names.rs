//! Names of things: unique within their section, and found again where they are referred to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::{Check, Checked};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::raw::{self, At};
use crate::config::{suggest, value};

/// The names of every section whose elements others refer to.
pub(super) struct Sections {
    pub virtual_servers: Names,
    pub smtp_profiles: Names,
    pub pools: Names,
    pub snat_pools: Names,
    pub client_tls: Names,
    pub server_tls: Names,
    pub monitors: Names,
    pub policies: Names,
    pub address_lists: Names,
    pub port_lists: Names,
    pub schedules: Names,
    pub reputation: Names,
    pub flood_profiles: Names,
    pub destinations: Names,
    pub log_pools: Names,
    pub publishers: Names,
    pub profiles: Names,
}

impl Sections {
    pub(super) fn gather(check: &mut Check<'_>, raw: &raw::Config) -> Self {
        let (firewall, log) = (&raw.firewall, &raw.log);
        // Referred to by none, but unique all the same.
        Names::of(
            check,
            "firewall.failsafe",
            firewall.failsafe.iter().map(|it| &it.name),
        );
        Names::of(
            check,
            "reputation.feed",
            raw.reputation.feed.iter().map(|it| &it.name),
        );
        Self {
            virtual_servers: Names::of(
                check,
                "virtual_server",
                raw.virtual_server.iter().map(|it| &it.name),
            ),
            smtp_profiles: Names::of(
                check,
                "smtp_profile",
                raw.smtp_profile.iter().map(|it| &it.name),
            ),
            pools: Names::of(check, "pool", raw.pool.iter().map(|it| &it.name)),
            snat_pools: Names::of(check, "snat_pool", raw.snat_pool.iter().map(|it| &it.name)),
            client_tls: Names::of(
                check,
                "client_tls",
                raw.client_tls.iter().map(|it| &it.name),
            ),
            server_tls: Names::of(
                check,
                "server_tls",
                raw.server_tls.iter().map(|it| &it.name),
            ),
            monitors: Names::of(check, "monitor", raw.monitor.iter().map(|it| &it.name)),
            policies: Names::of(
                check,
                "firewall.policy",
                firewall.policy.iter().map(|it| &it.name),
            ),
            address_lists: Names::of(
                check,
                "firewall.address_list",
                firewall.address_list.iter().map(|it| &it.name),
            ),
            port_lists: Names::of(
                check,
                "firewall.port_list",
                firewall.port_list.iter().map(|it| &it.name),
            ),
            schedules: Names::of(
                check,
                "firewall.schedule",
                firewall.schedule.iter().map(|it| &it.name),
            ),
            reputation: Names::of(
                check,
                "reputation.policy",
                raw.reputation.policy.iter().map(|it| &it.name),
            ),
            log_pools: Names::of(check, "log.pool", log.pool.iter().map(|it| &it.name)),
            flood_profiles: Names::of(
                check,
                "firewall.flood_profile",
                firewall.flood_profile.iter().map(|it| &it.name),
            ),
            destinations: Names::of(
                check,
                "log.destination",
                log.destination.iter().map(|it| &it.name),
            ),
            publishers: Names::of(
                check,
                "log.publisher",
                log.publisher.iter().map(|it| &it.name),
            ),
            profiles: Names::of(check, "log.profile", log.profile.iter().map(|it| &it.name)),
        }
    }
}

/// Names of one section and the positions of their elements.
pub(super) struct Names {
    section: &'static str,
    index: HashMap<String, (usize, Range<usize>)>,
}

impl Names {
    /// Takes the names of a section in order; reports bad ones and those taken already.
    pub(super) fn of<'a>(
        check: &mut Check<'_>,
        section: &'static str,
        names: impl Iterator<Item = &'a Option<At<String>>>,
    ) -> Self {
        let mut index = HashMap::new();
        for (position, name) in names.enumerate() {
            let Some(name) = name else { continue };
            // A bad name is kept: what refers to it is not at fault.
            let _ = check.value(name, value::text::name);
            match index.entry(name.to_string()) {
                Entry::Vacant(entry) => {
                    entry.insert((position, name.span()));
                }
                Entry::Occupied(entry) => {
                    taken(check, name, &entry.get().1);
                }
            }
        }
        Self { section, index }
    }

    /// The name of the section's first element.
    pub(super) fn first(&self) -> Option<&str> {
        let first = self.index.iter().min_by_key(|(_, (position, _))| *position);
        first.map(|(name, _)| name.as_str())
    }

    /// The position of the element that is meant.
    pub(super) fn find(&self, check: &mut Check<'_>, name: &At<String>) -> Checked<usize> {
        self.find_as(check, name, name)
    }

    /// As [`Names::find`], of a name that is part of what is written at `place`.
    pub(super) fn find_as(
        &self,
        check: &mut Check<'_>,
        place: &At<String>,
        name: &str,
    ) -> Checked<usize> {
        if let Some((position, _)) = self.index.get(name) {
            return Ok(*position);
        }
        check.pruned.section(self.section)?;
        let help = if check.report.is_full() {
            String::new()
        } else {
            self.help(name)
        };
        let noun = self.section.replace(['.', '_'], " ");
        Err(check.error(
            place,
            format!("there is no {noun} named {}", quote(name)),
            help,
        ))
    }

    /// As [`Names::find`], for what may be left out.
    pub(super) fn find_any(
        &self,
        check: &mut Check<'_>,
        name: Option<&At<String>>,
    ) -> Checked<Option<usize>> {
        name.map(|name| self.find(check, name)).transpose()
    }

    /// As [`Names::find`], for a list in which each may stand once.
    pub(super) fn find_each(
        &self,
        check: &mut Check<'_>,
        names: &[At<String>],
    ) -> Checked<Vec<usize>> {
        let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
        super::all(names.iter().map(|name| {
            if let Some(first) = seen.insert(name, name.span()) {
                return Err(check.report.error(
                    Diagnostic::new(
                        name.span(),
                        format!("{} is named twice", quote(name)),
                        "name it once",
                    )
                    .also(first, "first named here"),
                ));
            }
            self.find(check, name)
        }))
    }

    fn help(&self, name: &str) -> String {
        let mut known: Vec<&str> = self.index.keys().map(String::as_str).collect();
        known.sort_unstable();
        match suggest::nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `\"{meant}\"`?"),
            None if known.is_empty() => {
                format!("add it as `[[{}]]` with `name = \"{name}\"`", self.section)
            }
            None => format!("write one of {}", suggest::list(known.into_iter())),
        }
    }
}

fn taken(check: &mut Check<'_>, name: &At<String>, first: &Range<usize>) {
    check.report.error(
        Diagnostic::new(
            name.span(),
            format!("the name {} is taken", quote(name)),
            "write a name that no other has",
        )
        .also(first.clone(), "first used here"),
    );
}
