//! `[[firewall.port_list]]`: lists of ports, which may name further lists.

use super::names::Sections;
use super::nested::{self, Written, acyclic};
use super::{Check, Checked, all};
use crate::config::raw;
use crate::config::value::packet;

/// First and last port.
type Range = (u16, u16);

/// The lists, checked to be free of cycles.
pub(super) struct PortLists(Vec<PortList>);

struct PortList {
    ports: Vec<Range>,
    /// Positions of the lists merged in.
    lists: Vec<usize>,
}

impl PortLists {
    pub(super) fn compile(
        check: &mut Check<'_>,
        sections: &Sections,
        raw: &[raw::PortList],
    ) -> Checked<Self> {
        let mut sound = Ok(());
        // A list that is wrong in part still has its place in the walk for cycles.
        let lists: Vec<PortList> = raw
            .iter()
            .map(|raw| {
                let ports = all(raw
                    .ports
                    .iter()
                    .map(|text| check.value(text, packet::ports)));
                let lists = sections.port_lists.find_each(check, &raw.lists);
                if let Some(reported) = ports.as_ref().err().or(lists.as_ref().err()) {
                    sound = Err(*reported);
                }
                PortList {
                    ports: ports.unwrap_or_default(),
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

    /// The ports of these lists and all that they name.
    pub(super) fn ports(&self, roots: &[usize]) -> impl Iterator<Item = Range> {
        // Positions come from the names of these very lists.
        let lists = |id: usize| self.0.get(id).map(|list| list.lists.as_slice());
        nested::reached(roots, lists, self.0.len())
            .filter_map(|id| self.0.get(id))
            .flat_map(|list| list.ports.iter().copied())
    }
}

/// The same as ranges in order, none of which touches another.
pub(super) fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::merged;

    #[test]
    fn ranges_are_merged() {
        let ranges = vec![(587, 590), (25, 25), (591, 600), (26, 26), (1, 3), (2, 2)];
        assert_eq!(merged(ranges), [(1, 3), (25, 26), (587, 600)]);
        assert_eq!(merged(vec![(5, 65535), (65535, 65535)]), [(5, 65535)]);
    }
}
