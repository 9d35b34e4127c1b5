//! `mirror`: what a running server is asked of its mirrors.

use super::Running;
use clap::{Args, Subcommand};
use greenroom_model::tenancy::ByteCount;
use greenroom_model::{AccountName, ContainerName, TenantName};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Mirror {
    /// The mirrors of an account, a line each
    List {
        account: AccountName,
        #[command(flatten)]
        server: Running,
    },
    /// Show in an account what lies elsewhere, or change how closely it is followed: what is not given stays as it is, or is as usual.
    /// What authorises is in GREENROOM_MIRROR_SECRET or a file: an account key, a SAS, a connection string, or ID:SECRET for S3
    Attach(Box<Attach>),
    /// Show it no more; its containers go, unless they are left
    Detach {
        #[command(flatten)]
        at: At,
        /// Its containers stay and can be written; what is not cached cannot be read
        #[arg(long)]
        leave: bool,
    },
    /// Follow the origin no more for now; what was shown is shown
    Pause(At),
    /// Follow it again
    Resume(At),
    /// List the origin again now, in place of when it is due
    Relist(At),
    /// How far a mirror has come, and what it shows
    Status {
        #[command(flatten)]
        at: At,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// One mirror of a running server.
#[derive(Debug, Args)]
pub struct At {
    pub account: AccountName,
    /// Of the mirror
    pub name: TenantName,
    #[command(flatten)]
    pub server: Running,
}

#[derive(Debug, Args)]
pub struct Attach {
    #[command(flatten)]
    pub at: At,
    /// https://ACCOUNT.blob.core.windows.net[/CONTAINER[/PREFIX]], http://HOST:PORT/ACCOUNT[/CONTAINER[/PREFIX]], s3://BUCKET[/PREFIX] or
    /// file:///FOLDER, without what authorises; needed of a new one
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// File that holds what authorises, and that only its owner may read
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// The container here [default: named as the origin's]
    #[arg(long, value_name = "NAME")]
    pub container: Option<ContainerName>,
    /// How much of its content may be kept on flash, such as 10GiB [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub cache: Option<ByteCount>,
    /// What begins so is kept on flash as soon as it is known; repeatable
    #[arg(long = "pin", value_name = "PREFIX")]
    pub pinned: Vec<String>,
    /// Seconds between two lists of all that is there [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub relist_s: Option<u32>,
    /// Milliseconds between two looks at the origin's change feed [default: 5000]
    #[arg(long, value_name = "MS")]
    pub poll_ms: Option<u32>,
    /// Seconds that it may be behind [default: 600]
    #[arg(long, value_name = "SECONDS")]
    pub objective_s: Option<u32>,
    /// Seconds between two blobs that are written to the origin to measure the lag; without it nothing is written there
    #[arg(long, value_name = "SECONDS")]
    pub canary_s: Option<u32>,
    /// Attach it, and follow nothing until `resume`
    #[arg(long)]
    pub paused: bool,
}
