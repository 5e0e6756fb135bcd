//! A pair in a directory, as cert-manager and others mount it: read again every few seconds, since the kubelet
//! exchanges the files by a symbolic link above them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::known::{Change, Given};
use super::serving::{Pair, PairError};
use crate::tls::cert;
use crate::wire::chain;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file is missing or cannot be read.
    #[error("{0} in --webhook-cert-dir cannot be read")]
    File(PathBuf, #[source] io::Error),
    /// The pair cannot be served.
    #[error("the pair in --webhook-cert-dir {0}")]
    Pair(PathBuf, #[source] PairError),
}

#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
}

/// Tells what stands in the directory, and again when that changes. Files that cannot be used leave the pair before
/// them in use.
pub fn start(path: PathBuf, sender: UnboundedSender<Change>) {
    tokio::spawn(async move {
        let (mut last, mut told) = (None, None);
        while !sender.is_closed() {
            match look(&path, &mut last) {
                Ok(None) => {}
                Ok(Some(given)) => {
                    told = None;
                    drop(sender.send(Change::Files(Box::new(given))));
                }
                Err(error) => {
                    let error = chain(&error);
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(error, "the webhooks' certificate is not reloaded");
                    }
                    told = Some(error);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// What stands there now; none when it is what stood there last.
fn look(path: &Path, last: &mut Option<Files>) -> Result<Option<Given>, DirectoryError> {
    let files = read(path)?;
    if last.as_ref() == Some(&files) {
        return Ok(None);
    }
    let pair = Pair::read(&files.certificate, &files.key);
    let pair = pair.map_err(|error| DirectoryError::Pair(path.to_owned(), error))?;
    let bundle = cert::bundle(&files.authority);
    *last = Some(files);
    Ok(Some(Given { pair, bundle }))
}

fn read(path: &Path) -> Result<Files, DirectoryError> {
    let file = |name: &str| {
        let path = path.join(name);
        std::fs::read(&path).map_err(|error| DirectoryError::File(path, error))
    };
    let authority = match file("ca.crt") {
        Err(DirectoryError::File(_, error)) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    Ok(Files { certificate: file("tls.crt")?, key: file("tls.key")?, authority })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::tls::cert::data;
    use crate::webhook::keys::empty;
    use crate::webhook::keys::tests::{maker, request};

    fn secret() -> Value {
        maker(&request(), Timestamp::now()).begin(empty("kserve")).unwrap()
    }

    fn write(folder: &Path, secret: &Value, names: &[&str]) {
        for name in names {
            fs::write(folder.join(name), data(secret, name).unwrap()).unwrap();
        }
    }

    #[test]
    fn files_are_told_when_they_change_and_only_when_they_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (mut last, one, two) = (None, secret(), secret());
        let missing = look(folder, &mut last).err().unwrap().to_string();
        assert!(missing.contains("tls.crt in --webhook-cert-dir cannot be read"), "{missing}");
        write(folder, &one, &["tls.crt", "tls.key"]);
        let first = look(folder, &mut last).unwrap().unwrap();
        assert!(first.bundle.is_empty(), "ca.crt is optional");
        assert!(look(folder, &mut last).unwrap().is_none());
        write(folder, &two, &["tls.crt"]);
        assert!(matches!(look(folder, &mut last), Err(DirectoryError::Pair(..))), "half written");
        write(folder, &two, &["tls.key", "ca.crt"]);
        let second = look(folder, &mut last).unwrap().unwrap();
        assert!(second.pair.id != first.pair.id && second.bundle.len() == 1);
    }
}
