//! Who may ask for what. Of a secret only what it hashes to is kept: it has 256 random bits, so nobody guesses it from that.

use super::folder::{Folder, Held};
use super::random;
use crate::fault::Fault;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const FILE: &str = "clients.json";
const CLIENTS_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 64;

/// In Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
#[value(rename_all = "camelCase")]
pub enum Right {
    Get,
    List,
    Create,
    Update,
    Delete,
    Recover,
    Purge,
    WrapKey,
    UnwrapKey,
    Encrypt,
    Decrypt,
    Rotate,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Client {
    pub name: String,
    pub client_id: String,
    pub rights: Vec<Right>,
    salt: String,
    /// SHA-256 of salt and secret.
    hash: String,
}

#[derive(Debug, Clone)]
pub struct Clients {
    folder: Folder,
}

impl Client {
    pub fn has(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    pub fn knows(&self, secret: &str) -> bool {
        hash(&self.salt, secret).as_bytes().ct_eq(self.hash.as_bytes()).into()
    }
}

impl Right {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Clients {
    pub fn new(folder: Folder) -> Clients {
        Clients { folder }
    }

    pub fn list(&self) -> Result<Vec<Client>, Fault> {
        let fault = |source| Fault::File { file: self.folder.path(FILE), source };
        let Some(bytes) = self.folder.read(FILE).map_err(fault)? else { return Ok(Vec::new()) };
        serde_json::from_slice(&bytes).map_err(|error| fault(error.into()))
    }

    pub fn find(&self, client_id: &str) -> Result<Option<Client>, Fault> {
        Ok(self.list()?.into_iter().find(|client| client.client_id == client_id))
    }

    /// The client, and its secret, which is nowhere else.
    pub fn add(&self, name: &str, rights: &[Right]) -> Result<(Client, Zeroizing<String>), Fault> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            return Err(Fault::ClientName(name.to_owned()));
        }
        let (secret, salt) = (random::secret()?, random::hex::<16>()?);
        let hash = hash(&salt, &secret);
        let client = Client { name: name.to_owned(), client_id: random::uuid()?, rights: sorted(rights), salt, hash };
        self.change(|clients| {
            if clients.iter().any(|one| one.name == name) {
                return Err(Fault::ClientThere(name.to_owned()));
            }
            if clients.len() >= CLIENTS_MAX {
                return Err(Fault::ManyClients(CLIENTS_MAX));
            }
            clients.push(client.clone());
            Ok(())
        })?;
        Ok((client, secret))
    }

    pub fn remove(&self, name: &str) -> Result<(), Fault> {
        self.change(|clients| {
            let before = clients.len();
            clients.retain(|one| one.name != name);
            if clients.len() < before { Ok(()) } else { Err(Fault::NoClient(name.to_owned())) }
        })
    }

    pub fn set_rights(&self, name: &str, rights: &[Right]) -> Result<(), Fault> {
        self.change(|clients| {
            let found = clients.iter_mut().find(|one| one.name == name);
            found.ok_or_else(|| Fault::NoClient(name.to_owned()))?.rights = sorted(rights);
            Ok(())
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Client>) -> Result<(), Fault>) -> Result<(), Fault> {
        let fault = |source| Fault::File { file: self.folder.path(FILE), source };
        let held: Held = self.folder.hold().map_err(fault)?;
        let mut clients = self.list()?;
        change(&mut clients)?;
        let bytes = serde_json::to_vec_pretty(&clients).map_err(|error| fault(error.into()))?;
        self.folder.write(&held, FILE, &bytes).map_err(fault)
    }
}

fn hash(salt: &str, secret: &str) -> String {
    random::to_hex(&Sha256::new().chain_update(salt).chain_update(secret).finalize())
}

fn sorted(rights: &[Right]) -> Vec<Right> {
    let mut rights = rights.to_vec();
    rights.sort_unstable();
    rights.dedup();
    rights
}
