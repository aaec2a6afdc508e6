//! Reads a configuration file from disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::diagnostic::{Severity, escape};
use super::{Diagnostics, Loaded, Resolve, SystemResolver, parse};

/// Largest configuration file, in bytes.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Why a file gives no plan.
///
/// Serialized, it is the same list of objects whatever the cause: without `line`, `column` and
/// `text` where the file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be opened or read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// Path as given, escaped.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The path is a folder.
    #[error("{file} is a directory; give the configuration file in it")]
    Directory {
        /// Path as given, escaped.
        file: String,
    },
    /// The file is larger than [`MAX_FILE`].
    #[error("{file} is larger than 16 MiB")]
    TooLarge {
        /// Path as given, escaped.
        file: String,
    },
    /// The file is no UTF-8, as TOML must be.
    #[error("{file} is not UTF-8 text: line {line} has bytes that are none")]
    NotText {
        /// Path as given, escaped.
        file: String,
        /// First such line, from 1.
        line: usize,
    },
    /// The file was read, and is wrong.
    #[error("{0}")]
    Invalid(Diagnostics),
}

/// Reads and compiles a configuration file, looking up host names by the machine's resolver
/// (which blocks).
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    load_with(path, &SystemResolver)
}

/// Reads and compiles a configuration file, looking up host names by `resolver` (which may block).
pub fn load_with(path: &Path, resolver: &dyn Resolve) -> Result<Loaded, ConfigError> {
    let file = path.to_string_lossy();
    let text = read(path, &escape(&file))?;
    parse(&file, &text, resolver).map_err(ConfigError::Invalid)
}

/// Reads the text of a configuration file, or of a part of one.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    read(path, &escape(&path.to_string_lossy()))
}

fn read(path: &Path, file: &str) -> Result<String, ConfigError> {
    let file = || file.to_owned();
    let failed = |source| ConfigError::Read {
        file: file(),
        source,
    };
    let opened = File::open(path).map_err(failed)?;
    if opened.metadata().map_err(failed)?.is_dir() {
        return Err(ConfigError::Directory { file: file() });
    }
    let mut bytes = Vec::new();
    // The length in the metadata is no bound: the file may grow, or be a device.
    opened
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLarge { file: file() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        let line = sound.filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::NotText { file: file(), line }
    })
}

impl ConfigError {
    fn file(&self) -> Option<&str> {
        match self {
            Self::Read { file, .. }
            | Self::Directory { file }
            | Self::TooLarge { file }
            | Self::NotText { file, .. } => Some(file),
            Self::Invalid(_) => None,
        }
    }
}

impl Serialize for ConfigError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Whole<'a> {
            severity: Severity,
            file: Option<&'a str>,
            message: String,
        }

        if let Self::Invalid(diagnostics) = self {
            return diagnostics.serialize(serializer);
        }
        let whole = Whole {
            severity: Severity::Error,
            file: self.file(),
            message: self.to_string(),
        };
        let mut list = serializer.serialize_seq(Some(1))?;
        list.serialize_element(&whole)?;
        list.end()
    }
}
