//! What was done with tenants' data keys, for the audit log: each that was unwrapped, and each change from yes to no. Who asks again and again
//! and is told the same no is written down once.

use crate::wrapping::Wrappers;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_store::{DataKeyRecord, KeyFault, Unwrapped, Wrapping};
use greenroom_tenancy::audit::Audit;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Unwraps, and says so.
pub struct Witnessed {
    wrappers: Arc<Wrappers>,
    audit: Arc<Audit>,
    /// What was said last, by the key's number.
    said: Mutex<BTreeMap<u32, Said>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    Denied,
    Away,
}

impl std::fmt::Debug for Witnessed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witnessed").field("wrappers", &self.wrappers).finish_non_exhaustive()
    }
}

impl Witnessed {
    pub fn new(wrappers: Arc<Wrappers>, audit: Arc<Audit>) -> Self {
        Self { wrappers, audit, said: Mutex::default() }
    }

    /// What is to be written down of an answer: nothing of a no that is known.
    fn entry(&self, number: u32, answer: &Result<Unwrapped, KeyFault>) -> Option<(&'static str, String)> {
        let (say, action, why) = match answer {
            Ok(_) => (Said::Yes, "key.unwrap", String::new()),
            Err(fault @ KeyFault::Denied(_)) => (Said::Denied, "key.denied", format!(": {fault}")),
            Err(fault @ KeyFault::Away(_)) => (Said::Away, "key.away", format!(": {fault}")),
        };
        let before = self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(number, say);
        (say == Said::Yes || before != Some(say)).then_some((action, why))
    }
}

impl Wrapping for Witnessed {
    fn unwrap<'w>(&'w self, key: &'w DataKeyRecord) -> BoxFuture<'w, Result<Unwrapped, KeyFault>> {
        async {
            let answer = self.wrappers.unwrap(&key.wrapped).await;
            if let Some((action, why)) = self.entry(key.number, &answer) {
                let (audit, tenant) = (self.audit.clone(), key.tenant.to_string());
                let detail = format!("data key {} by {}{why}", key.number, key.wrapped.by);
                let writing = tokio::task::spawn_blocking(move || audit.done("server", action, &tenant, &detail));
                if !matches!(writing.await, Ok(Ok(_))) {
                    tracing::error!(key = key.number, action, "the audit log lacks what was done with a key");
                }
            }
            answer
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrapping::new_data_key;

    #[test]
    fn each_unwrapping_is_written_down_and_a_no_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let args = crate::args::Vaults {
            node_key_file: None,
            vault_client: None,
            vault_secret_file: None,
            vault_authority: None,
            vault_ca: None,
            key_fresh_s: 1,
            key_hold_s: 1,
        };
        let wrappers = Arc::new(Wrappers::open(dir.path(), &args, false).expect("opened"));
        let now = Arc::new(|| "2026-01-01T00:00:00Z".to_owned());
        let audit = Audit::open(&dir.path().join("audit"), greenroom_tenancy::audit::Keep::default(), now);
        let witnessed = Witnessed::new(wrappers, Arc::new(audit.expect("opened")));
        let (yes, denied) = (|| new_data_key().map_err(|_| unreachable!()), || Err(KeyFault::Denied("no".to_owned())));
        let away = || Err(KeyFault::Away("silence".to_owned()));
        let mut said = Vec::new();
        for answer in [yes(), yes(), denied(), denied(), away(), denied(), yes()] {
            said.push(witnessed.entry(1, &answer).map(|(action, _)| action));
        }
        let all = ["key.unwrap", "key.unwrap", "key.denied", "", "key.away", "key.denied", "key.unwrap"];
        assert_eq!(said, all.map(|action| (!action.is_empty()).then_some(action)));
    }
}
