//! Secrets that nobody opens any more, since the key that sealed them is lost: others take their place, or none.

use super::{Holding, SecretOf, Secrets};
use crate::catalog::Txn;
use crate::error::Result;
use crate::identity::AccountKey;
use crate::rows::{KeptSecret, KeptSink};
use crate::seal::DataKey;
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

impl Store {
    /// What this key does not open, or no key, where there is none.
    pub fn lost_secrets(&self, key: Option<Arc<DataKey>>) -> Result<Vec<SecretOf>> {
        Ok(self.lost(&secrets(key))?.into_values().flatten().collect())
    }

    /// Gives up what the key does not open: accounts have new keys, a mirror has no secret, a sink whose URL is lost is gone. Returns what was
    /// given up. Once it is done a server starts over the folder; after a crash, once it is done again. To be called before anybody asks for
    /// accounts.
    pub async fn give_up_secrets(
        &self,
        key: Option<Arc<DataKey>>,
        new_key: impl Fn() -> AccountKey + Send + Sync + 'static,
    ) -> Result<Vec<SecretOf>> {
        let secrets = secrets(key);
        let (lost, new_key) = (self.lost(&secrets)?, Arc::new(new_key));
        for holding in lost.keys() {
            let (secrets, new_key, holding) = (secrets.clone(), new_key.clone(), holding.clone());
            self.write(move |txn| give_up(txn, &secrets, &holding, &*new_key)).await?;
        }
        Ok(lost.into_values().flatten().collect())
    }

    fn lost(&self, secrets: &Secrets) -> Result<BTreeMap<Holding, Vec<SecretOf>>> {
        let mut lost = BTreeMap::<Holding, Vec<SecretOf>>::new();
        self.each_secret(|holding, of, kept| {
            if secrets.open(of, kept).is_err() {
                lost.entry(holding.clone()).or_default().push(of.clone());
            }
            Ok(())
        })?;
        Ok(lost)
    }
}

fn secrets(key: Option<Arc<DataKey>>) -> Arc<Secrets> {
    Arc::new(key.map(|key| Secrets(OnceLock::from(key))).unwrap_or_default())
}

fn give_up(txn: &mut Txn<'_>, secrets: &Secrets, holding: &Holding, new_key: &dyn Fn() -> AccountKey) -> Result<()> {
    let is_lost = |of: &SecretOf, kept: &KeptSecret| secrets.open(of, kept).is_err();
    match holding {
        Holding::Account(name) => {
            let Some(mut row) = txn.account(name)? else { return Ok(()) };
            for (of, kept) in row.secrets() {
                if is_lost(&of, kept) {
                    *kept = secrets.keep(&of, new_key().as_bytes());
                }
            }
            // What was derived for the account is worth no more than its keys.
            row.generation += 1;
            txn.put_account(&row)
        }
        Holding::Mirror(account, name) => {
            let Some(mut row) = txn.mirror(account, name)? else { return Ok(()) };
            row.secret = None;
            txn.put_mirror(account, name, &row)
        }
        Holding::Sinks(account) => {
            let Some(mut row) = txn.books.outboxes.get(account).map(|outbox| outbox.row.clone()) else { return Ok(()) };
            row.sinks.retain(|name, sink| match &sink.sink {
                KeptSink::Webhook { url, .. } => !is_lost(&SecretOf::sink(account, name), url),
                KeptSink::Pull | KeptSink::Kafka { .. } => true,
            });
            txn.put_feed(account, row)
        }
    }
}
