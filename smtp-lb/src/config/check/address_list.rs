//! `[[firewall.address_list]]`: lists of networks, which may name further lists.

use std::collections::HashMap;
use std::ops::Range;

use ipnet::IpNet;

use super::names::Sections;
use super::nested::{self, Written, acyclic};
use super::rule::MAX_NETWORKS;
use super::{Check, Checked, all};
use crate::config::diagnostic::{Diagnostic, quote};
use crate::config::raw::{self, At};
use crate::config::value;

/// Largest file of a list, in octets.
const MAX_FILE: u64 = 256 << 20;

/// The lists, checked to be free of cycles.
pub(super) struct AddressLists(Vec<AddressList>);

struct AddressList {
    networks: Vec<IpNet>,
    /// Positions of the lists merged in.
    lists: Vec<usize>,
}

impl AddressLists {
    pub(super) fn compile(
        check: &mut Check<'_>,
        sections: &Sections,
        raw: &[raw::AddressList],
    ) -> Checked<Self> {
        let mut sound = Ok(());
        // A list that is wrong in part still has its place in the walk for cycles.
        let lists: Vec<AddressList> = raw
            .iter()
            .map(|raw| {
                let written = networks(check, &raw.networks);
                let networks = of_file(check, raw.file.as_ref())
                    .and_then(|of_file| Ok([written?, of_file].concat()));
                let lists = sections.address_lists.find_each(check, &raw.lists);
                if let Some(reported) = networks.as_ref().err().or(lists.as_ref().err()) {
                    sound = Err(*reported);
                }
                AddressList {
                    networks: networks.unwrap_or_default(),
                    lists: lists.unwrap_or_default(),
                }
            })
            .collect();
        let written: Vec<Written<'_>> = raw
            .iter()
            .map(|raw| Written {
                name: raw.name.as_ref(),
                lists: &raw.lists,
            })
            .collect();
        let nested: Vec<&[usize]> = lists.iter().map(|list| list.lists.as_slice()).collect();
        acyclic(check, &written, &nested)?;
        sound.map(|()| Self(lists))
    }

    /// The networks of these lists and all that they name, each list once.
    pub(super) fn networks(&self, roots: &[usize]) -> impl Iterator<Item = IpNet> {
        // Positions come from the names of these very lists.
        let lists = |id: usize| self.0.get(id).map(|list| list.lists.as_slice());
        nested::reached(roots, lists, self.0.len())
            .filter_map(|id| self.0.get(id))
            .flat_map(|list| list.networks.iter().copied())
    }
}

/// Reads networks and ranges, each of which may be written once.
pub(super) fn networks(check: &mut Check<'_>, texts: &[At<String>]) -> Checked<Vec<IpNet>> {
    let mut seen: HashMap<Vec<IpNet>, Range<usize>> = HashMap::new();
    let lists = all(texts.iter().map(|text| {
        let networks = check.value(text, value::network::parse_several)?;
        match seen.insert(networks.clone(), text.span()) {
            None => Ok(networks),
            Some(first) => {
                let message = format!("{} is listed twice", quote(text));
                let diagnostic = Diagnostic::new(text.span(), message, "list it once");
                Err(check
                    .report
                    .error(diagnostic.also(first, "first listed here")))
            }
        }
    }))?;
    Ok(lists.concat())
}

/// Reads the file of a list. Of what is wrong in it the first is told, with its line.
fn of_file(check: &mut Check<'_>, text: Option<&At<String>>) -> Checked<Vec<IpNet>> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let path = check.value(text, value::text::path)?;
    let octets = check.resolver.read(&path, MAX_FILE).map_err(|error| {
        check.error(
            text,
            format!("the list cannot be read: {error}"),
            "write the path of a file with a network, address or range on each line",
        )
    })?;
    let mut networks = Vec::new();
    for (number, line) in (1..).zip(octets.split(|octet| *octet == b'\n')) {
        let line = String::from_utf8_lossy(line);
        let entry = line.split(['#', ';']).next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        match value::network::parse_several(entry) {
            Ok(several) => networks.extend(several),
            Err(fault) => {
                return Err(check.error(
                    text,
                    format!("line {number} of the list: {}", fault.message),
                    fault.help,
                ));
            }
        }
        if networks.len() > MAX_NETWORKS {
            return Err(check.error(
                text,
                format!("the list has more than {MAX_NETWORKS} networks"),
                "split it, and name what a rule needs",
            ));
        }
    }
    Ok(networks)
}
