//! An authority as `greenroom-stack ca` makes it, and a CONNECT proxy behind which the stack is what clients take for Azure.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The authority's certificate, and a certificate with its key for a stack that stands in for Azure.
pub struct Authority {
    dir: TempDir,
}

impl Authority {
    pub fn make() -> Authority {
        let authority = Authority { dir: tempfile::tempdir().expect("a temporary folder") };
        let made = authority.ca(&["make", "--azure"], None);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        authority
    }

    /// `greenroom-stack ca` over this folder, with another folder first among those where programs are looked for.
    pub fn ca(&self, arguments: &[&str], first: Option<&Path>) -> Output {
        let mut ca = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
        ca.arg("ca").args(arguments).arg("--dir").arg(self.folder()).stdin(Stdio::null()).env_clear();
        let usual = "/usr/bin:/bin:/usr/sbin:/sbin";
        ca.env("PATH", first.map_or_else(|| usual.to_owned(), |first| format!("{}:{usual}", first.display())));
        ca.output().expect("it runs")
    }

    pub fn certificate(&self) -> String {
        self.file("authority.pem")
    }

    /// What makes a stack serve HTTPS.
    pub fn arguments(&self) -> [String; 4] {
        let [cert, key] = ["--tls-cert", "--tls-key"].map(str::to_owned);
        [cert, self.file("certificate.pem"), key, self.file("key.pem")]
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("a plain path").to_owned()
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
