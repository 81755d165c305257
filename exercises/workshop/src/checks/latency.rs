//! To come.

use std::path::Path;

use crate::finding::Judgement;

/// # Errors
///
/// The first finding.
pub fn check(_program: &Path) -> Judgement {
    Ok(())
}
