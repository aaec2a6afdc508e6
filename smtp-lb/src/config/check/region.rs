//! Regions: countries by their ISO codes, as networks of the operator's database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::str;

use ipnet::IpNet;
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;

use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::raw::{self, At};
use crate::config::value;

/// Largest database, in octets.
const MAX_DATABASE: u64 = 1 << 30;
/// Networks of all regions that rules name: a database may hold more than it looks like.
const MAX_NETWORKS: usize = 4_000_000;

/// Networks of the countries that rules name, by code.
pub(super) struct Regions(BTreeMap<String, Vec<IpNet>>);

/// What of a record tells the country. Some databases have tables with `iso_code`, others a
/// plain text.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    registered_country: Option<Country<'a>>,
    country_code: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Country<'a> {
    Text(&'a str),
    Table { iso_code: Option<&'a str> },
}

impl<'a> Record<'a> {
    fn code(&self) -> Option<&'a str> {
        let of = |country: &Option<Country<'a>>| match country {
            Some(Country::Text(code)) => Some(*code),
            Some(Country::Table { iso_code }) => *iso_code,
            None => None,
        };
        of(&self.country)
            .or(self.country_code)
            .or_else(|| of(&self.registered_country))
    }
}

impl Regions {
    /// Reads the database if a rule names a region, and keeps what they name.
    pub(super) fn read(check: &mut Check<'_>, raw: &raw::Firewall) -> Checked<Self> {
        let rules = raw.policy.iter().flat_map(|policy| &policy.rule);
        let named: Vec<&At<String>> = rules
            .flat_map(|rule| [&rule.source_regions, &rule.destination_regions])
            .filter_map(Option::as_deref)
            .flatten()
            .collect();
        let mut wanted: BTreeMap<String, Vec<IpNet>> = named
            .iter()
            .filter_map(|text| value::region::code(text).ok())
            .map(|code| (code, Vec::new()))
            .collect();
        let path = raw
            .region_database
            .as_ref()
            .map(|text| check.value(text, value::text::path))
            .transpose()?;
        let (Some(text), Some(path)) = (&raw.region_database, path) else {
            return match named.first() {
                None => Ok(Self(wanted)),
                Some(region) => Err(check.error(
                    region,
                    "there is no database of regions",
                    "write `region_database = \"/var/lib/GeoIP/GeoLite2-Country.mmdb\"` under [firewall]",
                )),
            };
        };
        if wanted.is_empty() {
            return Ok(Self(wanted));
        }
        let octets = check.resolver.read(&path, MAX_DATABASE).map_err(|error| {
            check.error(
                text,
                format!("the region database cannot be read: {error}"),
                "write the path of a file in MaxMind's format (MMDB)",
            )
        })?;
        match collect(&octets, &mut wanted) {
            Ok(()) => Ok(Self(wanted)),
            Err(Unfit::Database(error)) => Err(check.error(
                text,
                format!("that is no sound region database: {error}"),
                "write the path of a country database in MaxMind's format (MMDB)",
            )),
            Err(Unfit::TooMany) => Err(check.error(
                text,
                format!("the regions that rules name have more than {MAX_NETWORKS} networks"),
                "name fewer regions, or use a database of countries alone",
            )),
        }
    }

    /// Networks of the regions that a rule names.
    pub(super) fn networks(
        &self,
        check: &mut Check<'_>,
        texts: &[At<String>],
    ) -> Checked<Vec<IpNet>> {
        let lists = super::all(texts.iter().map(|text| {
            let code = check.value(text, value::region::code)?;
            let networks = self.0.get(&code).map(Vec::as_slice).unwrap_or_default();
            if networks.is_empty() {
                check.warning(
                    text,
                    format!("the region database has no network of {}", quote(text)),
                    "write a code of ISO 3166-1, as `\"DE\"`, that the database knows",
                );
            }
            Ok(networks)
        }))?;
        Ok(lists.concat())
    }
}

enum Unfit {
    Database(MaxMindDbError),
    TooMany,
}

fn collect(octets: &[u8], wanted: &mut BTreeMap<String, Vec<IpNet>>) -> Result<(), Unfit> {
    let reader = Reader::from_source(octets).map_err(Unfit::Database)?;
    let all = reader
        .networks(WithinOptions::default())
        .map_err(Unfit::Database)?;
    // Records are shared by many networks.
    let mut codes: HashMap<usize, Option<String>> = HashMap::new();
    let mut networks = 0;
    for found in all {
        let found = found.map_err(Unfit::Database)?;
        let Some(offset) = found.offset() else {
            continue;
        };
        let code = match codes.entry(offset) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let record: Option<Record<'_>> = found.decode().map_err(Unfit::Database)?;
                new.insert(record.and_then(|record| record.code().map(str::to_ascii_uppercase)))
            }
        };
        let Some(list) = code.as_ref().and_then(|code| wanted.get_mut(code)) else {
            continue;
        };
        let network = found.network().map_err(Unfit::Database)?;
        let (address, prefix): (IpAddr, u8) = (network.ip(), network.prefix());
        if let Ok(network) = IpNet::new(address, prefix) {
            list.push(network.trunc());
            networks += 1;
        }
        if networks > MAX_NETWORKS {
            return Err(Unfit::TooMany);
        }
    }
    for list in wanted.values_mut() {
        *list = IpNet::aggregate(list);
    }
    Ok(())
}
