//! Secrets that the catalog holds: sealed by a key of the server's, each as what it is of, so that none can be put in the place of another.
//! Knows nothing of who has the key. See `docs/design/keys-of-a-tenant.md`.

mod lost;

use crate::catalog::{Catalog, Txn};
use crate::error::{Result, StoreError};
use crate::rows::{AccountRow, FeedRow, KeptSecret, KeptSink, MirrorRow};
use crate::seal::DataKey;
use crate::store::Store;
use greenroom_model::AccountName;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// What secrets are sealed as: nothing else that the key seals is one.
const PURPOSE: &[u8] = b"greenroom secret";
/// Rows that one transaction seals.
const ROWS_A_TRANSACTION: usize = 500;

/// What a secret is of. No two have the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOf(String);

impl SecretOf {
    pub fn key(account: &AccountName, number: u8) -> Self {
        Self(format!("key {number} of account {account}"))
    }

    pub fn mirror(account: &AccountName, name: &str) -> Self {
        Self(format!("the secret of mirror {account}/{name}"))
    }

    pub fn sink(account: &AccountName, name: &str) -> Self {
        Self(format!("the URL of sink {account}/{name}"))
    }
}

impl fmt::Display for SecretOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Seals and opens, once there is a key.
#[derive(Debug, Default)]
pub struct Secrets(OnceLock<Arc<DataKey>>);

impl Secrets {
    /// In clear while there is no key.
    pub fn keep(&self, of: &SecretOf, secret: &[u8]) -> KeptSecret {
        match self.0.get() {
            Some(key) => KeptSecret::Sealed(key.seal_as(PURPOSE, &[of.0.as_bytes()], secret)),
            None => KeptSecret::Plain(Zeroizing::new(secret.to_vec())),
        }
    }

    /// Err: `SecretSealed`.
    pub fn open(&self, of: &SecretOf, kept: &KeptSecret) -> Result<Zeroizing<Vec<u8>>> {
        let sealed = match kept {
            KeptSecret::Plain(secret) => return Ok(secret.clone()),
            KeptSecret::Sealed(sealed) => sealed,
        };
        let opened = self.0.get().and_then(|key| key.open_as(PURPOSE, &[of.0.as_bytes()], sealed));
        opened.map(Zeroizing::new).ok_or_else(|| StoreError::SecretSealed(of.to_string().into()))
    }

    /// Seals those that lie in clear.
    fn seal_all<'s>(&self, secrets: impl IntoIterator<Item = (SecretOf, &'s mut KeptSecret)>) -> Result<()> {
        for (of, kept) in secrets {
            if let KeptSecret::Plain(_) = kept {
                *kept = self.keep(&of, &self.open(&of, kept)?);
            }
        }
        Ok(())
    }
}

/// A row that holds secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    Account(AccountName),
    Mirror(AccountName, String),
    Sinks(AccountName),
}

impl AccountRow {
    fn secrets(&mut self) -> Vec<(SecretOf, &mut KeptSecret)> {
        let first = (SecretOf::key(&self.name, 1), &mut self.key);
        let second = self.second_key.as_mut().map(|key| (SecretOf::key(&self.name, 2), key));
        std::iter::once(first).chain(second).collect()
    }
}

impl MirrorRow {
    fn secrets(&mut self, account: &AccountName, name: &str) -> Vec<(SecretOf, &mut KeptSecret)> {
        self.secret.as_mut().map(|secret| (SecretOf::mirror(account, name), secret)).into_iter().collect()
    }
}

impl FeedRow {
    fn secrets(&mut self, account: &AccountName) -> Vec<(SecretOf, &mut KeptSecret)> {
        let sinks = self.sinks.iter_mut().filter_map(|(name, row)| match &mut row.sink {
            KeptSink::Webhook { url, .. } => Some((SecretOf::sink(account, name), url)),
            KeptSink::Pull | KeptSink::Kafka { .. } => None,
        });
        sinks.collect()
    }
}

impl Store {
    /// Whether some secret is sealed: then it takes the key that sealed it.
    pub fn has_sealed_secrets(&self) -> Result<bool> {
        let mut has_sealed = false;
        self.each_secret(|_, _, kept| {
            has_sealed |= matches!(kept, KeptSecret::Sealed(_));
            Ok(())
        })?;
        Ok(has_sealed)
    }

    /// What secrets are sealed by from now on; what lies in clear is sealed at once, and overwritten where it lay. Once, before anybody asks for
    /// accounts: until then the keys of those that are sealed are of no use. Err: `SecretSealed` where one is sealed by another key; nothing was
    /// changed then.
    pub async fn attach_secrets(&self, key: Arc<DataKey>) -> Result<()> {
        let ours = Secrets(OnceLock::from(key.clone()));
        let mut in_clear = BTreeSet::new();
        self.each_secret(|holding, of, kept| {
            if let KeptSecret::Plain(_) = kept {
                in_clear.insert(holding.clone());
            }
            ours.open(of, kept).map(drop)
        })?;
        if self.secrets().0.set(key).is_err() {
            tracing::error!("what seals secrets was said twice");
        }
        let in_clear: Vec<Holding> = in_clear.into_iter().collect();
        if !in_clear.is_empty() {
            self.on_catalog(Catalog::want_scrub).await?;
        }
        for batch in in_clear.chunks(ROWS_A_TRANSACTION) {
            let (batch, secrets) = (batch.to_vec(), self.secrets().clone());
            self.write(move |txn| batch.iter().try_for_each(|holding| seal(txn, &secrets, holding))).await?;
        }
        if self.catalog().wants_scrub()? {
            tracing::info!(rows = in_clear.len(), "secrets that lay in clear are sealed");
            // They are sealed all the same, and the next start tries again.
            if let Err(error) = self.on_catalog(Catalog::scrub).await {
                tracing::warn!(%error, "what the catalog's file does not use could not be overwritten: secrets may lie there in clear");
            }
        }
        self.open_identities()
    }

    async fn on_catalog(&self, act: impl FnOnce(&Catalog) -> Result<()> + Send + 'static) -> Result<()> {
        let catalog = self.catalog().clone();
        tokio::task::spawn_blocking(move || act(&catalog)).await.map_err(|_| StoreError::Closed)?
    }

    fn each_secret(&self, mut look: impl FnMut(&Holding, &SecretOf, &KeptSecret) -> Result<()>) -> Result<()> {
        let mut see = |holding: Holding, secrets: Vec<(SecretOf, &mut KeptSecret)>| {
            secrets.into_iter().try_for_each(|(of, kept)| look(&holding, &of, kept))
        };
        let snapshot = self.snapshot()?;
        for mut row in snapshot.accounts()? {
            see(Holding::Account(row.name.clone()), row.secrets())?;
        }
        for (account, name, mut row) in snapshot.mirrors()? {
            see(Holding::Mirror(account.clone(), name.clone()), row.secrets(&account, &name))?;
        }
        for (account, mut row) in snapshot.feeds()? {
            see(Holding::Sinks(account.clone()), row.secrets(&account))?;
        }
        Ok(())
    }
}

/// Seals what a row holds in clear. One that is gone holds nothing.
fn seal(txn: &mut Txn<'_>, secrets: &Secrets, holding: &Holding) -> Result<()> {
    match holding {
        Holding::Account(name) => {
            let Some(mut row) = txn.account(name)? else { return Ok(()) };
            secrets.seal_all(row.secrets())?;
            txn.put_account(&row)
        }
        Holding::Mirror(account, name) => {
            let Some(mut row) = txn.mirror(account, name)? else { return Ok(()) };
            secrets.seal_all(row.secrets(account, name))?;
            txn.put_mirror(account, name, &row)
        }
        Holding::Sinks(account) => {
            let Some(mut row) = txn.books.outboxes.get(account).map(|outbox| outbox.row.clone()) else { return Ok(()) };
            secrets.seal_all(row.secrets(account))?;
            txn.put_feed(account, row)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::DATA_KEY_BYTES;

    fn by(byte: u8) -> Secrets {
        Secrets(OnceLock::from(Arc::new(DataKey::new(0, Box::new(Zeroizing::new([byte; DATA_KEY_BYTES]))))))
    }

    fn of(account: &str) -> [SecretOf; 4] {
        let account = AccountName::new(account).expect("a good name");
        let keys = [SecretOf::key(&account, 1), SecretOf::key(&account, 2)];
        let [one, other] = keys;
        [one, other, SecretOf::mirror(&account, "lake"), SecretOf::sink(&account, "lake")]
    }

    #[test]
    fn a_secret_is_opened_as_what_it_is_of_and_as_nothing_else() {
        let all = [of("goldacct"), of("silveracct")].concat();
        for (at, mine) in all.iter().enumerate() {
            let kept = by(1).keep(mine, b"a secret");
            assert_eq!(by(1).open(mine, &kept).expect("it opens").as_slice(), b"a secret");
            for (_, other) in all.iter().enumerate().filter(|(there, _)| *there != at) {
                assert!(by(1).open(other, &kept).is_err(), "{mine} as {other}");
            }
            for secrets in [by(2), Secrets::default()] {
                let refused = secrets.open(mine, &kept).expect_err("it has not the key").to_string();
                assert!(refused.contains(&mine.0), "{refused}");
            }
        }
    }

    #[test]
    fn whatever_was_changed_or_cut_off_is_refused() {
        let [of, ..] = of("goldacct");
        let KeptSecret::Sealed(good) = by(1).keep(&of, &[7; 64]) else { panic!("it is in clear") };
        assert!(!good.windows(4).any(|part| part == [7; 4]), "it is in clear");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(by(1).open(&of, &KeptSecret::Sealed(bad)).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(by(1).open(&of, &KeptSecret::Sealed(good[..length].to_vec())).is_err(), "{length}");
        }
    }

    #[test]
    fn without_a_key_it_is_kept_in_clear_and_never_printed() {
        let [of, ..] = of("goldacct");
        let mut kept = Secrets::default().keep(&of, b"a secret");
        assert_eq!(kept, KeptSecret::Plain(Zeroizing::new(b"a secret".to_vec())));
        assert_eq!(format!("{kept:?}"), "Plain(redacted)");
        by(1).seal_all([(of.clone(), &mut kept)]).expect("sealed");
        assert_eq!(format!("{kept:?}"), "Sealed(redacted)");
        let was = kept.clone();
        by(2).seal_all([(of, &mut kept)]).expect("there is nothing to seal");
        assert_eq!(kept, was);
    }
}
