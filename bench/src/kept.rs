//! Results that are kept between sections and the report.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Keeps a result in a folder of `target/`.
pub(crate) fn save(folder: &str, name: &str, result: &impl Serialize) -> Result<()> {
    fs::create_dir_all(folder)?;
    Ok(fs::write(path(folder, name), serde_json::to_vec(result)?)?)
}

/// The one kept of that name, if there is.
pub(crate) fn of<T: DeserializeOwned>(folder: &str, name: &str) -> Result<Option<T>> {
    let path = path(folder, name);
    match fs::read(&path) {
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text).with_context(|| path.display().to_string())?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn path(folder: &str, name: &str) -> PathBuf {
    Path::new(folder).join(name).with_extension("json")
}
