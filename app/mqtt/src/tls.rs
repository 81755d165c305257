//! TLS to the broker. Certificates are always verified.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Which of the files a [`TlsError::File`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificates that the broker's is verified with.
    Ca,
    /// The client's certificate.
    ClientCertificate,
    /// The client's key.
    ClientKey,
}

impl TlsFile {
    /// What such a file holds.
    #[must_use]
    pub fn contents(self) -> &'static str {
        match self {
            Self::Ca | Self::ClientCertificate => "certificates",
            Self::ClientKey => "a key",
        }
    }
}

/// Why [`Tls`] cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{}: {reason}; expected a PEM file that holds {}", path.display(), file.contents())]
    File {
        /// Which of the files.
        file: TlsFile,
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A client certificate was given without its key, or a key without its
    /// certificate.
    #[error("a client certificate and its key belong together; give both or neither")]
    Incomplete,
    /// There is nothing to verify the broker's certificate with.
    #[error("the system has no root certificates; give a CA certificate")]
    NoRoots,
    /// The client's certificate and key do not match.
    #[error("client certificate and key do not match: {0}; give a certificate and its own key")]
    Mismatch(String),
}

/// The PEM files that a connection is made with.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// What the broker's certificate is verified with; `None` is the system's roots.
    pub ca: Option<PathBuf>,
    /// The client's certificate, where the broker asks for one.
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
}

/// The certificates and keys of [`TlsFiles`], read.
#[derive(Clone)]
pub struct Tls(pub(super) TlsConnector);

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read or used, or one is missing.
    ///
    /// # Panics
    ///
    /// Never: the provider has the ciphers of both versions of TLS.
    pub fn read(&self) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                for certificate in certificates(TlsFile::Ca, path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| unusable(TlsFile::Ca, path, &error))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("this provider has the ciphers of both versions")
            .with_root_certificates(roots);
        let config = match (&self.client_certificate, &self.client_key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let certificates = certificates(TlsFile::ClientCertificate, certificate)?;
                let refused = |error: &dyn Display| unusable(TlsFile::ClientKey, key, error);
                let text = fs::read(key).map_err(|error| refused(&error))?;
                let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| refused(&error))?;
                builder
                    .with_client_auth_cert(certificates, key)
                    .map_err(|error| TlsError::Mismatch(error.to_string()))?
            }
            _ => return Err(TlsError::Incomplete),
        };
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }
}

fn certificates(file: TlsFile, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = fs::read(path).map_err(|error| unusable(file, path, &error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unusable(file, path, &error))?;
    if found.is_empty() {
        return Err(unusable(file, path, &"no certificate in it"));
    }
    Ok(found)
}

fn unusable(file: TlsFile, path: &Path, reason: &dyn Display) -> TlsError {
    TlsError::File {
        file,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
