//! The file that lets a pager go on after its restart: the alerts and the events, as one
//! JSON document. Bounded as they are; replaced as a whole, so that it is never half
//! written. What is in them is [`store`](super::store)'s matter.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::Mutex;

use super::pager::Pager;
use super::store::{MAX_BYTES, Saved};

/// A larger file is none of ours: alerts, their group's names and the events.
const MAX_FILE_BYTES: u64 = 8 * MAX_BYTES as u64;

/// The version of the document.
const VERSION: u32 = 1;

/// Why a pager has no history.
#[derive(Debug, Error)]
#[error("--history {}: {error}; name a file in a directory that this user may write to", .path.display())]
pub struct HistoryError {
    path: PathBuf,
    error: io::Error,
}

/// Where the history is, and who may write it.
#[derive(Debug)]
pub(super) struct History {
    path: PathBuf,
    writing: Mutex<()>,
}

#[derive(Deserialize, Serialize)]
struct Document {
    version: u32,
    /// Seconds since the Unix epoch.
    written: u64,
    #[serde(flatten)]
    saved: Saved,
}

impl History {
    /// Reads what is there, and how long ago it was written. A file that cannot be
    /// understood is set aside, as `FILE.damaged`, and said in the log; without one the
    /// pager begins anew.
    ///
    /// # Errors
    ///
    /// If the file can neither be read nor replaced.
    pub(super) fn open(path: &Path) -> Result<(Self, (Saved, Duration)), HistoryError> {
        let failed = |error| HistoryError {
            path: path.to_owned(),
            error,
        };
        let history = Self {
            path: path.to_owned(),
            writing: Mutex::default(),
        };
        let read = match read(path) {
            Ok(document) => document,
            Err(Trouble::Io(error)) => return Err(failed(error)),
            Err(Trouble::Damaged(reason)) => {
                let aside = history.beside(".damaged");
                fs::rename(path, &aside).map_err(failed)?;
                tracing::warn!(
                    file = %path.display(),
                    set_aside = %aside.display(),
                    %reason,
                    "the history is damaged; beginning a new one"
                );
                None
            }
        };
        let (saved, ago) = read.map_or_else(Default::default, |document| {
            let written = UNIX_EPOCH + Duration::from_secs(document.written);
            // Zero if the clock was set back.
            let ago = SystemTime::now().duration_since(written);
            (document.saved, ago.unwrap_or_default())
        });
        // Better to fail now than with the first alert.
        let document = Document::new(saved);
        history.write(&document).map_err(failed)?;
        Ok((history, (document.saved, ago)))
    }

    /// Saves what has changed, after whoever is doing so already. What cannot be saved is
    /// said in the log and tried again the next time.
    pub(super) async fn save(self: &Arc<Self>, pager: &Pager) {
        let _one_at_a_time = self.writing.lock().await;
        let Some(saved) = pager.to_save() else { return };
        let history = Arc::clone(self);
        let written =
            tokio::task::spawn_blocking(move || history.write(&Document::new(saved))).await;
        let error = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => io::Error::other(panic),
        };
        pager.not_saved();
        tracing::warn!(file = %self.path.display(), %error, "the history was not written");
    }

    fn write(&self, document: &Document) -> io::Result<()> {
        let new = self.beside(".new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(document)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

impl Document {
    fn new(saved: Saved) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            version: VERSION,
            written: now.unwrap_or_default().as_secs(),
            saved,
        }
    }
}

enum Trouble {
    Io(io::Error),
    Damaged(String),
}

fn read(path: &Path) -> Result<Option<Document>, Trouble> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Trouble::Io(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(Trouble::Io)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let reason = format!("it has more than {MAX_FILE_BYTES} bytes");
        return Err(Trouble::Damaged(reason));
    }
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|error| Trouble::Damaged(error.to_string()))?;
    if document.version != VERSION {
        let reason = format!("it is of version {}, not {VERSION}", document.version);
        return Err(Trouble::Damaged(reason));
    }
    Ok(Some(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let name = format!("golden-pager-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
        let directory = directory("damaged");
        let path = directory.join("pager.json");
        let (_, (first, _)) = History::open(&path).unwrap();
        assert_eq!(first, Saved::default());
        let whole = fs::read(&path).unwrap();
        let large = vec![b' '; usize::try_from(MAX_FILE_BYTES).unwrap() + 1];
        for damaged in [
            &whole[..whole.len() / 2],
            b"",
            br#"{"version":9,"written":0,"groups":[],"events":[]}"#,
            large.as_slice(),
        ] {
            fs::write(&path, damaged).unwrap();
            History::open(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap().len(), whole.len());
            let aside = directory.join("pager.json.damaged");
            assert_eq!(fs::read(&aside).unwrap(), damaged);
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_said_at_once() {
        let directory = directory("missing");
        let path = directory.join("nowhere/pager.json");
        let error = History::open(&path).unwrap_err().to_string();
        assert!(error.starts_with("--history "), "{error}");
        assert!(
            error.contains("nowhere/pager.json: No such file"),
            "{error}"
        );
        assert!(error.contains("may write to"), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
