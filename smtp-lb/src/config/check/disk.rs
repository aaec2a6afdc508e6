//! The queue of a log destination on disk.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Check, Checked};
use crate::config::plan::DiskPlan;
use crate::config::raw;
use crate::config::value::{duration, size};

const SIZE: u64 = 1 << 30;
const SIZES: RangeInclusive<u64> = 64 << 10..=1 << 40;
const AGE: Duration = Duration::from_hours(7 * 24);
const AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(365 * 24);
const CONFIRM: Duration = Duration::from_secs(10);
const CONFIRMS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);

pub(super) fn compile(
    check: &mut Check<'_>,
    raw: &raw::Destination,
    state: Option<&Path>,
) -> Checked<Option<DiskPlan>> {
    let Some(disk) = &raw.disk else {
        return Ok(None);
    };
    let size = check.value_or(disk.size.as_ref(), SIZE, |text| size::parse(text, &SIZES));
    let age = check.value_or(disk.age.as_ref(), Some(AGE), |text| match text {
        "none" => Ok(None),
        _ => duration::parse(text, &AGES).map(Some),
    });
    let confirm = check.value_or(disk.confirm.as_ref(), Some(CONFIRM), |text| match text {
        "none" => Ok(None),
        _ => duration::parse(text, &CONFIRMS).map(Some),
    });
    let streams = matches!(
        raw.transport.as_deref(),
        Some(raw::Transport::Tcp | raw::Transport::Tls)
    ) || matches!(
        raw.kind.as_deref(),
        Some(raw::DestinationKind::Hec | raw::DestinationKind::Forward)
    );
    let confirm = match &disk.confirm {
        Some(written) if !streams => {
            let message = "`confirm` means something over TCP, TLS and HTTP only";
            Err(check.error(written, message, "leave `confirm` out"))
        }
        _ => confirm,
    };
    let name = check.name(raw.name.as_ref())?;
    Ok(Some(DiskPlan {
        folder: folder(state.unwrap_or(Path::new("")), &name),
        size: size?,
        age: age?,
        confirm: confirm?,
    }))
}

/// Names may have slashes and dots; names of folders here have none.
fn folder(state: &Path, name: &str) -> PathBuf {
    let mut safe = String::new();
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_".contains(&octet) {
            safe.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(safe, "%{octet:02x}");
        }
    }
    state.join("log").join(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_folder() {
        let path = |name| folder(Path::new("/var/lib/smtp-lb"), name);
        assert_eq!(path("siem-1"), Path::new("/var/lib/smtp-lb/log/siem-1"));
        assert_eq!(path("../a"), Path::new("/var/lib/smtp-lb/log/%2e%2e%2fa"));
    }
}
