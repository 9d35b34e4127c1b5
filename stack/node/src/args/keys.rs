//! What the server is to vaults, and `encryption`: what it is asked of tenants' keys.

use super::Running;
use clap::{Args, Subcommand};
use greenroom_model::TenantName;
use greenroom_store::Hold;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Who wraps the data keys of tenants whose content is encrypted.
#[derive(Debug, Args)]
pub struct Vaults {
    /// File that holds this server's own key, which seals its secrets and wraps data keys; made by the first start [default: DIR/node.key; keep a
    /// copy of it elsewhere: without it the folder cannot be served]
    #[arg(long, value_name = "FILE")]
    pub node_key_file: Option<PathBuf>,
    /// What this server is called where vaults know their clients from: its client id. Its secret is in GREENROOM_VAULT_SECRET or a file
    #[arg(long, value_name = "ID")]
    pub vault_client: Option<String>,
    /// File that holds that secret, and that only its owner may read
    #[arg(long, value_name = "FILE", requires = "vault_client")]
    pub vault_secret_file: Option<PathBuf>,
    /// Where tokens for vaults come from, https://HOST/DIRECTORY; needed of a vault that is not Azure's
    #[arg(long, value_name = "URL", requires = "vault_client")]
    pub vault_authority: Option<Url>,
    /// PEM file of the certificates that vaults are believed by, in place of the system's
    #[arg(long, value_name = "FILE", requires = "vault_client")]
    pub vault_ca: Option<PathBuf>,
    /// Seconds that an unwrapped data key is used without asking for it again: what is revoked is refused by then
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub key_fresh_s: u64,
    /// Seconds that it is used while the vault does not answer; then it is cleared
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub key_hold_s: u64,
}

impl Vaults {
    pub fn hold(&self) -> Hold {
        let most = Duration::from_secs(self.key_hold_s);
        Hold { most, fresh: Duration::from_secs(self.key_fresh_s).min(most) }
    }
}

#[derive(Debug, Subcommand)]
pub enum Encryption {
    /// How a tenant's content is encrypted, and whether it can be read now
    Status {
        #[command(flatten)]
        of: Of,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Encrypt what the tenant writes from now on, or change what wraps its data keys
    On {
        #[command(flatten)]
        of: Of,
        /// What wraps the data keys: node, or https://VAULT/keys/NAME[/VERSION]
        #[arg(long, value_name = "KEY", default_value = "node")]
        key: String,
    },
    /// Encrypt nothing more; what was encrypted stays so
    Off(Of),
    /// Wrap the tenant's data keys by the newest version of the key that wraps them. No content is written
    Rotate {
        #[command(flatten)]
        of: Of,
        /// Make a new data key instead: what is written from now on is encrypted by it
        #[arg(long)]
        data_key: bool,
    },
    /// Erase the tenant's data keys: what they encrypted can never be read again. There is no way back
    Erase {
        #[command(flatten)]
        of: Of,
        /// The tenant's name once more
        #[arg(long, value_name = "TENANT")]
        confirm: TenantName,
    },
}

/// One tenant of a running server.
#[derive(Debug, Args)]
pub struct Of {
    pub tenant: TenantName,
    #[command(flatten)]
    pub server: Running,
}
