//! Where configuration and TLS meet: what is wrong with a file is told at the setting that names it.

use std::path::Path;
use std::time::SystemTime;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::silent;
use crate::config::plan::Plan;
use crate::config::{
    self, ConfigError, Diagnostics, Finding, Loaded, MembersLater, Resolve, SystemResolver,
};
use crate::tls::{Profiles, TlsError};

/// A configuration file with all files that its TLS profiles name.
pub(crate) struct Configuration {
    pub(crate) loaded: Loaded,
    pub(crate) profiles: Profiles,
    /// About the files of TLS profiles.
    pub(crate) warnings: Diagnostics,
}

impl Configuration {
    /// For use: hosts of members are not looked up yet. Blocks.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::read(file, false)
    }

    /// For a look: told what time alone will bring, too, which a running daemon tells itself.
    pub(crate) fn check(file: &Path) -> Result<Self, ConfigError> {
        Self::read(file, true)
    }

    fn read(file: &Path, expiring: bool) -> Result<Self, ConfigError> {
        let resolver: &dyn Resolve = if expiring {
            &SystemResolver
        } else {
            &MembersLater
        };
        let loaded = config::load_with(file, resolver)?;
        keep_secrets(&loaded.plan);
        let errors = |errors: Vec<TlsError>| {
            let errors: Vec<Finding> = errors.iter().map(Finding::from).collect();
            loaded.diagnose(errors, [])
        };
        let (profiles, mut warnings) = match Profiles::load(&loaded.plan) {
            Ok(read) => read,
            Err(found) => {
                let told = errors(found);
                return Err(ConfigError::Invalid(told.unwrap_or_else(|told| told)));
            }
        };
        if expiring {
            warnings.extend(profiles.expiring(SystemTime::now()));
        }
        let silent = if expiring {
            silent::warnings(&loaded.plan)
        } else {
            Vec::new()
        };
        let warnings = warnings.iter().map(Finding::from).chain(silent);
        let warnings = loaded.diagnose([], warnings);
        Ok(Self {
            profiles,
            warnings: warnings.map_err(ConfigError::Invalid)?,
            loaded,
        })
    }
}

/// Before any key is read: keeps what this process holds out of core dumps and from debuggers of
/// the same user (prctl(2), `PR_SET_DUMPABLE`).
fn keep_secrets(plan: &Plan) {
    let own = plan
        .server_tls
        .iter()
        .any(|profile| profile.certificate.is_some());
    if !own && plan.client_tls.is_empty() {
        return;
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!("private keys can get into core dumps: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

    use super::Configuration;

    const SERVER: &str = "[[virtual_server]]\nname = \"mx\"\nlisten = [\"127.0.0.1:465\"]\n\
        pool = \"p\"\n[[pool]]\nname = \"p\"\nmembers = [\"127.0.0.1:26\"]\n";

    /// In one test, because it is of the whole process.
    #[test]
    fn keys_are_kept_from_core_dumps_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("smtp-lb.toml");
        set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
        fs::write(&file, SERVER).unwrap();
        assert!(Configuration::load(&file).is_ok());
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);

        // Its files need not even exist.
        let profile = "[[client_tls]]\nname = \"public\"\ncertificate = \"/nonexistent/mx.pem\"\n\
            key = \"file:/nonexistent/mx.key\"\n";
        fs::write(&file, format!("{SERVER}{profile}")).unwrap();
        let error = Configuration::load(&file).err().expect("no files");
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);

        let text = error.to_string();
        for said in [
            "error: client_tls \"public\", certificate: /nonexistent/mx.pem does not exist",
            "smtp-lb.toml:10:15",
            "client_tls \"public\", key: /nonexistent/mx.key does not exist",
            "smtp-lb.toml:11:7",
            "= help: give the path of a file that exists",
        ] {
            assert!(text.contains(said), "{text}");
        }
    }
}
