//! A throwaway certificate authority, and a CONNECT proxy behind which the stack is what clients take for Azure.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The authority's certificate, and a certificate with its key for a stack that stands in for Azure.
pub struct Authority {
    dir: TempDir,
}

impl Authority {
    pub fn make() -> Authority {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "Greenroom's tests");
        let key = KeyPair::generate().expect("a key");
        std::fs::write(dir.path().join("authority.pem"), params.self_signed(&key).expect("a certificate").pem())
            .expect("written");
        let names = ["*.blob.core.windows.net", "localhost", "127.0.0.1"].map(str::to_owned);
        let leaf = CertificateParams::new(names).expect("good names");
        let leaf_key = KeyPair::generate().expect("a key");
        let certificate = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).expect("a certificate");
        std::fs::write(dir.path().join("certificate.pem"), certificate.pem()).expect("written");
        std::fs::write(dir.path().join("key.pem"), leaf_key.serialize_pem()).expect("written");
        Authority { dir }
    }

    pub fn certificate(&self) -> String {
        self.file("authority.pem")
    }

    /// What makes a stack serve HTTPS.
    pub fn arguments(&self) -> [String; 4] {
        let [cert, key] = ["--tls-cert", "--tls-key"].map(str::to_owned);
        [cert, self.file("certificate.pem"), key, self.file("key.pem")]
    }

    fn file(&self, name: &str) -> String {
        let file: PathBuf = self.dir.path().join(name);
        file.to_str().expect("a plain path").to_owned()
    }
}

/// Leads every `CONNECT` to the stack, whatever host is named. The proxy's URL; it ends with the test's runtime.
pub async fn front(stack: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stack = stack.rsplit('/').next().expect("an address").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stack = stack.clone();
            tokio::spawn(async move {
                // A client that goes away in the middle is no concern of the front's.
                let _ = tunnel(stream, &stack).await;
            });
        }
    });
    format!("http://{address}")
}

async fn tunnel(stream: TcpStream, stack: &str) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let mut line = String::new();
    client.read_line(&mut line).await?;
    assert!(line.starts_with("CONNECT "), "{line}");
    while line.trim_end() != "" {
        line.clear();
        client.read_line(&mut line).await?;
    }
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    let mut server = TcpStream::connect(stack).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}
