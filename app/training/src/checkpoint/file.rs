//! One file of a checkpoint: complete or not there, and known to be what was written.
//! Knows nothing of what is in it.
//!
//! ```text
//! "golden-signals checkpoint\n"   26 bytes
//! version                         32 bits, little-endian
//! length of the body in bytes     64 bits, little-endian
//! CRC-32 of the body (IEEE)       32 bits, little-endian
//! body                            Protocol Buffers
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Crc;

const MAGIC: &[u8] = b"golden-signals checkpoint\n";

/// Changes with what is in a body, when an earlier program would misread it.
const VERSION: u32 = 1;

const HEADER_BYTES: usize = MAGIC.len() + 4 + 8 + 4;

/// The extension of what is still being written.
pub(super) const UNFINISHED: &str = "unfinished";

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    /// What is wrong with it.
    Wrong(String),
}

/// The CRC-32 (IEEE) of these bytes: it finds every error of up to 32 bits in a row, and
/// all but one in four billion others.
pub(super) fn checksum(body: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(body);
    crc.sum()
}

/// Writes it under another name first, so that under its own it is whole. Leaves nothing
/// behind if that fails.
pub(super) fn write(path: &Path, body: &[u8]) -> io::Result<u32> {
    let checksum = checksum(body);
    let unfinished = path.with_extension(UNFINISHED);
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&(body.len() as u64).to_le_bytes())?;
        file.write_all(&checksum.to_le_bytes())?;
        file.write_all(body)?;
        // Else the new name could reach the disk before the content.
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        // The name is on the disk when its directory is.
        path.parent()
            .map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    });
    if written.is_err() {
        // It may take what little space there is; it is not there if it could not be made.
        let _ = fs::remove_file(&unfinished);
    }
    written.map(|()| checksum)
}

/// The body and its checksum; `None` where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<(Vec<u8>, u32)>, ReadError> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::Io(error)),
    };
    let known = check(&bytes).map_err(ReadError::Wrong)?;
    Ok(Some((bytes.split_off(HEADER_BYTES), known)))
}

/// The checksum that the header tells, where all of it is right.
fn check(bytes: &[u8]) -> Result<u32, String> {
    if bytes.is_empty() {
        return Err("it is empty (0 bytes)".to_owned());
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(format!(
            "it ends after {} bytes, within its header",
            bytes.len()
        ));
    };
    let Some(rest) = header.strip_prefix(MAGIC) else {
        return Err("it is no checkpoint, or one of before they had versions".to_owned());
    };
    let number = |from: usize, to: usize| {
        let bytes = rest[from..to].iter().rev();
        bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let (version, length, known) = (number(0, 4), number(4, 12), number(12, 16));
    if version != u64::from(VERSION) {
        return Err(format!(
            "it has version {version} of the format, and this program reads version {VERSION}"
        ));
    }
    if length != body.len() as u64 {
        let got = body.len();
        return Err(format!("it has {got} bytes where {length} were written"));
    }
    let checksum = checksum(body);
    if u64::from(checksum) != known {
        return Err(format!(
            "it is damaged: its checksum is {checksum:08x} and should be {known:08x}"
        ));
    }
    Ok(checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &[u8]) -> Vec<u8> {
        let directory = std::env::temp_dir().join(format!("checkpoint-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("whole.checkpoint");
        write(&path, body).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_dir_all(directory).unwrap();
        bytes
    }

    #[test]
    fn each_kind_of_damage_has_its_own_words() {
        let whole = written(b"embeddings");
        assert_eq!(check(&whole), Ok(checksum(b"embeddings")));
        let changed = |place: usize, to: u8| {
            let mut bytes = whole.clone();
            bytes[place] = to;
            bytes
        };
        for (bytes, expected) in [
            (Vec::new(), "it is empty"),
            (whole[..20].to_vec(), "it ends after 20 bytes"),
            (changed(0, b'?'), "it is no checkpoint"),
            (changed(MAGIC.len(), 9), "it has version 9"),
            (whole[..whole.len() - 1].to_vec(), "it has 9 bytes where 10"),
            (changed(HEADER_BYTES, b'?'), "it is damaged"),
        ] {
            let wrong = check(&bytes).unwrap_err();
            assert!(wrong.starts_with(expected), "{wrong}");
        }
    }
}
