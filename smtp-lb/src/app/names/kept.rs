//! The last known addresses of names, for a start that nobody answers.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::config::plan::ADDRESSES;
use crate::dns::Table;
use crate::state::{Folder, StateError};

/// In the state folder.
const FILE: &str = "names.json";
/// Octets of it.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
/// Of the file. Another one is not read.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    names: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    host: String,
    addresses: Vec<IpAddr>,
}

/// Whatever is wrong with the file, names can be asked again: it is set aside.
pub(super) fn read(folder: &Folder) -> Vec<(String, Vec<IpAddr>)> {
    let octets = match folder.read(FILE, FILE_LIMIT) {
        Ok(Some(octets)) => octets,
        Ok(None) => return Vec::new(),
        Err(error) => {
            tracing::warn!("addresses of members' names are not known: {error}");
            return Vec::new();
        }
    };
    let read = serde_json::from_slice::<File>(&octets);
    let Ok(file) = read.map_err(|e| e.to_string()).and_then(|file| {
        let sound = file.version == VERSION;
        sound
            .then_some(file)
            .ok_or_else(|| "another version".to_owned())
    }) else {
        let aside = match folder.set_aside(FILE) {
            Ok(to) => format!("it is kept as {}", to.display()),
            Err(error) => error.to_string(),
        };
        tracing::warn!("the file of members' names makes no sense; {aside}");
        return Vec::new();
    };
    let entries = file.names.into_iter();
    entries
        .map(|mut entry| {
            entry.addresses.truncate(ADDRESSES);
            (entry.host, entry.addresses)
        })
        .collect()
}

pub(super) fn write(folder: &Folder, table: &Table) -> Result<(), StateError> {
    let names = table.iter().filter(|(_, addresses)| !addresses.is_empty());
    let names = names.map(|(host, addresses)| Entry {
        host: host.to_owned(),
        addresses: addresses.iter().copied().take(ADDRESSES).collect(),
    });
    let file = File {
        version: VERSION,
        names: names.collect(),
    };
    // Strings and addresses always can be written.
    let octets = serde_json::to_vec_pretty(&file).unwrap_or_default();
    folder.write(FILE, &octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_written_and_a_corrupt_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert!(read(&folder).is_empty());
        let known = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let names = [
            ("mx.example.org".to_owned(), known),
            ("no.example".to_owned(), vec![]),
        ];
        write(&folder, &Table::remembered(names.clone())).unwrap();
        assert_eq!(read(&folder), names[..1]);
        for text in [
            "",
            "{}",
            "{\"version\":2,\"names\":[]}",
            "{\"version\":1,\"names\":[1]}",
        ] {
            folder.write(FILE, text.as_bytes()).unwrap();
            assert!(read(&folder).is_empty());
            assert!(dir.path().join("names.json.corrupt").exists());
            assert_eq!(folder.read(FILE, FILE_LIMIT).unwrap(), None);
        }
    }
}
