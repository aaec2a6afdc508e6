//! Secrets and files of ours that a probe needs, read anew each time.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Cause;
use crate::config::plan::{Secret, Setting};
use crate::smtp::show;

/// Largest secret, in octets.
const MAX_SECRET: usize = 4096;
/// Characters of a path in a message.
const SHOWN: usize = 200;
/// What stands for a secret.
pub(super) const HIDDEN: &str = "********";

/// Octets that are zeroed when they are done with.
pub(super) type Octets = Zeroizing<Vec<u8>>;

/// Reads a secret. The newline that editors leave at the end of a file is not of it.
pub(super) async fn secret(secret: &Secret) -> Result<Octets, Cause> {
    let mut octets = match secret {
        Secret::File(path) => file(path, MAX_SECRET).await?,
        Secret::Env(name) => match std::env::var_os(name) {
            Some(value) => Zeroizing::new(value.into_encoded_bytes()),
            None => return Err(unreadable(name, "it is not in the environment")),
        },
    };
    if octets.last() == Some(&b'\n') {
        octets.pop();
        if octets.last() == Some(&b'\r') {
            octets.pop();
        }
    }
    Ok(octets)
}

/// Reads what may be a secret, and tells whether it is one.
pub(super) async fn setting(setting: &Setting) -> Result<(Octets, bool), Cause> {
    match setting {
        Setting::Text(text) => Ok((Zeroizing::new(text.clone().into_bytes()), false)),
        Setting::Secret(from) => Ok((secret(from).await?, true)),
    }
}

/// Reads a regular file of at most `limit` octets.
pub(super) async fn file(path: &Path, limit: usize) -> Result<Octets, Cause> {
    let shown = path.display().to_string();
    let path = PathBuf::from(path);
    let read = tokio::task::spawn_blocking(move || bounded(&path, limit)).await;
    match read {
        Ok(Ok(octets)) if octets.len() <= limit => Ok(octets),
        Ok(Ok(_)) => Err(unreadable(
            &shown,
            &format!("it is larger than {limit} octets"),
        )),
        Ok(Err(error)) => Err(unreadable(&shown, &error.kind().to_string())),
        Err(error) => Err(unreadable(&shown, &error.to_string())),
    }
}

fn bounded(path: &Path, limit: usize) -> io::Result<Octets> {
    // Before it is opened: to open a pipe may wait for ever.
    if !path.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Of its full size at once: a vector that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(limit + 64));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut octets)?;
    Ok(octets)
}

fn unreadable(name: &str, why: &str) -> Cause {
    Cause::Unreadable {
        name: show(name.as_bytes(), SHOWN),
        why: show(why.as_bytes(), SHOWN),
    }
}

/// Writes [`HIDDEN`] over all `secrets` in foreign text.
pub(super) fn hide(text: &mut Vec<u8>, secrets: &[Octets]) {
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&text[from..], secret) {
            let at = from + at;
            text.splice(at..at + secret.len(), HIDDEN.bytes());
            from = at + HIDDEN.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_overwritten_wherever_they_stand() {
        let secrets = [&b"pw"[..], b"", b"cHc="].map(|secret| Zeroizing::new(secret.to_vec()));
        let mut text = b"pw said cHc= and pwpw".to_vec();
        hide(&mut text, &secrets);
        assert_eq!(text, b"******** said ******** and ****************");
        let mut text = b"nothing".to_vec();
        hide(&mut text, &secrets);
        assert_eq!(text, b"nothing");
    }

    #[tokio::test]
    async fn files_are_bounded_and_their_last_newline_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = async |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            let octets = secret(&Secret::File(path.clone())).await;
            octets
                .map(|octets| octets.to_vec())
                .map_err(|e| e.to_string())
        };
        assert_eq!(read(b"pw\n").await.unwrap(), b"pw");
        assert_eq!(read(b"pw \n\r\n").await.unwrap(), b"pw \n");
        let error = read(&[b'x'; 4097]).await.unwrap_err();
        assert!(error.contains("larger than 4096"), "{error}");
        let error = secret(&Secret::File(folder.path().into()))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("invalid"), "{error}");
        let gone = Secret::File(folder.path().join("gone"));
        let error = secret(&gone).await.unwrap_err().to_string();
        assert!(error.ends_with("gone: entity not found"), "{error}");
        let unset = Secret::Env("SMTP_LB_TEST_UNSET".into());
        let error = secret(&unset).await.unwrap_err().to_string();
        assert!(error.contains("not in the environment"), "{error}");
    }
}
