//! Steps about what a tenant's content is encrypted by: keys in the demo's vault, their erasure, and the proof that nothing of it can be read.

use super::Stage;
use super::runner::Seen;
use crate::parse::{EncryptionVerb, VaultKey, VaultKeyVerb, VaultVerb};
use crate::search::{self, Looked};
use crate::vault::Vault;
use greenroom_model::keys::Erased;
use greenroom_model::tenancy::TenantsFile;
use greenroom_show::unit::{Unit, grouped};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

impl Stage {
    pub(super) async fn vault(&self, what: &VaultVerb) -> Seen {
        let VaultVerb::Key { what } = what;
        let vault = self.vault_handle()?;
        let done = match what {
            VaultKeyVerb::Create { name } => vault.create(name).await.map(|is_new| match is_new {
                true => format!("{} is there", vault.url(name)),
                false => format!("{} was there already", vault.url(name)),
            }),
            VaultKeyVerb::Disable { name } => {
                vault.disable(name).await.map(|()| format!("the vault refuses key '{name}'"))
            }
            VaultKeyVerb::Enable { name } => {
                vault.enable(name).await.map(|()| format!("the vault gives key '{name}' again"))
            }
        };
        done.map_err(|error| error.to_string())
    }

    pub(super) async fn encryption(self: &Arc<Self>, what: &EncryptionVerb) -> Seen {
        let EncryptionVerb::Erase { tenant } = what;
        let erased = self.client()?.erase(tenant).await.map_err(|error| error.to_string())?;
        self.say_erased(&erased);
        if let Some(why) = erased.left_in_cloud {
            return Err(format!("the cloud still holds {tenant}'s data keys, wrapped: {why}"));
        }
        Ok(format!("what {tenant} had encrypted is unreadable for good"))
    }

    fn say_erased(
        self: &Arc<Self>,
        Erased { tenant, at, data_keys, left_in_cloud: _, audit_seq, audit_hash }: &Erased,
    ) {
        let numbers = data_keys.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        self.say_lines(vec![
            format!("  tenant     {tenant}"),
            format!("  erased     data key {numbers}, at {at}"),
            format!("  audit log  entry {}, {audit_hash:.16}…", grouped(*audit_seq as f64)),
        ]);
    }

    /// Looks through all that the stack and its cloud keep.
    pub(super) async fn search(self: &Arc<Self>, text: &str, wanted: Wanted, cancel: &CancellationToken) -> Seen {
        let places = self.backstage.homes.borrow().places(self.backstage.workshop.folder());
        let mut found = None;
        for (place, folder) in places {
            let (text, cancel) = (text.to_string(), cancel.clone());
            let looked = tokio::task::spawn_blocking(move || search::look(&folder, &text, &cancel)).await;
            let looked = looked.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            self.say_lines(vec![format!("  {place:<6} {}", said(&looked))]);
            found = found.or(looked.named.first().map(|file| format!("{place}: {}", file.display())));
        }
        match (found, wanted) {
            (None, Wanted::Nowhere) => Ok("no file holds it".into()),
            (Some(file), Wanted::Nowhere) => Err(format!("it can be read in {file}")),
            (Some(file), Wanted::Found) => Ok(format!("it can be read in {file}")),
            (None, Wanted::Found) => Err("no file holds it, and one should".into()),
        }
    }

    /// Names each key of the demo's vault by its URL, where a file of tenants says `{vault:NAME}`.
    pub(super) fn fill_keys(&self, file: &mut TenantsFile) -> Result<(), String> {
        for encryption in file.tenants.iter_mut().filter_map(|tenant| tenant.encryption.as_mut()) {
            if let Some(key) = VaultKey::of_placeholder(&encryption.key) {
                encryption.key = self.vault_handle()?.url(&key?);
            }
        }
        Ok(())
    }

    fn vault_handle(&self) -> Result<Vault, String> {
        let vault = self.backstage.vault.borrow().clone();
        vault.ok_or_else(|| {
            "the vault does not run: press Restart beside 'Stack down', or Shift R to reset the demo".into()
        })
    }
}

/// What a search passes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Nowhere,
    Found,
}

fn said(Looked { files, bytes, holding, .. }: &Looked) -> String {
    let all = format!("{} files, {}", grouped(*files as f64), Unit::Bytes.say(*bytes as f64));
    match holding {
        0 => format!("{all}: in none"),
        count => format!("{all}: in {}", grouped(*count as f64)),
    }
}
