//! The certificate of the Blob endpoint, where it is served over HTTPS, and the authorities that copy sources are trusted by.

use crate::fault::Fault;
use greenroom_gateway::Wire;
use greenroom_gateway::rustls::crypto::ring;
use greenroom_gateway::rustls::pki_types::pem::PemObject as _;
use greenroom_gateway::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use greenroom_gateway::rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

/// What HTTP clients of this process are built from: all its TLS is by one library, which has to be told once.
pub fn http() -> reqwest::ClientBuilder {
    // An error means that it has been told.
    let _ = ring::default_provider().install_default();
    reqwest::Client::builder()
}

pub fn wire(certificate: Option<&Path>, key: Option<&Path>) -> Result<Wire, Fault> {
    let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(Wire::Plain) };
    let fault = |file: &Path, why: String| Fault::Tls { file: file.to_owned(), why };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| fault(certificate, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| fault(certificate, error.to_string()))?;
    Ok(Wire::Tls(Arc::new(config)))
}

/// Trusts the system's authorities, and those in a file of the operator's.
pub fn trust(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, Fault> {
    let mut roots = RootCertStore::empty();
    // A system without authorities is one that fetches from nobody but the operator's own.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = authorities {
        let fault = |why: String| Fault::Authorities { file: file.to_owned(), why };
        let own = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let own = own.map_err(|error| fault(error.to_string()))?;
        if own.is_empty() {
            return Err(fault("it holds no certificate".to_owned()));
        }
        for certificate in own {
            roots.add(certificate).map_err(|error| fault(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| Fault::Trust(error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
