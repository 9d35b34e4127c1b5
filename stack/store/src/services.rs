//! Settings of an account's service as a whole. What they mean is for others to say: here they are texts, by section.

use crate::blobs::check_size;
use crate::catalog::tables::SERVICES;
use crate::error::{Result, StoreError};
use crate::rows::{ServiceSettings, decode, encode};
use crate::store::Store;
use greenroom_model::AccountName;
use redb::ReadableTable as _;

impl Store {
    /// Empty where nothing was ever set.
    pub async fn service_settings(&self, account: &AccountName) -> Result<ServiceSettings> {
        let table = self.snapshot()?.txn.open_table(SERVICES)?;
        let row = table.get(account.as_str())?;
        row.map_or(Ok(ServiceSettings::new()), |row| decode(row.value()))
    }

    /// Replaces the sections that are given, and leaves the others. Err: `AccountMissing`, `PropsTooLarge`.
    pub async fn set_service_settings(&self, account: &AccountName, settings: ServiceSettings) -> Result<()> {
        check_size(&settings)?;
        let account = account.clone();
        self.write(move |txn| {
            if txn.accounts.get(account.as_str())?.is_none() {
                return Err(StoreError::AccountMissing(account));
            }
            let row = txn.services.get(account.as_str())?.map(|row| decode::<ServiceSettings>(row.value()));
            let mut all = row.transpose()?.unwrap_or_default();
            all.extend(settings);
            check_size(&all)?;
            txn.dirty = true;
            txn.services.insert(account.as_str(), encode(&all).as_slice())?;
            Ok(())
        })
        .await
    }
}
