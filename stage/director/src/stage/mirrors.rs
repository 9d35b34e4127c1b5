//! Steps about what lies elsewhere, and about who is told of changes: mirrors, change feeds, sinks.

use super::Stage;
use super::nodes::CLOUD;
use super::runner::Seen;
use crate::parse::{AttachLine, MirrorVerb, Origin, Switch, change_feed};
use greenroom_model::feed::Sink;
use greenroom_model::mirror::{Attach, Detach};
use greenroom_model::{AccountName, TenantName};
use std::time::Duration;

impl Stage {
    pub(super) async fn mirror(&self, what: &MirrorVerb) -> Seen {
        match what {
            MirrorVerb::Attach(line) => self.attach(line).await,
            MirrorVerb::Detach { account, name, leave } => {
                let how = if *leave { Detach::Leave } else { Detach::Remove };
                self.client_of(account)?.detach(account, name, how).await.map_err(|error| error.to_string())?;
                Ok(match how {
                    Detach::Remove => format!("{account} shows nothing of {name} any more"),
                    Detach::Leave => format!("{account} keeps what was cached of {name}, and follows it no more"),
                })
            }
            MirrorVerb::Pause { account, name } => {
                self.act(account, name, "pause").await?;
                Ok(format!("{name} follows nothing for now; what it shows is shown"))
            }
            MirrorVerb::Resume { account, name } => {
                self.act(account, name, "resume").await?;
                Ok(format!("{name} follows its origin again"))
            }
            MirrorVerb::Relist { account, name } => {
                self.act(account, name, "relist").await?;
                Ok(format!("{name} lists its origin again"))
            }
        }
    }

    pub(super) async fn feed(&self, account: &AccountName, state: Switch, segment: Option<Duration>) -> Seen {
        let settings = change_feed(account, state, segment)?;
        self.client_of(account)?.set_feed(account, settings.as_ref()).await.map_err(|error| error.to_string())?;
        Ok(match settings {
            Some(settings) => {
                format!("what changes in {account} is told, in segments of {} s", settings.segment_seconds)
            }
            None => format!("what changes in {account} is told no more"),
        })
    }

    pub(super) async fn sink(&self, account: &AccountName, name: &TenantName) -> Seen {
        self.client_of(account)?.put_sink(account, name, &Sink::Pull).await.map_err(|error| error.to_string())?;
        Ok(format!("what changes in {account} from now on waits for {name}"))
    }

    /// The secret of an account of the demo's own is its key, which no script has to name; of any other origin, what the stack has is kept.
    async fn attach(&self, line: &AttachLine) -> Seen {
        let (origin, secret) = match &line.origin {
            Origin::Own { account, part } => {
                let client = self.client_of(account)?;
                let keys = client.keys(account).await.map_err(|error| error.to_string())?;
                (format!("{}/{account}{part}", self.base_of(account)?), Some(keys.key1))
            }
            Origin::Url(url) => (url.clone(), None),
        };
        let AttachLine { account, name, .. } = line;
        let attach = Attach { mirror: line.settings(origin.clone())?, secret };
        self.client_of(account)?.attach(account, name, &attach).await.map_err(|error| error.to_string())?;
        Ok(format!("{account} shows what is at {origin}, and follows it"))
    }

    /// Where a mirror reaches an account: on the second node over the line that can be cut.
    fn base_of(&self, account: &AccountName) -> Result<String, String> {
        let line = self.backstage.cloud.borrow().as_ref().map(|cloud| cloud.line.at);
        match line.filter(|_| account.as_str() == CLOUD) {
            Some(at) => Ok(format!("http://{at}")),
            None => self.client().map(|client| client.blob),
        }
    }

    async fn act(&self, account: &AccountName, name: &TenantName, act: &str) -> Result<(), String> {
        self.client_of(account)?.mirror_act(account, name, act).await.map(|_| ()).map_err(|error| error.to_string())
    }
}
