//! The certificate of the Blob endpoint, where it is served over HTTPS.

use crate::fault::Fault;
use greenroom_gateway::Wire;
use greenroom_gateway::rustls::ServerConfig;
use greenroom_gateway::rustls::crypto::ring;
use greenroom_gateway::rustls::pki_types::pem::PemObject as _;
use greenroom_gateway::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

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
