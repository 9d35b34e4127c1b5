//! The command line.

use crate::server::{Outage, Right};
use clap::{Args as Group, Parser, Subcommand, ValueEnum as _};
use greenroom_vault::{KeyName, KeyVersion};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// A vault that speaks as Azure Key Vault does, on this machine only.
#[derive(Debug, Parser)]
#[command(name = "greenroom-vault", version, about)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves until SIGTERM; says on standard output where, in one line of JSON.
    Serve(Serve),
    /// Who may ask for what. A server that runs sees changes at once.
    #[command(subcommand)]
    Client(Client),
    /// The vault's keys. A server that runs sees changes at once.
    #[command(subcommand)]
    Key(Key),
    /// Makes a server fail on purpose, until it is told `--none`.
    Fault(Fault),
}

/// Where the vault keeps everything; made if need be, for its owner alone.
#[derive(Debug, Group)]
pub struct Data {
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

#[derive(Debug, Group)]
pub struct Serve {
    #[command(flatten)]
    pub data: Data,
    /// A loopback address; port 0 takes a free one.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    pub listen: SocketAddr,
    /// A certificate for `localhost` of your own, in PEM; without it the vault makes one, and an authority for it.
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Ends when standard input does, so that whoever started it leaves none behind.
    #[arg(long)]
    pub until_stdin_closes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Client {
    /// Makes a client, and says its secret: once.
    Add {
        name: String,
        #[arg(long, value_delimiter = ',', required = true)]
        rights: Vec<Right>,
        #[command(flatten)]
        data: Data,
    },
    /// Says who there is, a line each.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Its tokens are refused from then on.
    Remove {
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Gives a client these rights and no others; `--rights ""` leaves none.
    Rights {
        name: String,
        #[arg(long, value_parser = rights, required = true)]
        rights: Rights,
        #[command(flatten)]
        data: Data,
    },
}

/// As one value, so that it may be empty.
#[derive(Debug, Clone)]
pub struct Rights(pub Vec<Right>);

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Makes an RSA key.
    Create {
        name: KeyName,
        /// 2048, 3072 or 4096.
        #[arg(long, default_value_t = 2048)]
        bits: u32,
        #[command(flatten)]
        data: Data,
    },
    /// Says which keys there are, a line for each version.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Makes a new version, which is the current one from then on. What an old one wrapped, it still unwraps.
    Rotate(Named),
    /// Neither wraps nor unwraps until it is enabled: all versions, or the one named.
    Disable(OfVersion),
    /// All versions, or the one named.
    Enable(OfVersion),
    /// Until `recover`, or for good with `purge`.
    Delete(Named),
    /// Undoes `delete`.
    Recover(Named),
    /// Removes a deleted key for good: what it wrapped is lost.
    Purge(Named),
}

#[derive(Debug, Group)]
pub struct Named {
    pub name: KeyName,
    #[command(flatten)]
    pub data: Data,
}

#[derive(Debug, Group)]
pub struct OfVersion {
    #[command(flatten)]
    pub named: Named,
    #[arg(long)]
    pub version: Option<KeyVersion>,
}

#[derive(Debug, Group)]
#[group(id = "what", required = true, multiple = false, args = ["away", "throttle", "cut", "none"])]
pub struct Fault {
    #[command(flatten)]
    pub data: Data,
    /// Answers 503.
    #[arg(long)]
    away: bool,
    /// Answers 429, and to come back after so many seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    throttle: Option<u32>,
    /// Ends connections instead of answering.
    #[arg(long)]
    cut: bool,
    /// Works again.
    #[arg(long)]
    none: bool,
}

impl Fault {
    /// What is to go wrong from now on.
    pub fn outage(&self) -> Outage {
        match self.throttle {
            Some(retry_after_s) => Outage::Throttle { retry_after_s },
            None if self.away => Outage::Away,
            None if self.cut => Outage::Cut,
            None => Outage::None,
        }
    }
}

fn rights(text: &str) -> Result<Rights, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = || Right::value_variants().iter().map(|right| right.name()).collect::<Vec<_>>().join(", ");
    let right = |name: &str| Right::from_str(name, false).map_err(|_| format!("{name} is none of {}", known()));
    names.map(right).collect::<Result<_, _>>().map(Rights)
}
