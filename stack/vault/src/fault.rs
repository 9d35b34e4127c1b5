//! Why the program ends, and what to do about it.

use crate::server::Refusal;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[cfg(unix)]
    #[error("{} may be read by others: `chmod 700 {}`, or name another folder", .0.display(), .0.display())]
    Open(PathBuf),
    #[cfg(unix)]
    #[error("{} belongs to another user: name a folder of your own", .0.display())]
    Foreign(PathBuf),
    #[error("cannot use {}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("another server has {}: stop it, or name another folder", .0.display())]
    Taken(PathBuf),
    #[error("{0} is no loopback address: an embedded vault listens on 127.0.0.1 or [::1] only")]
    Outside(SocketAddr),
    #[error("cannot listen on {address}: {source}: name another address with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot serve TLS with {}: {why}", file.display())]
    Tls { file: PathBuf, why: String },
    #[error("cannot make a certificate: {0}")]
    Sign(#[from] rcgen::Error),
    #[error("cannot start: {0}")]
    Start(io::Error),
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}: give a name of 1 to 64 letters, digits, hyphens, dots and underscores")]
    ClientName(String),
    #[error("there is a client {0} already: `client rights` changes what it may do, `client remove` ends it")]
    ClientThere(String),
    #[error("there is no client {0}: `client list` says who there is")]
    NoClient(String),
    #[error("there are {0} clients already: `client remove` ends one")]
    ManyClients(usize),
    #[error("there is a key {0} already: `key rotate` makes a new version of it")]
    KeyThere(String),
    #[error("{}{}", .0.message(), advice(.0))]
    Refused(#[from] Refusal),
}

fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoKey(_) | Refusal::NoVersion(_) => " `key list` says which keys there are.",
        Refusal::Deleted(_) => " `key recover` brings it back, `key purge` removes it for good.",
        Refusal::NotDeleted(_) => " Only a deleted key can be recovered or purged: `key delete` comes first.",
        _ => "",
    }
}
