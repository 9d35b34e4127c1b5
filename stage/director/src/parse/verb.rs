//! What else must be known of a step's verb. Each match names them all, so that a new one is thought of here.

use super::comparison::{Condition, without_within};
use super::demo::Profile;
use super::mirror::whole_seconds;
use super::placeholder;
use super::script::{ConsumerVerb, DataVerb, FileName, LoadLine, StackVerb, Switch, TenantVerb, Verb};
use super::vault::EncryptionVerb;
use crate::measures;
use greenroom_model::feed::ChangeFeed;
use greenroom_model::{AccountName, TenantName};
use std::time::Duration;

/// A shorter text may stand in any file.
const SEARCHED_MIN: usize = 8;

impl Verb {
    /// What its grammar cannot tell: the error is a sentence without a place.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Verb::Wait { .. } | Verb::Expect { .. } => self.condition().map(|_| ()),
            Verb::Run { args, .. } => args.iter().try_for_each(|arg| placeholder::read(arg).map(|_| ())),
            Verb::Mirror { what } => what.check(),
            Verb::Feed { account, state, segment } => change_feed(account, *state, *segment).map(|_| ()),
            Verb::Search { text, .. } if text.len() < SEARCHED_MIN => {
                Err(format!("'{text}' may be found by chance: look for {SEARCHED_MIN} letters and more"))
            }
            Verb::Tenant { .. }
            | Verb::Data { .. }
            | Verb::Load(_)
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. } => Ok(()),
        }
    }

    /// What it compares.
    pub fn condition(&self) -> Result<Option<Condition>, String> {
        match self {
            Verb::Wait { condition } | Verb::Expect { condition } => {
                Condition::read(&without_within(condition)?.0).map(Some)
            }
            Verb::Tenant { .. }
            | Verb::Data { .. }
            | Verb::Run { .. }
            | Verb::Load(_)
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. } => Ok(None),
        }
    }

    /// The file beside the demo that it applies: who trusts the demo trusts it too.
    pub fn file(&self) -> Option<&FileName> {
        match self {
            Verb::Tenant { what: TenantVerb::Plan { file } | TenantVerb::Apply { file } } => Some(file),
            Verb::Tenant {
                what:
                    TenantVerb::Create { .. }
                    | TenantVerb::Suspend { .. }
                    | TenantVerb::Resume { .. }
                    | TenantVerb::HandOver { .. }
                    | TenantVerb::OffBoard { .. },
            }
            | Verb::Data { .. }
            | Verb::Run { .. }
            | Verb::Load(_)
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. }
            | Verb::Wait { .. }
            | Verb::Expect { .. } => None,
        }
    }

    /// The program that it runs, which the demo must name, so that preflight can look for it.
    pub fn tool(&self) -> Option<&str> {
        match self {
            Verb::Run { tool, .. } => Some(tool),
            Verb::Tenant { .. }
            | Verb::Data { .. }
            | Verb::Load(_)
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. }
            | Verb::Wait { .. }
            | Verb::Expect { .. } => None,
        }
    }

    /// The stack that it needs: what would happen to the one that demos share, or to its cloud, needs one of the demo's own.
    pub fn profile(&self) -> Profile {
        match self {
            Verb::Stack { .. } | Verb::Fault { .. } | Verb::Offload { .. } => Profile::Offload,
            Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. } => Profile::Fresh,
            Verb::Tenant { .. }
            | Verb::Data { .. }
            | Verb::Run { .. }
            | Verb::Load(_)
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Quota { .. }
            | Verb::Wait { .. }
            | Verb::Expect { .. } => Profile::Shared,
        }
    }

    /// How long it may take by its own words, where they say; `usual` is what a step gets else.
    pub fn may_take(&self, usual: Duration) -> Option<Duration> {
        match self {
            Verb::Wait { condition } => without_within(condition).ok().and_then(|(_, within)| within),
            // A load is as long as it says, and may take as long again to prepare and to be answered.
            Verb::Load(load) => (!load.in_background).then(|| load.shape.lasts * 2 + usual),
            Verb::Tenant { .. }
            | Verb::Data { .. }
            | Verb::Run { .. }
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. }
            | Verb::Expect { .. } => None,
        }
    }

    /// What it proves where its line does not say.
    pub fn proves(&self) -> Option<String> {
        match self {
            Verb::Data { what: DataVerb::Compare { .. } } => Some("Every byte identical".into()),
            Verb::Data { what: DataVerb::Make { .. } }
            | Verb::Tenant { .. }
            // A condition is no sentence: what it proves, the line says.
            | Verb::Expect { .. }
            | Verb::Wait { .. }
            | Verb::Load(_)
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. }
            | Verb::Run { .. } => None,
        }
    }

    /// Names of the figures and curves that it leaves, as a step of this group.
    pub fn figures(&self, group: &str) -> Vec<String> {
        match self {
            Verb::Run { .. } => measures::of_tool(group),
            Verb::Wait { .. } => vec![measures::waited(group)],
            Verb::Load(load) => measures::of_load(&load.name),
            Verb::Stack { what: StackVerb::Rebuild { .. } } => vec!["rebuild.seconds".into()],
            Verb::Consumer { what: ConsumerVerb::Start { name, .. } } => measures::of_consumer(name),
            Verb::Stack { what: StackVerb::Wipe }
            | Verb::Consumer { what: ConsumerVerb::Kill { .. } }
            | Verb::Tenant { .. }
            | Verb::Data { .. }
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Encryption { .. }
            | Verb::Search { .. }
            | Verb::Quota { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Expect { .. } => vec![],
        }
    }

    /// The tenant that it names, whose metrics there are.
    pub fn tenant(&self) -> Option<&TenantName> {
        match self {
            Verb::Tenant {
                what:
                    TenantVerb::Create { name, .. }
                    | TenantVerb::Suspend { name }
                    | TenantVerb::Resume { name }
                    | TenantVerb::HandOver { name, .. }
                    | TenantVerb::OffBoard { name },
            } => Some(name),
            Verb::Load(load) => {
                let LoadLine { tenant, .. } = load.as_ref();
                Some(tenant)
            }
            Verb::Quota { tenant, .. } | Verb::Encryption { what: EncryptionVerb::Erase { tenant } } => Some(tenant),
            Verb::Tenant { what: TenantVerb::Plan { .. } | TenantVerb::Apply { .. } }
            | Verb::Data { .. }
            | Verb::Run { .. }
            | Verb::Stop { .. }
            | Verb::Join { .. }
            | Verb::Fault { .. }
            | Verb::Offload { .. }
            | Verb::Admission { .. }
            | Verb::Keys { .. }
            | Verb::Vault { .. }
            | Verb::Search { .. }
            | Verb::Mirror { .. }
            | Verb::Feed { .. }
            | Verb::Sink { .. }
            | Verb::Consumer { .. }
            | Verb::Stack { .. }
            | Verb::Wait { .. }
            | Verb::Expect { .. } => None,
        }
    }
}

/// The settings of a feed that is on.
pub fn change_feed(
    account: &AccountName,
    state: Switch,
    segment: Option<Duration>,
) -> Result<Option<ChangeFeed>, String> {
    let usual = ChangeFeed::default();
    let segment_seconds = segment.map(whole_seconds).transpose()?;
    match (state, segment_seconds) {
        (Switch::Off, None) => Ok(None),
        (Switch::Off, Some(_)) => Err(format!("'feed {account} off' has no segments: leave '--segment' away")),
        (Switch::On, segment_seconds) => {
            let feed = ChangeFeed { segment_seconds: segment_seconds.unwrap_or(usual.segment_seconds), ..usual };
            feed.check()?;
            Ok(Some(feed))
        }
    }
}
