//! The command line.

mod keys;
mod mirror;

pub use keys::{Encryption, Of, Vaults};
pub use mirror::{At, Attach, Mirror};

use crate::dev_account::DevAccount;
use bytesize::ByteSize;
use clap::{Parser, Subcommand, ValueEnum};
use greenroom_gateway::limits::Limits;
use greenroom_gateway::source::policy::Allowed;
use greenroom_model::{AccountName, ContainerName, TenantName};
use greenroom_store::Durability;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

#[derive(Debug, Parser)]
#[command(name = "greenroom-stack", version, about = "A storage stack behind the Azure Blob protocol, on this machine")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the Blob endpoint and the control API until stopped
    Serve(Box<Serve>),
    /// A certificate authority of this machine's own, for clients that insist on HTTPS
    Ca {
        #[command(subcommand)]
        what: Ca,
    },
    /// Make tenants, accounts, containers, quotas and shares be what a file declares; says what changes
    Apply(Apply),
    /// Make the line that a tenant's user pastes: AzCopy, the container's address, and a signature that is good for a while
    HandOver(HandOver),
    /// Read and check every block of a data folder that no server uses, and whether what is counted for each tenant is what is there;
    /// exits with 3 where something is damaged
    Verify(Verify),
    /// What changes in an account
    #[command(subcommand)]
    Events(Events),
    /// What lies in another cloud account, or anywhere else, shown in one of this server's accounts
    #[command(subcommand)]
    Mirror(Mirror),
    /// The keys that a tenant's content is encrypted by
    #[command(subcommand)]
    Encryption(Encryption),
    /// The log of who did what
    #[command(subcommand)]
    Audit(Audit),
    /// Drop what is provably lost, such as a blob whose content fails its checksum, and say what; changes nothing without --apply
    Repair(Repair),
    /// Bring a data folder of an older format that no server uses to this version's, as `serve` does too; or confirm that, or undo it
    Migrate(Migrate),
    /// Go on with a data folder whose server's own key is lost, without what only that opens; only says what that is without --apply
    LostKey(LostKey),
    /// Make a data folder anew from what was offloaded, for a machine that has lost it; exits with 3 unless all of it was as it should be
    Rebuild(Rebuild),
    /// Let a running server's data folder go on with a volume that another one has written to: adopts what that wrote, then takes it over
    TakeOver(Running),
    /// Look into one offloaded object
    #[command(subcommand)]
    Segment(Segment),
    /// Write manual pages and completions of this program below a folder, as a package has them
    #[command(hide = true)]
    Words { share: PathBuf },
}

#[derive(Debug, Subcommand)]
pub enum Events {
    /// Print each change as it happens, from now on; with a name, from where whoever had it stopped
    Tail(Tail),
}

#[derive(Debug, clap::Args)]
pub struct Tail {
    pub account: AccountName,
    #[command(flatten)]
    pub server: Running,
    /// Of this consumer, as a tenant's name: what it has not printed waits for it
    #[arg(long)]
    pub name: Option<TenantName>,
    /// End after so many
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Print each as a line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that each entry follows from the one before it; exits with 3 where one was changed or left out
    Verify(Verify),
}

#[derive(Debug, Subcommand)]
pub enum Segment {
    /// List what it holds
    Ls(SegmentAt),
    /// Read and check every byte of it; exits with 3 where it is damaged
    Verify(SegmentAt),
    /// Write one blob's content to standard output
    Cat {
        #[command(flatten)]
        at: SegmentAt,
        /// As `ls` names it: ACCOUNT/CONTAINER/NAME
        #[arg(value_name = "BLOB")]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub struct SegmentAt {
    /// The target's URL, and in it …/v1/VOLUME/seg/…; what authorises as for `serve`
    #[arg(value_name = "URL")]
    pub url: String,
    /// File that holds what authorises, and that only its owner may read
    #[arg(long, value_name = "FILE")]
    pub offload_secret_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Rebuild {
    /// The target that was offloaded to, as for `serve --offload-to`
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The data folder; made if absent
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which volume of the target
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = volume)]
    pub offload_volume: String,
    /// File that holds what authorises, and that only its owner may read
    #[arg(long, value_name = "FILE")]
    pub offload_secret_file: Option<PathBuf>,
    /// What is read on the way: names and their records, or all content too, each byte checked
    #[arg(long, value_enum, default_value = "names", default_missing_value = "content", num_args = 0..=1)]
    pub verify: Verifying,
    /// Where the log of the volume has gaps: write down in the target what was brought back, so that it can be written to again. Fences off
    /// whoever still writes to it
    #[arg(long)]
    pub mend: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub vaults: Vaults,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verifying {
    Names,
    Content,
}

#[derive(Debug, Subcommand)]
pub enum Ca {
    /// Make an authority, and a certificate with its key that is good for a year; say how clients trust it
    Make(Make),
    /// Say what was made, and how clients trust it
    Status(Place),
    /// Undo everything that `make` did
    Remove(Place),
}

#[derive(Debug, clap::Args)]
pub struct Place {
    /// Folder of the authority [default: greenroom/ca in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Make {
    #[command(flatten)]
    pub place: Place,
    /// Host or address that the certificate is for; repeatable
    #[arg(long = "name", value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1", "*.blob.localhost"])]
    pub names: Vec<String>,
    /// For *.blob.core.windows.net too, which is all that some clients know
    #[arg(long)]
    pub azure: bool,
    /// Make the whole system trust it (Debian and its kin; needs the right to change /usr/local)
    #[arg(long)]
    pub install: bool,
    /// The system's folder for certificates of its own
    #[arg(long, value_name = "DIR", default_value = "/usr/local/share/ca-certificates", requires = "install")]
    pub store: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct Apply {
    /// YAML or JSON, such as tenants.yaml
    pub file: PathBuf,
    #[command(flatten)]
    pub server: Running,
    /// Only say what would change
    #[arg(long)]
    pub plan: bool,
}

#[derive(Debug, clap::Args)]
pub struct HandOver {
    pub tenant: TenantName,
    #[command(flatten)]
    pub server: Running,
    /// Of its accounts [default: the first one declared that has such a container]
    #[arg(long)]
    pub account: Option<AccountName>,
    /// What the user may read and write [default: the first one declared]
    #[arg(long)]
    pub container: Option<ContainerName>,
    /// Minutes until the signature is good no more
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=527_040))]
    pub minutes: u64,
}

/// A server that runs.
#[derive(Debug, clap::Args)]
pub struct Running {
    /// The data folder of the running server, which holds its token
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Its control API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:10001")]
    pub control: String,
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The stack's data folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// The stack's data folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Lay no way back, on a file system without hard links: the folder has been copied
    #[arg(long, conflicts_with_all = ["confirm", "back"])]
    pub without_way_back: bool,
    /// All is as it should be: take the way back to the older format away, and what it holds on flash
    #[arg(long, conflicts_with = "back")]
    pub confirm: bool,
    /// Say what going back to the older format would lose
    #[arg(long)]
    pub back: bool,
    /// Do go back; the version that wrote the older format opens the folder then
    #[arg(long, requires = "back")]
    pub apply: bool,
}

#[derive(Debug, clap::Args)]
pub struct LostKey {
    /// The stack's data folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the key is expected, if not in DIR/node.key
    #[arg(long, value_name = "FILE")]
    pub node_key_file: Option<PathBuf>,
    /// Do it; content that the lost key encrypted can never be read again then, not with a key that is found later either
    #[arg(long)]
    pub apply: bool,
}

#[derive(Debug, clap::Args)]
pub struct Repair {
    /// The stack's data folder
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Do it; without, only say what would be done
    #[arg(long)]
    pub apply: bool,
    /// Print what is done as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Folder that holds everything the stack keeps; made if absent
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the Blob endpoint listens; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:10000", value_parser = address)]
    pub blob: SocketAddr,
    /// Where the control API listens; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:10001", value_parser = address)]
    pub control: SocketAddr,
    /// Enable devstoreaccount1 with its well-known key, or an account with a key of your own; repeatable, loopback only
    #[arg(
        long = "dev-account",
        value_name = "NAME=BASE64KEY",
        num_args = 0..=1,
        default_missing_value = DevAccount::WELL_KNOWN
    )]
    pub dev_accounts: Vec<DevAccount>,
    /// When a write counts as kept: on disk, or once the operating system has it (for benchmarks)
    #[arg(long, value_enum, default_value = "disk")]
    pub durability: DurabilityArg,
    /// Bytes that the data folder may take, such as 10GiB; without it, what the file system has
    #[arg(long, visible_alias = "flash-size", value_name = "SIZE")]
    pub capacity: Option<ByteSize>,
    #[command(flatten)]
    pub offload: OffloadArgs,
    #[command(flatten)]
    pub vaults: Vaults,
    /// A copy source, a webhook or a Kafka broker that may be reached although its address is loopback or private; repeatable
    #[arg(long = "copy-source-allow", value_name = "HOST:PORT")]
    pub copy_sources_allowed: Vec<Allowed>,
    /// Authorities (PEM) whose certificates https copy sources and webhooks may have, besides the system's
    #[arg(long, value_name = "FILE")]
    pub copy_source_ca: Option<PathBuf>,
    /// Serve the Blob endpoint over HTTPS with this certificate chain (PEM), as `greenroom-stack ca make` writes it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Another limit than usual, for tests that must not wait, such as `headers-ms=200`; repeatable
    #[arg(long = "limit", value_name = "NAME=NUMBER", hide = true)]
    pub limits: Vec<Limit>,
    /// Count nothing of what is served, to measure what counting costs
    #[arg(long, hide = true)]
    pub unmetered: bool,
    /// Stop when standard input ends, as it does when the program that started this one is gone, however it went
    #[arg(long)]
    pub until_stdin_closes: bool,
    /// Send a span of each request, and of what is done for it, to a collector of OpenTelemetry: OTLP over HTTP, to URL/v1/traces unless URL
    /// has a path of its own
    #[arg(long, value_name = "URL", value_parser = collector)]
    pub otlp: Option<Url>,
    /// How to log on stderr; GREENROOM_LOG sets what, as in `GREENROOM_LOG=greenroom_gateway=debug`
    #[arg(long, value_enum, default_value = "text")]
    pub log: Log,
}

/// Where cold blobs go. Its policy is set over the control API and kept; here are only those settings that a start needs.
#[derive(Debug, clap::Args)]
pub struct OffloadArgs {
    /// Move cold blobs there: http(s)://HOST/ACCOUNT/CONTAINER, azure://CONTAINER, s3://BUCKET or file:///FOLDER, each with a folder
    /// behind it if need be. What authorises is in GREENROOM_OFFLOAD_SECRET or a file: an account key, a SAS, a connection string,
    /// ID:SECRET for S3 (which AWS's own variables may give as well)
    #[arg(long, value_name = "URL")]
    pub offload_to: Option<String>,
    /// File that holds what authorises, and that only its owner may read
    #[arg(long, value_name = "FILE", requires = "offload_to")]
    pub offload_secret_file: Option<PathBuf>,
    /// Which volume of the target is this server's
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = volume)]
    pub offload_volume: String,
    /// Percent of flash above which blobs leave [default: as kept, 80 at first]
    #[arg(long, value_name = "PERCENT", requires = "offload_to")]
    pub high_water: Option<u64>,
    /// Percent of flash down to which they leave [default: as kept, 70 at first]
    #[arg(long, value_name = "PERCENT", requires = "offload_to")]
    pub low_water: Option<u64>,
}

impl Serve {
    pub fn limits(&self) -> Limits {
        self.limits.iter().fold(Limits::default(), |limits, limit| limit.apply(limits))
    }
}

/// One limit of the Blob endpoint, set from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Connections(usize),
    Headers(Duration),
    Idle(Duration),
    Stall(Duration),
    StallBytes(u64),
    Drain(Duration),
}

impl Limit {
    fn apply(self, limits: Limits) -> Limits {
        match self {
            Limit::Connections(connections_max) => Limits { connections_max, ..limits },
            Limit::Headers(headers_max) => Limits { headers_max, ..limits },
            Limit::Idle(idle_max) => Limits { idle_max, ..limits },
            Limit::Stall(stall_max) => Limits { stall_max, ..limits },
            Limit::StallBytes(stall_bytes_min) => Limits { stall_bytes_min, ..limits },
            Limit::Drain(drain_max) => Limits { drain_max, ..limits },
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.split_once('=').ok_or("give NAME=NUMBER")?;
        let number: u32 = number.parse().map_err(|_| "give a whole number".to_owned())?;
        let millis = Duration::from_millis(number.into());
        match name {
            "connections" => Ok(Limit::Connections(number as usize)),
            "headers-ms" => Ok(Limit::Headers(millis)),
            "idle-ms" => Ok(Limit::Idle(millis)),
            "stall-ms" => Ok(Limit::Stall(millis)),
            "stall-bytes" => Ok(Limit::StallBytes(number.into())),
            "drain-ms" => Ok(Limit::Drain(millis)),
            _ => Err("known are connections, headers-ms, idle-ms, stall-ms, stall-bytes, drain-ms".to_owned()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DurabilityArg {
    Disk,
    Os,
}

impl From<DurabilityArg> for Durability {
    fn from(arg: DurabilityArg) -> Self {
        match arg {
            DurabilityArg::Disk => Durability::Disk,
            DurabilityArg::Os => Durability::Os,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Log {
    Text,
    Json,
}

/// One folder's name.
fn volume(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if good { Ok(text.to_owned()) } else { Err("a volume's name has letters, digits, - and _".to_owned()) }
}

/// Where a collector takes spans.
fn collector(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("a collector's URL begins with http or https".to_owned());
    }
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

/// An address; `:0` and `:10000` mean loopback.
fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("127.0.0.1{text}") } else { text.to_owned() };
    full.parse().map_err(|_| "give an IP address and a port, such as 127.0.0.1:10000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(arguments: &[&str]) -> Result<Serve, clap::Error> {
        let all = ["greenroom-stack", "serve", "--data", "d"].iter().chain(arguments);
        Args::try_parse_from(all).map(|Args { command }| match command {
            Command::Serve(serve) => *serve,
            Command::Ca { .. }
            | Command::Apply(_)
            | Command::HandOver(_)
            | Command::Verify(_)
            | Command::Events(_)
            | Command::Mirror(_)
            | Command::Encryption(_)
            | Command::Audit(_)
            | Command::Repair(_)
            | Command::Migrate(_)
            | Command::LostKey(_)
            | Command::Words { .. }
            | Command::Rebuild(_)
            | Command::TakeOver(_)
            | Command::Segment(_) => panic!("it is `serve` that was asked for"),
        })
    }

    #[test]
    fn defaults_are_loopback_and_durable() {
        let serve = serve(&[]).expect("good arguments");
        assert_eq!(serve.blob.to_string(), "127.0.0.1:10000");
        assert_eq!(serve.control.to_string(), "127.0.0.1:10001");
        assert_eq!(serve.durability, DurabilityArg::Disk);
        assert!(serve.dev_accounts.is_empty());
    }

    #[test]
    fn dev_accounts_are_well_known_or_ones_own_and_repeat() {
        let given =
            serve(&["--dev-account", "--dev-account", "mine123=c2VjcmV0", "--blob", ":0"]).expect("good arguments");
        let names: Vec<_> = given.dev_accounts.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(names, ["devstoreaccount1", "mine123"]);
        assert_eq!(given.blob.to_string(), "127.0.0.1:0");
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        assert_eq!(serve(&["--capacity", "10GiB"]).expect("good arguments").capacity, Some(ByteSize::gib(10)));
    }

    #[test]
    fn a_collector_takes_spans_where_they_usually_go_or_where_it_says() {
        for (given, taken) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/", "https://collector.example/v1/traces"),
            ("https://collector.example/otlp/traces", "https://collector.example/otlp/traces"),
        ] {
            let url = serve(&["--otlp", given]).expect("good arguments").otlp.expect("it was given");
            assert_eq!(url.as_str(), taken);
        }
    }

    #[test]
    fn bad_arguments_are_refused() {
        for bad in [
            ["--blob", "nowhere"],
            ["--dev-account", "Bad=c2VjcmV0"],
            ["--dev-account", "mine123=???"],
            ["--capacity", "much"],
            ["--copy-source-allow", "somewhere"],
            ["--limit", "patience=1"],
            ["--limit", "headers-ms=soon"],
            ["--tls-cert", "alone.pem"],
            ["--otlp", "ftp://127.0.0.1:4318"],
            ["--otlp", "127.0.0.1:4318"],
        ] {
            assert!(serve(&bad).is_err(), "{bad:?}");
        }
    }
}
