//! Whose certificates are taken.

use super::VaultError;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// Trusts the authorities in the file and no others, or the system's.
pub fn config(authorities: Option<&Path>) -> Result<ClientConfig, VaultError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let fault = |why: String| VaultError::Bad(format!("authorities in {}: {why}", file.display()));
            let own = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            for certificate in own.map_err(|error| fault(error.to_string()))? {
                roots.add(certificate).map_err(|error| fault(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(fault("it holds no certificate".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| VaultError::Bad(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A proxy leads away from this machine.
pub fn is_here(vault: &Url) -> bool {
    match vault.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
