//! Why the server could not start or go on, in words that say what to do.

use greenroom_store::StoreError;
use greenroom_tenancy::audit::AuditError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(
        "port {} is taken: `ss -ltnp 'sport = :{}'` shows by which process; or choose another, {flag} {}:0 picks a free one",
        address.port(), address.port(), address.ip()
    )]
    PortTaken { flag: &'static str, address: SocketAddr },
    #[error("cannot listen on {address} ({flag}): {source}")]
    Listen { flag: &'static str, address: SocketAddr, source: io::Error },
    #[error(
        "development accounts are for loopback only, and --blob is {blob}: listen on 127.0.0.1, or leave --dev-account away"
    )]
    DevAccountOffLoopback { blob: SocketAddr },
    #[error("{}", advise(_0))]
    Store(#[from] StoreError),
    #[error("cannot write {}: {source}; give a folder that this user may write to with --data DIR", file.display())]
    Token { file: PathBuf, source: io::Error },
    #[error("cannot use {}: {source}; it holds what was declared of tenants", file.display())]
    Tenants { file: PathBuf, source: io::Error },
    #[error("cannot use {} for HTTPS: {why}; `greenroom-stack ca make` writes a certificate and its key", file.display())]
    Tls { file: PathBuf, why: String },
    #[error("cannot use {} for --copy-source-ca: {why}; give a PEM file of certificates", file.display())]
    Authorities { file: PathBuf, why: String },
    #[error("cannot speak TLS to copy sources: {0}")]
    Trust(String),
    #[error("cannot sign a certificate: {0}; a name is an address, or a host such as localhost or *.blob.localhost")]
    Sign(String),
    #[error("there is an authority in {} already: `ca status` shows it, `ca remove` removes it", _0.display())]
    CaThere(PathBuf),
    #[error("there is no authority in {}: `ca make` makes one", _0.display())]
    CaNone(PathBuf),
    #[error("there is no home folder to keep an authority in: give one with --dir DIR")]
    CaNowhere,
    #[error("cannot use {}: {source}", file.display())]
    Ca { file: PathBuf, source: io::Error },
    #[error("cannot change what the system trusts, at {}: {why}; `ca remove` undoes what was made", store.display())]
    CaStore { store: PathBuf, why: String },
    #[error("cannot offload to {target}: {why}")]
    OffloadTarget { target: String, why: String },
    #[error("cannot rebuild from {target}: {why}")]
    Rebuild { target: String, why: String },
    #[error("cannot use {} as this server's wrapping key: {why}", file.display())]
    NodeKey { file: PathBuf, why: String },
    #[error("{0}")]
    Vault(String),
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot use {} as a secret: {why}", file.display())]
    OffloadSecret { file: PathBuf, why: String },
    #[error("cannot use the policy in {}: {why}; remove the file to begin with the default", file.display())]
    OffloadRules { file: PathBuf, why: String },
    #[error("cannot read the ledger in {}: {source}", dir.display())]
    Ledger { dir: PathBuf, source: io::Error },
    #[error("{0}")]
    Call(String),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("no random numbers from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    #[error("manual pages and completions cannot be written: {0}")]
    Words(#[source] io::Error),
    #[error("cannot wait for signals: {0}")]
    Signal(#[source] io::Error),
    #[error("cannot send spans to {collector}: {why}")]
    Collector { collector: String, why: String },
    #[error("cannot say that the server is ready: {0}")]
    Ready(#[source] io::Error),
}

impl Fault {
    pub fn listen(flag: &'static str, address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Fault::PortTaken { flag, address },
            _ => Fault::Listen { flag, address, source },
        }
    }
}

fn advise(error: &StoreError) -> String {
    let what_to_do = match error {
        StoreError::Locked { pid: Some(pid), .. } => {
            format!("stop that server first (`kill {pid}`), or give another folder with --data DIR")
        }
        StoreError::Locked { .. } => "stop the server that uses it, or give another folder with --data DIR".to_owned(),
        StoreError::NotWritable { .. } => "give a folder that this user may write to with --data DIR".to_owned(),
        StoreError::Exposed { dir } => format!("`chmod -R go= {}` takes it from them", dir.display()),
        StoreError::FormatOld { dir, .. } => format!(
            "`greenroom-stack migrate --data {}` brings it up, and lays a way back; so does `serve`",
            dir.display()
        ),
        StoreError::GoingBack { dir, .. } => {
            format!("go on with it by `greenroom-stack migrate --back --apply --data {}`", dir.display())
        }
        StoreError::NoWayBack { .. } => {
            "it was confirmed, or never of an older format; nothing was changed in it".to_owned()
        }
        StoreError::NoLinks { dir, .. } => format!(
            "copy the folder, and bring it up with `greenroom-stack migrate --without-way-back --data {}`",
            dir.display()
        ),
        StoreError::FormatUnknown { .. } => {
            "use the version that wrote it, or give another folder with --data DIR".to_owned()
        }
        StoreError::SecretSealed(_) => {
            "put this server's own key (node.key, or what --node-key-file names) back from your backup; nothing was changed. \
             Without a backup, `greenroom-stack lost-key` says what is lost with it, and goes on without that"
                .to_owned()
        }
        StoreError::Full { .. } => "make room on the file system, or raise --capacity; nothing is lost".to_owned(),
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
            "make room on the file system; nothing is lost".to_owned()
        }
        StoreError::AccountTaken { .. } => "choose another name for --dev-account".to_owned(),
        StoreError::Corrupt { .. } => "keep the folder as it is; nothing was changed in it".to_owned(),
        _ => return error.to_string(),
    };
    format!("{error}: {what_to_do}")
}
