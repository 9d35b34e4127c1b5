//! The vault's certificate: one of the operator's, or one that it makes once, signed by an authority that signs nothing else. The
//! authority's key is never written.

use super::clock;
use super::folder::Folder;
use crate::fault::Fault;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What clients are told to trust.
const AUTHORITY: &str = "authority.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// A show's machine is set up once.
const YEARS: i32 = 10;
const YEAR_MS: u64 = 31_556_952_000;

/// The authority to trust, where the vault made one.
pub fn own(folder: &Folder) -> Result<(TlsAcceptor, PathBuf), Fault> {
    let authority = folder.path(AUTHORITY);
    // Written last: without it, the others are what a crash left.
    if !authority.exists() {
        make(folder)?;
    }
    Ok((load(&folder.path(CERTIFICATE), &folder.path(KEY))?, authority))
}

pub fn load(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Fault> {
    let fault = |file: &Path, why: String| Fault::Tls { file: file.to_owned(), why };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| fault(certificate, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| fault(certificate, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn make(folder: &Folder) -> Result<(), Fault> {
    let year = 1970 + i32::try_from(clock::now_ms() / YEAR_MS).unwrap_or(0);
    let (from, until) = (date_time_ymd(year - 1, 1, 1), date_time_ymd(year + YEARS, 1, 1));
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "Greenroom's embedded vault");
    (params.not_before, params.not_after) = (from, until);
    let authority_key = KeyPair::generate()?;
    let authority = params.self_signed(&authority_key)?.pem();
    let mut leaf = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (from, until);
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &Issuer::new(params, authority_key))?.pem();
    let held = folder.hold().map_err(|source| Fault::File { file: folder.path(AUTHORITY), source })?;
    for (name, text) in [(KEY, key.serialize_pem()), (CERTIFICATE, certificate), (AUTHORITY, authority)] {
        let written = folder.write(&held, name, text.as_bytes());
        written.map_err(|source| Fault::File { file: folder.path(name), source })?;
    }
    Ok(())
}
