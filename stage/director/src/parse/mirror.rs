//! The words of a `mirror` line, and what it makes of them.

use crate::words::duration;
use clap::{Args, Subcommand};
use greenroom_model::mirror::Mirror;
use greenroom_model::tenancy::ByteCount;
use greenroom_model::{AccountName, ContainerName, TenantName};
use std::str::FromStr;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum MirrorVerb {
    /// Shows in an account what lies elsewhere: at a URL, or in `{blob:ACCOUNT/CONTAINER/PREFIX}` of the demo's own, whose key is used.
    Attach(Box<AttachLine>),
    /// Shows it no more; its containers go with it unless they are left.
    Detach {
        account: AccountName,
        name: TenantName,
        /// They stay, and can be written.
        #[arg(long)]
        leave: bool,
    },
    /// Follows the origin no more; what was shown is shown.
    Pause { account: AccountName, name: TenantName },
    /// Follows it again.
    Resume { account: AccountName, name: TenantName },
    /// Lists the origin again now.
    Relist { account: AccountName, name: TenantName },
}

#[derive(Debug, Clone, PartialEq, Args)]
pub struct AttachLine {
    pub account: AccountName,
    pub name: TenantName,
    #[arg(long)]
    pub origin: Origin,
    /// Named as the origin's where absent.
    #[arg(long)]
    pub container: Option<ContainerName>,
    /// Between two looks at the origin's change feed.
    #[arg(long, value_parser = duration)]
    pub poll: Option<Duration>,
    /// Between two lists of all that is there, in whole seconds.
    #[arg(long, value_parser = duration)]
    pub relist: Option<Duration>,
    /// How far behind it may be, in whole seconds.
    #[arg(long, value_parser = duration)]
    pub objective: Option<Duration>,
    /// How much of its content may be kept on flash.
    #[arg(long)]
    pub cache: Option<ByteCount>,
    /// What begins so is kept on flash as soon as it is known.
    #[arg(long = "pin")]
    pub pinned: Vec<String>,
    /// Between two blobs that are written to the origin to measure the lag, in whole seconds.
    #[arg(long, value_parser = duration)]
    pub canary: Option<Duration>,
}

/// Where the blobs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An account of the demo's own, on its stack or on the second node, and a part of it: nothing, or a container and a prefix with a slash
    /// before them.
    Own {
        account: AccountName,
        part: String,
    },
    Url(String),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(word: &str) -> Result<Origin, String> {
        if let Some(inside) = word.strip_prefix("{blob:").and_then(|rest| rest.strip_suffix('}')) {
            let (account, part) = match inside.split_once('/') {
                Some((account, part)) => (account, format!("/{part}")),
                None => (inside, String::new()),
            };
            if let Some(container) = part.split('/').nth(1) {
                ContainerName::new(container).map_err(|error| error.to_string())?;
            }
            let account = AccountName::new(account).map_err(|error| error.to_string())?;
            return Ok(Origin::Own { account, part });
        }
        if word.contains(['{', '}']) || !word.contains("://") {
            return Err(format!("'{word}' is no origin: write a URL, or {{blob:ACCOUNT/CONTAINER/PREFIX}}"));
        }
        Ok(Origin::Url(word.to_string()))
    }
}

impl MirrorVerb {
    pub fn check(&self) -> Result<(), String> {
        match self {
            MirrorVerb::Attach(line) => {
                let origin = match &line.origin {
                    Origin::Own { account, part } => format!("http://localhost/{account}{part}"),
                    Origin::Url(url) => url.clone(),
                };
                line.settings(origin)?.check()
            }
            MirrorVerb::Detach { .. }
            | MirrorVerb::Pause { .. }
            | MirrorVerb::Resume { .. }
            | MirrorVerb::Relist { .. } => Ok(()),
        }
    }
}

impl AttachLine {
    /// What a stack is asked for, once it is known where the origin is.
    pub fn settings(&self, origin: String) -> Result<Mirror, String> {
        let usual = Mirror::of(origin);
        let seconds = |said: Option<Duration>| said.map(whole_seconds).transpose();
        let poll_ms = self.poll.map(|poll| u32::try_from(poll.as_millis()).unwrap_or(u32::MAX));
        Ok(Mirror {
            container: self.container.clone(),
            cache: self.cache.unwrap_or(usual.cache),
            pinned: self.pinned.clone(),
            poll_ms: poll_ms.unwrap_or(usual.poll_ms),
            relist_s: seconds(self.relist)?.unwrap_or(usual.relist_s),
            objective_s: seconds(self.objective)?.unwrap_or(usual.objective_s),
            canary_s: seconds(self.canary)?,
            ..usual
        })
    }
}

pub fn whole_seconds(said: Duration) -> Result<u32, String> {
    match u32::try_from(said.as_secs()) {
        Ok(seconds) if said.subsec_nanos() == 0 => Ok(seconds),
        _ => Err(format!("'{said:?}' are no whole seconds: write '1s' or '2m'")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Verb, read};
    use super::*;

    fn attach(line: &str) -> AttachLine {
        match read(line).expect("good").verb {
            Verb::Mirror { what: MirrorVerb::Attach(line) } => *line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mirror_is_attached_as_its_line_says() {
        let line = attach(
            "mirror attach shown lake --origin {blob:gold/raw/2026} --container lake --poll 250ms --relist 30s \
             --objective 10s --cache 2GiB --canary 1s --pin hot/",
        );
        let own = Origin::Own { account: "gold".parse().expect("good"), part: "/raw/2026".into() };
        assert_eq!(line.origin, own);
        let settings = line.settings("http://x/gold/raw/2026".into()).expect("whole seconds");
        assert_eq!((settings.poll_ms, settings.relist_s, settings.objective_s), (250, 30, 10));
        assert_eq!((settings.cache.0, settings.canary_s), (2 << 30, Some(1)));
        assert_eq!(settings.pinned, ["hot/"]);
        let short = attach("mirror attach shown lake --origin https://lake.blob.core.windows.net");
        assert_eq!(short.settings("s3://x".into()), Ok(Mirror::of("s3://x")));
        let whole = attach("mirror attach shown lake --origin {blob:gold}");
        assert_eq!(whole.origin, Origin::Own { account: "gold".parse().expect("good"), part: String::new() });
    }

    #[test]
    fn what_is_wrong_is_said_before_the_demo_runs() {
        for (line, wanted) in [
            ("mirror attach shown lake", "--origin"),
            ("mirror attach shown lake --origin nowhere", "'nowhere' is no origin"),
            ("mirror attach shown lake --origin {data:raw}", "write a URL, or {blob:ACCOUNT/CONTAINER/PREFIX}"),
            ("mirror attach shown lake --origin {blob:gold/Raw}", "container name 'Raw'"),
            ("mirror attach shown lake --origin https://x.example/c?sig=abc", "given as the secret"),
            ("mirror attach shown lake --origin s3://raw --poll 1ms", "poll_ms is 1"),
            ("mirror attach shown lake --origin s3://raw --relist 1500ms", "no whole seconds"),
            ("mirror detach shown", "<NAME>"),
            ("mirror stop shown lake", "'stop'"),
            ("feed gold --segment 7s", "a whole part of an hour"),
            ("feed gold --segment 500ms", "no whole seconds"),
            ("feed gold off --segment 1s", "'feed gold off' has no segments"),
            ("feed gold of", "invalid value 'of'"),
            ("sink gold", "<NAME>"),
        ] {
            let said = read(line).expect_err(line);
            assert!(said.contains(wanted), "{line}\nwanted {wanted}\nsaid   {said}");
        }
    }
}
