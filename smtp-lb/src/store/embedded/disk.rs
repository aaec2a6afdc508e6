//! The file.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition,
};

use super::{Entry, Key};
use crate::store::entry::OCTETS;

const ENTRIES: TableDefinition<'_, &str, [u8; OCTETS]> = TableDefinition::new("entries");
/// Entries of one transaction. What a transaction changes is written anew beside what was there: a
/// small one leaves the file small.
const TRANSACTION: usize = 4096;
/// Octets of the file in memory. It is read once, and written in passing.
const CACHE: usize = 16 << 20;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the file open.
    #[error("{}: another process has it open", .0.display())]
    Taken(PathBuf),
    /// The file cannot be opened, made or set aside.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no room for a thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

#[derive(Debug)]
pub(super) struct Disk {
    database: Database,
}

/// A file, read.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// `None`: there is no file.
    pub(super) disk: Option<Disk>,
    pub(super) entries: Vec<(Key, Entry)>,
    /// A broken one was put out of its way.
    pub(super) set_aside: bool,
}

/// What a file holds, or why it is no good.
enum Read {
    Good(Disk, Vec<(Key, Entry)>),
    Broken,
    Cannot(OpenError),
}

impl Disk {
    /// Opens the file and reads all of it.
    pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
        let opened = |disk, entries, set_aside| Opened {
            disk: Some(disk),
            entries,
            set_aside,
        };
        match read(path) {
            Read::Good(disk, entries) => return Ok(opened(disk, entries, false)),
            Read::Cannot(error) => return Err(error),
            Read::Broken => {}
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(".broken");
        let failed = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        std::fs::rename(path, aside).map_err(failed)?;
        match read(path) {
            Read::Good(disk, entries) => Ok(opened(disk, entries, true)),
            Read::Cannot(error) => Err(error),
            Read::Broken => Err(failed(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Writes a batch, and takes out of it what is on the disk; whether that is all.
    pub(super) fn write(&self, batch: &mut HashMap<Key, Option<Entry>>) -> bool {
        // In their order, so that few pages are touched.
        let mut keys: Vec<Key> = batch.keys().cloned().collect();
        keys.sort_unstable();
        for keys in keys.chunks(TRANSACTION) {
            let written = catch_unwind(AssertUnwindSafe(|| self.transaction(keys, batch)));
            if !matches!(written, Ok(Ok(()))) {
                return false;
            }
            for key in keys {
                batch.remove(key);
            }
        }
        true
    }

    fn transaction(
        &self,
        keys: &[Key],
        batch: &HashMap<Key, Option<Entry>>,
    ) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            for key in keys {
                match batch.get(key).copied().flatten() {
                    Some(entry) => table.insert(key.as_str(), entry.to_octets())?,
                    None => table.remove(key.as_str())?,
                };
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// redb finds what is broken by an error or by a panic.
fn read(path: &Path) -> Read {
    catch_unwind(|| {
        let database = match Builder::new().set_cache_size(CACHE).create(path) {
            Ok(database) => database,
            Err(error) => return refusal(path, error),
        };
        match entries(database) {
            Ok((database, entries)) => Read::Good(Disk { database }, entries),
            Err(_) => Read::Broken,
        }
    })
    .unwrap_or(Read::Broken)
}

fn entries(mut database: Database) -> Result<(Database, Vec<(Key, Entry)>), redb::Error> {
    // Checksums of all pages: what is wrong is to be found now, and not by a session.
    database.check_integrity()?;
    let making = database.begin_write()?;
    making.open_table(ENTRIES)?;
    making.commit()?;
    let transaction = database.begin_read()?;
    let table = transaction.open_table(ENTRIES)?;
    let mut entries = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        if let Some(entry) = Entry::from_octets(&value.value()) {
            entries.push((Key::new(key.value()), entry));
        }
    }
    drop(table);
    drop(transaction);
    Ok((database, entries))
}

/// A file that is not there for us is not broken.
fn refusal(path: &Path, error: DatabaseError) -> Read {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => Read::Cannot(OpenError::Taken(path)),
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(
                source.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            Read::Cannot(OpenError::Io { path, source })
        }
        _ => Read::Broken,
    }
}
