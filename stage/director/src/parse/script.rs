//! The grammar of a step line: shell words into one clap enum, from which errors and reference come too.

use super::comparison::Comparison;
use super::hint;
use super::mirror::MirrorVerb;
use super::vault::{EncryptionVerb, VaultVerb};
use crate::words::{duration, figure_name};
use clap::{CommandFactory, Parser, Subcommand};
use std::time::Duration;

/// One line of a `steps` fence.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub verb: Verb,
    /// The line without the options below.
    pub text: String,
    pub timeout: Option<Duration>,
    pub if_fails: Option<String>,
    pub proves: Option<String>,
    /// The step passes only where its tool fails and says this.
    pub fails_with: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
pub enum Verb {
    /// Tenants of the stack.
    Tenant {
        #[command(subcommand)]
        what: TenantVerb,
    },
    /// Data on this machine, for the tools to move.
    Data {
        #[command(subcommand)]
        what: DataVerb,
    },
    /// Runs a tool that the demo names; placeholders give it folders and endpoints.
    #[command(disable_help_flag = true)]
    Run {
        tool: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Open-loop load of a tenant; its figures are `<name>.get.p99_ms`, `<name>.rate`, `<name>.errors` and so on.
    Load(Box<LoadLine>),
    /// Ends a load that runs in the background.
    Stop { load: String },
    /// Waits until a load in the background is over.
    Join { load: String },
    /// What happens between the stack and the cloud from now on.
    Fault {
        #[command(subcommand)]
        what: FaultVerb,
    },
    /// What leaves flash.
    Offload {
        #[command(subcommand)]
        what: OffloadVerb,
    },
    /// Whether tenants are kept apart: on, or off for the contrast.
    Admission { state: Switch },
    /// The two keys of an account.
    Keys {
        #[command(subcommand)]
        what: KeysVerb,
    },
    /// The vault that a tenant's key is in, for demos whose head has one.
    Vault {
        #[command(subcommand)]
        what: VaultVerb,
    },
    /// What a tenant's content is encrypted by, for demos with a stack of their own.
    Encryption {
        #[command(subcommand)]
        what: EncryptionVerb,
    },
    /// Looks for a text in every file that the stack and its cloud keep, and passes where none holds it; with `--found`, where one does.
    Search {
        text: String,
        #[arg(long)]
        found: bool,
    },
    /// Sets how many bytes a tenant may store, at once.
    Quota { tenant: greenroom_model::TenantName, bytes: greenroom_model::tenancy::ByteCount },
    /// What lies elsewhere, shown in an account, for demos with a stack of their own.
    Mirror {
        #[command(subcommand)]
        what: MirrorVerb,
    },
    /// Tells what changes in an account in its `$blobchangefeed`, in segments so long; or `off`, no more.
    Feed {
        account: greenroom_model::AccountName,
        #[arg(default_value = "on")]
        state: Switch,
        /// How long a segment is, in whole seconds: what happened can be read once its segment has ended.
        #[arg(long, value_parser = duration)]
        segment: Option<Duration>,
    },
    /// Keeps what changes in an account, from now on, for a consumer of that name, which asks for it: `greenroom-stack events tail`.
    Sink { account: greenroom_model::AccountName, name: greenroom_model::TenantName },
    /// Programs that take what changes in an account, for demos with a stack of their own.
    Consumer {
        #[command(subcommand)]
        what: ConsumerVerb,
    },
    /// The machine itself, for demos with a stack of their own.
    Stack {
        #[command(subcommand)]
        what: StackVerb,
    },
    /// Waits until a condition holds: `wait photos.blobs == 2004 within 30s`.
    Wait {
        #[arg(required = true, num_args = 1.., allow_hyphen_values = true)]
        condition: Vec<String>,
    },
    /// Fails unless a condition holds now: `expect photos.blobs == 2004`.
    Expect {
        #[arg(required = true, num_args = 1.., allow_hyphen_values = true)]
        condition: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum TenantVerb {
    /// Creates a tenant with an account of its name and, in it, containers.
    Create {
        name: greenroom_model::TenantName,
        #[arg(long = "container")]
        containers: Vec<greenroom_model::ContainerName>,
    },
    /// Shows what applying a file beside the demo would change. Nothing is.
    Plan { file: FileName },
    /// Shows the plan of a file beside the demo, then carries it out.
    Apply { file: FileName },
    /// Refuses every request of a tenant; nothing is lost.
    Suspend { name: greenroom_model::TenantName },
    /// Serves it again.
    Resume { name: greenroom_model::TenantName },
    /// Makes the line that a user of it pastes, and puts it on the desktop's clipboard; what is shown lacks the signature.
    HandOver {
        name: greenroom_model::TenantName,
        /// The first one declared where absent.
        #[arg(long)]
        container: Option<greenroom_model::ContainerName>,
        /// How long the signature is good.
        #[arg(long = "for", default_value = "1h", value_parser = duration)]
        valid_for: Duration,
    },
    /// Removes its data and revokes its keys, and shows the receipt; its ledger and the audit log stay.
    OffBoard { name: greenroom_model::TenantName },
}

#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct LoadLine {
    /// What its figures begin with.
    #[arg(value_parser = figure_name)]
    pub name: String,
    /// Whose account it works on.
    #[arg(long)]
    pub tenant: greenroom_model::TenantName,
    /// The tenant's account, where it does not have the tenant's name.
    #[arg(long)]
    pub account: Option<greenroom_model::AccountName>,
    /// Made where it is not there.
    #[arg(long, default_value = "load")]
    pub container: greenroom_model::ContainerName,
    /// Signs with the account's first or second key, as `keys use` changes it; by a short-lived SAS of the stack where absent.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub key: Option<u8>,
    #[command(flatten)]
    pub shape: crate::load::Shape,
    /// Goes on while the next steps run.
    #[arg(long)]
    pub in_background: bool,
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum FaultVerb {
    /// `offline`, `slow`, `throttling`, `errors`, `lost-response`, `truncating`, or `none`.
    Cloud {
        #[arg(value_parser = fault_kind)]
        kind: FaultKind,
        /// Of requests.
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: Option<u8>,
        #[arg(long, value_parser = duration)]
        delay: Option<Duration>,
    },
    /// `offline` cuts the line that mirrors of the second node's account go over, `none` mends it; whoever else works there goes on.
    Origin { state: OriginFault },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OriginFault {
    Offline,
    None,
}

/// `None` mends the way to the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultKind(pub Option<greenroom_model::offload::CloudFaultKind>);

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum OffloadVerb {
    /// Shows what would leave now, and why. Nothing does.
    Plan,
    /// Moves what is to leave now.
    Run,
    /// Sets the water marks, in percent of flash, and what becomes of blobs below them.
    Policy {
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=99))]
        high: u8,
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=99))]
        low: u8,
        /// `when-full`, `at-once`, `copy` or `pin`.
        #[arg(long, value_enum, default_value = "when-full")]
        treat: Treat,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Treat {
    WhenFull,
    AtOnce,
    Copy,
    Pin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum KeysVerb {
    /// Makes a key anew; what the old one signed is refused from now on.
    Rotate {
        account: greenroom_model::AccountName,
        #[arg(value_parser = clap::value_parser!(u8).range(1..=2))]
        key: u8,
    },
    /// Lets a load sign with the other key, and waits until nothing is under way with the one before.
    Use {
        load: String,
        #[arg(value_parser = clap::value_parser!(u8).range(1..=2))]
        key: u8,
    },
    /// Signs with a key as whoever found it would; `{leaked:account/container/path}` is reached with that from now on.
    Leak {
        account: greenroom_model::AccountName,
        #[arg(value_parser = clap::value_parser!(u8).range(1..=2))]
        key: u8,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConsumerVerb {
    /// Starts `greenroom-stack events tail`, which shows each change while the next steps run; killed before, it goes on where it had come to.
    /// Its figures are `<name>.events`, `<name>.again` for those that came once more, and `<name>.events_per_s`.
    Start { account: greenroom_model::AccountName, name: greenroom_model::TenantName },
    /// Kills it, as a crash does.
    Kill { name: greenroom_model::TenantName },
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum StackVerb {
    /// Stops it and deletes its disk; the cloud stays.
    Wipe,
    /// Rebuilds its disk from the cloud alone, and starts it.
    Rebuild {
        /// A tenant whose keys are gone: fails unless all that the cloud holds of it is there and stays sealed, and all else is back.
        #[arg(long = "leaves", value_name = "TENANT")]
        left: Vec<greenroom_model::TenantName>,
    },
}

/// A file beside the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(pub String);

impl std::str::FromStr for FileName {
    type Err = String;

    fn from_str(name: &str) -> Result<FileName, String> {
        let mut parts = std::path::Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(std::path::Component::Normal(_)), None) => Ok(FileName(name.to_string())),
            _ => Err(format!("'{name}' is not the name of a file beside the demo")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum DataVerb {
    /// Writes a folder of files whose bytes follow from the seed.
    Make {
        name: String,
        #[arg(long)]
        files: u32,
        #[arg(long)]
        size: bytesize::ByteSize,
        #[arg(long, default_value_t = 0)]
        large: u32,
        #[arg(long, default_value = "64MiB")]
        large_size: bytesize::ByteSize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// `noise`, which nothing makes smaller, or `logs`.
        #[arg(long, value_enum, default_value = "noise")]
        like: crate::data::Like,
        /// A text that every file begins with: `search` looks for it.
        #[arg(long, default_value = "")]
        mark: String,
    },
    /// Proves by hash that two folders hold the same files.
    Compare { left: String, right: String },
}

/// The options that any line may carry, and that no tool ever sees.
pub(super) const OPTIONS: [(&str, &str); 4] = [
    ("--timeout", "How long it may take: 90s."),
    ("--if-fails", "What the speaker does then; only the speaker reads it."),
    ("--proves", "What it shows, in a sentence for the audience: such a step is one of the checks."),
    ("--fails-with", "Of 'run': what the tool must say as it fails."),
];

/// Reads one line. The error is a sentence without a place.
pub fn read(line: &str) -> Result<Line, String> {
    let words = shell_words::split(line).map_err(|error| format!("{error}: '{}'", line.trim()))?;
    let (words, options) = take_options(words)?;
    let verb = Verb::try_parse_from(&words).map_err(|error| say(&error, &words))?;
    verb.check()?;
    let [timeout, if_fails, proves, fails_with] = options;
    if fails_with.is_some() && !matches!(verb, Verb::Run { .. }) {
        return Err("'--fails-with' is for tools: only a 'run' line may have it".into());
    }
    let timeout = timeout.as_deref().map(duration).transpose()?;
    Ok(Line {
        verb,
        text: words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        timeout,
        if_fails,
        proves,
        fails_with,
    })
}

/// What step lines are read with.
pub(super) fn command() -> clap::Command {
    Verb::command()
}

/// The grammar as text, a line a verb, for the command line's reference.
pub fn reference() -> String {
    let mut text = String::new();
    Verb::command().get_subcommands().for_each(|verb| tell(verb, "", &mut text));
    text.push_str("\nWhat any line may carry:\n");
    for (option, about) in OPTIONS {
        text.push_str(&format!("{option} <{}>\n    {about}\n", option.trim_start_matches('-')));
    }
    text.push_str(super::placeholder::REFERENCE);
    text.push_str(super::vault::REFERENCE);
    text.push_str(super::shots::REFERENCE);
    text
}

/// A verb, or each that it has, with what its words are.
fn tell(verb: &clap::Command, prefix: &str, text: &mut String) {
    let name = format!("{prefix}{}", verb.get_name());
    if verb.has_subcommands() {
        return verb.get_subcommands().for_each(|inner| tell(inner, &format!("{name} "), text));
    }
    let args: Vec<String> = verb
        .get_arguments()
        .map(|arg| match arg.get_long() {
            Some(long) => format!("[--{long} …]"),
            None => format!("<{}>", arg.get_id()),
        })
        .collect();
    let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
    text.push_str(&format!("{name} {}\n    {about}\n", args.join(" ")));
}

/// A word as a person would type it.
pub fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && !word.chars().any(|c| c.is_whitespace() || "*?&;|<>$`\"'()".contains(c));
    match plain || Comparison::of(word).is_some() {
        true => word.to_string(),
        false if word.contains('\'') => shell_words::quote(word).into_owned(),
        false => format!("'{word}'"),
    }
}

fn take_options(words: Vec<String>) -> Result<(Vec<String>, [Option<String>; 4]), String> {
    let mut kept = Vec::new();
    let mut options = [None, None, None, None];
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match OPTIONS.iter().position(|(option, _)| *option == word) {
            Some(at) => options[at] = Some(words.next().ok_or_else(|| format!("'{word}' needs a value"))?),
            None => kept.push(word),
        }
    }
    Ok((kept, options))
}

/// What clap says, as one sentence; an unknown verb with the nearest known one.
fn say(error: &clap::Error, words: &[String]) -> String {
    use clap::error::ErrorKind;
    let known: Vec<String> = Verb::command().get_subcommands().map(|verb| verb.get_name().to_string()).collect();
    let first = words.first().map(String::as_str).unwrap_or_default();
    if matches!(error.kind(), ErrorKind::InvalidSubcommand) && !known.iter().any(|verb| verb == first) {
        let near = hint(first, known.iter().map(String::as_str));
        return format!("unknown step '{first}'{near} (known: {})", known.join(", "));
    }
    let text = error.to_string();
    let body: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    body.join(" ").trim_start_matches("error: ").to_string()
}

fn fault_kind(text: &str) -> Result<FaultKind, String> {
    use greenroom_model::offload::CloudFaultKind;
    if text == "none" {
        return Ok(FaultKind(None));
    }
    let found = CloudFaultKind::ALL.into_iter().find(|kind| kind.name() == text);
    let known = || CloudFaultKind::ALL.map(CloudFaultKind::name).into_iter().chain(["none"]);
    found.map(|kind| FaultKind(Some(kind))).ok_or_else(|| {
        format!("unknown fault{} (known: {})", hint(text, known()), known().collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_shell_quoting() {
        let line = read(
            "run azcopy copy '{data:my photos}' {blob:acc/inbox} --recursive --timeout 60s --if-fails \"Press V\"",
        )
        .expect("good");
        let Verb::Run { tool, args } = &line.verb else { panic!("{line:?}") };
        assert_eq!(tool, "azcopy");
        assert_eq!(args, &["copy", "{data:my photos}", "{blob:acc/inbox}", "--recursive"]);
        assert_eq!((line.timeout, line.if_fails.as_deref()), (Some(Duration::from_secs(60)), Some("Press V")));
        assert!(!line.text.contains("--timeout"));
    }

    #[test]
    fn sizes_and_seeds_are_typed() {
        let line =
            read("data make photos --files 2000 --size 4KiB --large 4 --large-size 128MiB --seed 7").expect("good");
        let Verb::Data { what: DataVerb::Make { files, size, large, large_size, seed, .. } } = line.verb else {
            panic!()
        };
        assert_eq!((files, size.as_u64(), large, large_size.as_u64(), seed), (2000, 4096, 4, 128 << 20, 7));
    }

    #[test]
    fn errors_are_sentences_that_help() {
        let cases = [
            ("rnu azcopy", "unknown step 'rnu'; did you mean 'run'?"),
            ("data make x --files many --size 1", "invalid value 'many'"),
            ("data make x --fles 3 --size 1", "unexpected argument '--fles'"),
            ("tenant create Bad_Name", "tenant name 'Bad_Name' may hold only lower-case"),
            ("run azcopy --timeout", "'--timeout' needs a value"),
            ("run azcopy --timeout soon", "'soon' is no duration"),
            ("expect photos.blobs", "compares nothing"),
            ("wait a.b == 1 within", "'within' needs one duration"),
            ("run 'open", "missing closing quote"),
            ("load noise --tenant a --rate fast --for 1s", "'fast' is no rate"),
            ("load a.b --tenant a --rate 1/s --for 1s", "a load's name has letters"),
            ("load noise --rate 1/s --for 1s", "--tenant"),
            ("fault cloud ofline", "did you mean 'offline'?"),
            ("fault origin slow", "invalid value 'slow'"),
            ("consumer begin gold ledger", "'begin'"),
            ("consumer start gold", "<NAME>"),
            ("keys rotate gold 3", "3 is not in 1..=2"),
            ("admission of", "invalid value 'of'"),
            ("quota gold much", "'much' is not a number of bytes"),
            ("tenant apply ../tenants.yaml", "is not the name of a file beside the demo"),
            ("offload policy --high 60", "--low"),
            ("stack wipee", "'wipee'"),
            ("vault key delte gold", "'delte'"),
            ("vault key disable Gold/1", "'Gold/1' is no name of a key"),
            ("encryption erase", "<TENANT>"),
            ("search short", "'short' may be found by chance"),
            ("expect a.b == 1 --fails-with x", "only a 'run' line"),
            ("expect a.b == 12.5mss", "'12.5mss' begins as a number does"),
            ("expect a.blob_bytes == 2GiBi", "'2GiBi' begins as a number does"),
            ("run azcopy copy {dta:photos}", "did you mean '{data:photos}'?"),
            ("run azcopy copy {blob:Photos}", "'{blob:Photos}'"),
        ];
        for (line, wanted) in cases {
            let said = read(line).expect_err(line);
            assert!(said.contains(wanted), "{line}\nwanted {wanted}\nsaid   {said}");
            assert!(!said.contains('\n'), "one line: {said}");
        }
    }

    #[test]
    fn what_is_written_in_braces_reaches_the_tool() {
        for (line, wanted) in [
            ("run awk 'BEGIN {print 42}'", "BEGIN {print 42}"),
            ("run curl '{\"data\": {\"blob\": 1}}'", "{\"data\": {\"blob\": 1}}"),
            ("run docker ps --format '{{.Names}}'", "{{.Names}}"),
            ("run sh -c 'echo ${x} it'\\''s'", "echo ${x} it's"),
        ] {
            let Verb::Run { args, .. } = read(line).expect(line).verb else { panic!("{line}") };
            assert_eq!(args.last().map(String::as_str), Some(wanted));
            let again = read(&read(line).expect(line).text).expect(line);
            assert_eq!(again.verb, read(line).expect(line).verb, "a step's text is the step");
        }
    }

    #[test]
    fn the_reference_names_every_verb() {
        let text = reference();
        for verb in [
            "tenant create",
            "data make",
            "data compare",
            "run",
            "mirror attach",
            "feed",
            "sink",
            "consumer start",
            "vault key disable",
            "encryption erase",
            "search",
            "wait",
            "expect",
        ] {
            assert!(text.lines().any(|line| line.starts_with(verb)), "{verb} in\n{text}");
        }
    }
}
