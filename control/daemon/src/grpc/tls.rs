//! Certificates: read at start, and read again when their files change.
//!
//! Invariant: files that cannot be read change nothing; the certificates before stay in use until they can.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};

/// Files of the server's side of TLS, all PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate and those between it and its root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The roots of clients' certificates. Given, every client has to have one.
    pub client_ca: Option<PathBuf>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{path}: {wanted}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// Why it does not.
        error: String,
    },
    /// They do not fit each other.
    #[error("{certificate} and {key} cannot be used together: {error}", certificate = certificate.display(), key = key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        error: rustls::Error,
    },
}

fn certificates(path: &Path, wanted: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |error: String| TlsError::File { path: path.to_owned(), wanted, error };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(fail("there is none in it".to_owned())),
        false => Ok(certificates),
    }
}

/// The roots in a file.
///
/// # Errors
/// If the file holds no certificates that can be roots.
pub fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let wanted = "expected root certificates as PEM";
    let mut store = RootCertStore::empty();
    for certificate in certificates(path, wanted)? {
        store.add(certificate).map_err(|error| TlsError::File {
            path: path.to_owned(),
            wanted,
            error: error.to_string(),
        })?;
    }
    Ok(store)
}

/// A certificate with those above it, and its key.
///
/// # Errors
/// If a file holds nothing of the kind.
pub fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = certificates(certificate, "expected a certificate as PEM")?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::File {
        path: key.to_owned(),
        wanted: "expected a private key as PEM",
        error: error.to_string(),
    })?;
    Ok((chain, key))
}

impl TlsFiles {
    fn load(&self) -> Result<ServerConfig, TlsError> {
        let (chain, key) = identity(&self.certificate, &self.key)?;
        let pair =
            |error| TlsError::Pair { certificate: self.certificate.clone(), key: self.key.clone(), error };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::File {
                    path: path.clone(),
                    wanted: "expected root certificates as PEM",
                    error: error.to_string(),
                })?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// When they were last written, for what can be told of them.
    fn times(&self) -> Vec<Option<SystemTime>> {
        let paths = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        paths.into_iter().flatten().map(modified).collect()
    }
}

/// The certificates in use.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<Vec<Option<SystemTime>>>,
}

impl Certificates {
    pub(crate) fn load(files: TlsFiles) -> Result<Certificates, TlsError> {
        let seen = Mutex::new(files.times());
        let current = ArcSwap::from_pointee(files.load()?);
        Ok(Certificates { files, current, seen })
    }

    /// For the next connection.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files again if one of them is newer, or if `always`. Whether it did.
    pub(crate) fn refresh(&self, always: bool) -> Result<bool, TlsError> {
        let times = self.files.times();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !always && *seen == times {
            return Ok(false);
        }
        // Said once for each change: files that are written one after the other are complete at the last.
        *seen = times;
        self.current.store(Arc::new(self.files.load()?));
        Ok(true)
    }
}
