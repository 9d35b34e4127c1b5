//! A vault that is not honest: over TLS, it says to each request what it was told to say.

use rcgen::{CertificateParams, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use url::Url;

pub struct Fake {
    pub url: Url,
    pub ca: PathBuf,
    /// What came, without what followed the headers.
    pub asked: Arc<Mutex<Vec<String>>>,
    _dir: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// The answers in order, the last of them for ever; `{url}` in them is the fake's own.
    pub async fn start(answers: Vec<String>) -> Fake {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = certificate.self_signed(&key).expect("a certificate").pem();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ca = dir.path().join("fake.pem");
        std::fs::write(&ca, &certificate).expect("a file");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let tls = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).expect("a certificate")));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let answers = answers.into_iter().map(|answer| answer.replace("{url}", &url)).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, tls, Arc::new(answers), asked.clone()));
        Fake { url: url.parse().expect("a URL"), ca, asked, _dir: dir, task }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, answers: Arc<Vec<String>>, asked: Arc<Mutex<Vec<String>>>) {
    let at = Arc::new(AtomicUsize::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answers, asked, at) = (tls.clone(), answers.clone(), asked.clone(), at.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = tls.accept(stream).await else { return };
            let mut request = Vec::new();
            while let Ok(1..) = stream.read_buf(&mut request).await {
                if request.windows(4).any(|part| part == b"\r\n\r\n") {
                    break;
                }
            }
            asked.lock().expect("no panic").push(String::from_utf8_lossy(&request).into_owned());
            let answer = &answers[at.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        });
    }
}

/// An answer with that status, that header, and that body.
pub fn answer(status: &str, header: &str, body: &str) -> String {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    format!("HTTP/1.1 {status}\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

pub fn trusting(ca: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("a good one");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions");
    config.with_root_certificates(roots).with_no_client_auth()
}
