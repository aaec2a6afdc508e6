//! Secrets and files of ours that a probe needs, read anew each time.

use std::path::Path;

use zeroize::Zeroizing;

use super::Cause;
use crate::config::plan::{Secret, Setting};
use crate::secret::{self, Unreadable};

/// Largest secret, in octets.
const MAX_SECRET: u64 = 4096;
/// What stands for a secret.
pub(super) const HIDDEN: &str = "********";

/// Octets that are zeroed when they are done with.
pub(super) type Octets = Zeroizing<Vec<u8>>;

/// Reads a secret. The newline that editors leave at the end of a file is not of it.
pub(super) async fn secret(from: &Secret) -> Result<Octets, Cause> {
    let from = from.clone();
    read(move || secret::password(&from, MAX_SECRET)).await
}

/// Reads what may be a secret, and tells whether it is one.
pub(super) async fn setting(setting: &Setting) -> Result<(Octets, bool), Cause> {
    match setting {
        Setting::Text(text) => Ok((Zeroizing::new(text.clone().into_bytes()), false)),
        Setting::Secret(from) => Ok((secret(from).await?, true)),
    }
}

/// Reads a regular file of at most `limit` octets.
pub(super) async fn file(path: &Path, limit: u64) -> Result<Octets, Cause> {
    let path = path.to_path_buf();
    read(move || secret::file(&path, limit)).await
}

/// Off the runtime's threads: a disk may take its time.
async fn read(
    what: impl FnOnce() -> Result<Octets, Unreadable> + Send + 'static,
) -> Result<Octets, Cause> {
    tokio::task::spawn_blocking(what)
        .await
        .map_err(|_| Cause::Interrupted)?
        .map_err(Cause::Unreadable)
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
        assert!(error.contains("is larger than 4 KiB"), "{error}");
        let error = secret(&Secret::File(folder.path().into()))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
        let gone = Secret::File(folder.path().join("gone"));
        let error = secret(&gone).await.unwrap_err().to_string();
        assert!(error.ends_with("gone does not exist"), "{error}");
        let unset = Secret::Env("SMTP_LB_TEST_UNSET".into());
        let error = secret(&unset).await.unwrap_err().to_string();
        assert!(
            error.contains("has no variable SMTP_LB_TEST_UNSET"),
            "{error}"
        );
    }
}
