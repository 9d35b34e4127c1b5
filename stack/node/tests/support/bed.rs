//! What AzCopy's scenarios stand on.

use super::azcopy::AzCopy;
use super::{ACCOUNT, CONTAINER, Stack, header, send};
use tempfile::TempDir;

/// The real AzCopy, a stack and a local folder, and what goes between them.
pub struct Bed {
    pub azcopy: AzCopy,
    pub stack: Stack,
    pub local: TempDir,
    sas: String,
}

impl Bed {
    pub async fn new() -> Bed {
        let stack = Stack::with_container().await;
        let sas = stack.sas(None, "rwdlact").await;
        Bed { azcopy: AzCopy::find(), local: tempfile::tempdir().expect("a folder"), sas, stack }
    }

    /// Of a local file.
    pub fn path(&self, path: &str) -> String {
        self.local.path().join(path).to_str().expect("UTF-8").to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{ACCOUNT}/{CONTAINER}/{path}?{}", self.stack.ready.blob, self.sas)
    }

    pub async fn up(&self, from: &str, to: &str, flags: &[&str]) {
        let (from, to) = (self.path(from), self.url(to));
        self.azcopy.run(&[&["copy", &from, &to, "--from-to=LocalBlob"], flags].concat()).await;
    }

    pub async fn down(&self, from: &str, to: &str, flags: &[&str]) {
        let (from, to) = (self.url(from), self.path(to));
        self.azcopy.run(&[&["copy", &from, &to, "--from-to=BlobLocal"], flags].concat()).await;
    }

    /// The names below a prefix of the container, without it.
    pub async fn below(&self, prefix: &str) -> Vec<String> {
        self.stack.names_below(ACCOUNT, CONTAINER, prefix).await
    }

    /// A header of a blob's properties.
    pub async fn head(&self, blob: &str, name: &str) -> String {
        header(&send(&self.stack, "HEAD", &format!("{CONTAINER}/{blob}"), &[], "").await, name)
    }

    pub async fn content(&self, blob: &str) -> Vec<u8> {
        let got = send(&self.stack, "GET", &format!("{CONTAINER}/{blob}"), &[], "").await;
        assert_eq!(got.status(), 200, "{blob}");
        got.bytes().await.expect("its content").to_vec()
    }
}
