//! Who wraps and unwraps data keys: this server by a key of its own, or a vault. Knows nothing of tenants.

use crate::args::Vaults as Args;
use crate::fault::Fault;
use crate::offload::target::Secret;
use crate::token::{from_hex, to_hex};
use futures::future::BoxFuture;
use greenroom_model::keys::WrappingKey;
use greenroom_store::{
    DATA_KEY_BYTES, DataKey, DataKeyId, DataKeyRecord, KeyFault, Unwrapped, Wrapped, Wrapping, private,
};
use greenroom_vault::{Kid, Settings, Vault, VaultError};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// This server's own key, in hexadecimal, in the data folder where no other place is given.
const NODE_KEY_FILE: &str = "node.key";
const NODE_ALGORITHM: &str = "A256GCM";
/// What the server's own key is for: nothing else that it ever encrypts can be taken for a data key.
const PURPOSE: &[u8] = b"greenroom data key";
/// Its number as a data key: no frame names it.
const NO_FRAMES: u32 = 0;
/// What this server tells a vault of itself, where no file is given.
const SECRET_VARIABLE: &str = "GREENROOM_VAULT_SECRET";
/// A vault that takes longer is away.
const VAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys in vaults that are spoken to; then all are opened anew.
const VAULTS_MAX: usize = 256;

/// All who wrap.
#[derive(Debug)]
pub struct Wrappers {
    /// Not there only where nothing is ever wrapped.
    node: Option<NodeKey>,
    login: Option<Login>,
    /// By the key's URL without its version.
    vaults: Mutex<BTreeMap<String, Arc<Vault>>>,
}

/// What this server is to a vault.
#[derive(Debug)]
struct Login {
    client_id: String,
    secret: SecretString,
    authority: Option<Url>,
    ca: Option<PathBuf>,
}

impl Wrappers {
    /// `is_used`: whether this server's own key has wrapped or sealed something already: it must then be there.
    pub fn open(dir: &Path, args: &Args, is_used: bool) -> Result<Self, Fault> {
        let file = node_key_file(dir, args.node_key_file.as_deref());
        let node = NodeKey::open(&file, is_used)?;
        Ok(Self { node: Some(node), login: login(args)?, vaults: Mutex::default() })
    }

    /// What seals the secrets of this server; `None` where its own key is not here.
    pub fn secrets(&self) -> Option<Arc<DataKey>> {
        self.node.as_ref().map(|node| node.secrets.clone())
    }

    /// For whoever only unwraps, with this server's own key where there is one.
    pub fn to_unwrap(dir: &Path, args: &Args) -> Result<Self, Fault> {
        Ok(Self { login: login(args)?, ..Self::of_node(dir, args.node_key_file.as_deref())? })
    }

    /// Without a name at any vault; this server's own key is not made where there is none.
    pub fn of_node(dir: &Path, node_key_file: Option<&Path>) -> Result<Self, Fault> {
        let file = self::node_key_file(dir, node_key_file);
        let node = file.exists().then(|| NodeKey::open(&file, true)).transpose()?;
        Ok(Self { node, login: None, vaults: Mutex::default() })
    }

    /// Whether a data key is wrapped by this server's own key, which is not here, or is another one.
    pub fn has_lost(&self, wrapped: &Wrapped) -> bool {
        let opens = || self.node.as_ref().is_some_and(|node| node.unwrap(wrapped).is_ok());
        wrapped.by == WrappingKey::NODE && !wrapped.bytes.is_empty() && !opens()
    }

    /// Whether whoever wraps so can be asked, now or later: a server's own key that is lost is lost.
    pub fn knows(&self, wrapped_by: &str) -> bool {
        wrapped_by != WrappingKey::NODE || self.node.is_some()
    }

    /// Wraps a new data key, or one that is unwrapped. Err: `Denied`, `Away`, as sentences.
    pub async fn wrap(&self, by: &WrappingKey, data_key: &Unwrapped) -> Result<Wrapped, KeyFault> {
        match by {
            WrappingKey::Node => Ok(self.node()?.wrap(data_key)),
            WrappingKey::Vault(url) => {
                let vault = self.vault(url)?;
                let wrapped = vault.wrap(&kid(url)?, &data_key[..]).await.map_err(fault)?;
                let greenroom_vault::Wrapped { kid, algorithm, bytes } = wrapped;
                let algorithm = serde_json::to_value(algorithm).ok().and_then(|name| name.as_str().map(str::to_owned));
                Ok(Wrapped { by: kid.to_string(), algorithm: algorithm.unwrap_or_default(), bytes })
            }
        }
    }

    pub async fn unwrap(&self, wrapped: &Wrapped) -> Result<Unwrapped, KeyFault> {
        if wrapped.by == WrappingKey::NODE {
            return self.node()?.unwrap(wrapped);
        }
        let vault = self.vault(&wrapped.by)?;
        let algorithm = serde_json::from_value(wrapped.algorithm.as_str().into()).map_err(bad)?;
        let asked = greenroom_vault::Wrapped { kid: kid(&wrapped.by)?, algorithm, bytes: wrapped.bytes.clone() };
        let bytes = vault.unwrap(&asked).await.map_err(fault)?;
        boxed(&bytes).ok_or_else(|| KeyFault::Denied("the vault's answer is no data key".to_owned()))
    }

    fn node(&self) -> Result<&NodeKey, KeyFault> {
        let missing = || KeyFault::Away("this server's own key is not here: give --node-key-file".to_owned());
        self.node.as_ref().ok_or_else(missing)
    }

    fn vault(&self, url: &str) -> Result<Arc<Vault>, KeyFault> {
        let kid = kid(url)?;
        let key = Kid::new(kid.vault(), kid.name().clone(), None).map_err(bad)?.to_string();
        let mut vaults = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vault) = vaults.get(&key) {
            return Ok(vault.clone());
        }
        let login = self.login.as_ref().ok_or_else(|| {
            KeyFault::Away("this server has no name at a vault: start it with --vault-client and its secret".to_owned())
        })?;
        let settings = Settings {
            key: Url::parse(&key).map_err(bad)?,
            authority: login.authority.clone(),
            client_id: login.client_id.clone(),
            secret: SecretString::from(login.secret.expose_secret()),
            ca: login.ca.clone(),
            timeout: VAULT_TIMEOUT,
        };
        let vault = Arc::new(Vault::open(settings).map_err(fault)?);
        if vaults.len() >= VAULTS_MAX {
            vaults.clear();
        }
        vaults.insert(key, vault.clone());
        Ok(vault)
    }
}

impl Wrapping for Wrappers {
    fn unwrap<'w>(&'w self, key: &'w DataKeyRecord) -> BoxFuture<'w, Result<Unwrapped, KeyFault>> {
        Box::pin(self.unwrap(&key.wrapped))
    }
}

fn node_key_file(dir: &Path, given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| dir.join(NODE_KEY_FILE), Path::to_owned)
}

/// What this server is called at vaults; `None` where it is not known to any.
fn login(args: &Args) -> Result<Option<Login>, Fault> {
    let Some(client_id) = &args.vault_client else { return Ok(None) };
    let secret = Secret::of(args.vault_secret_file.as_deref(), SECRET_VARIABLE)?;
    let secret = secret.ok_or_else(|| {
        Fault::Vault(format!(
            "--vault-client {client_id} has no secret: give --vault-secret-file, or {SECRET_VARIABLE}"
        ))
    })?;
    Ok(Some(Login {
        client_id: client_id.clone(),
        secret: secret.into_text().into(),
        authority: args.vault_authority.clone(),
        ca: args.vault_ca.clone(),
    }))
}

fn kid(url: &str) -> Result<Kid, KeyFault> {
    url.parse().map_err(|error| bad(format!("{url}: {error}")))
}

fn bad(why: impl fmt::Display) -> KeyFault {
    KeyFault::Away(why.to_string())
}

/// A vault that says no, and a key that is not there, are a refusal: somebody decided that. All else may be otherwise in a moment.
fn fault(error: VaultError) -> KeyFault {
    match error {
        VaultError::Denied { .. } | VaultError::Missing { .. } => KeyFault::Denied(error.to_string()),
        VaultError::Throttled { .. } | VaultError::Away(_) | VaultError::Bad(_) => KeyFault::Away(error.to_string()),
    }
}

/// A data key that nobody has had yet.
pub fn new_data_key() -> Result<Unwrapped, Fault> {
    let mut bytes = Box::new(Zeroizing::new([0; DATA_KEY_BYTES]));
    getrandom::fill(&mut bytes[..])?;
    Ok(bytes)
}

pub fn new_data_key_id() -> Result<DataKeyId, Fault> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    Ok(DataKeyId(id))
}

fn boxed(bytes: &[u8]) -> Option<Unwrapped> {
    let mut data_key = Box::new(Zeroizing::new([0; DATA_KEY_BYTES]));
    (bytes.len() == DATA_KEY_BYTES).then(|| {
        data_key.copy_from_slice(bytes);
        data_key
    })
}

/// Wraps by AES-256-GCM with random nonces: of one key there are never more than some thousands.
struct NodeKey {
    wrapping: LessSafeKey,
    /// The same bytes: what seals a secret is derived of them, each time another key.
    secrets: Arc<DataKey>,
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(redacted)")
    }
}

impl NodeKey {
    /// Makes one where there is none, but never in place of one that is lost: what it has wrapped would be too.
    fn open(file: &Path, is_used: bool) -> Result<Self, Fault> {
        let bad = |why: String| Fault::NodeKey { file: file.to_owned(), why };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound && !is_used => return Self::make(file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(bad(
                    "it is missing, and what this folder holds is sealed by it: put it back from your backup. Without one, \
                     `greenroom-stack lost-key` says what is lost with it, and goes on without that"
                        .to_owned(),
                ));
            }
            Err(error) => return Err(bad(error.to_string())),
        };
        if !private::is_private(file).map_err(|error| bad(error.to_string()))? {
            return Err(bad("others may read it: chmod 600".to_owned()));
        }
        let mut key = Box::new(Zeroizing::new([0; DATA_KEY_BYTES]));
        from_hex(text.trim(), &mut key[..])
            .ok_or_else(|| bad("it does not hold 64 hexadecimal digits: put it back from your backup".to_owned()))?;
        Ok(Self::of(key))
    }

    fn make(file: &Path) -> Result<Self, Fault> {
        let key = new_data_key()?;
        let text: Zeroizing<String> = Zeroizing::new(to_hex(&key[..]));
        private::replace(file, format!("{}\n", *text).as_bytes())
            .map_err(|error| Fault::NodeKey { file: file.to_owned(), why: error.to_string() })?;
        Ok(Self::of(key))
    }

    fn of(key: Unwrapped) -> Self {
        let wrapping = UnboundKey::new(&AES_256_GCM, &key[..]).expect("as many bytes as the cipher takes");
        Self { wrapping: LessSafeKey::new(wrapping), secrets: Arc::new(DataKey::new(NO_FRAMES, key)) }
    }

    fn wrap(&self, data_key: &Unwrapped) -> Wrapped {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).expect("the system has random numbers");
        let mut secret = Zeroizing::new(data_key.to_vec());
        let sealed = self.wrapping.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(PURPOSE),
            &mut secret,
        );
        let tag = sealed.expect("a data key is shorter than the cipher can take");
        let bytes = [&nonce, &secret[..], tag.as_ref()].concat();
        Wrapped { by: WrappingKey::NODE.to_owned(), algorithm: NODE_ALGORITHM.to_owned(), bytes }
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Unwrapped, KeyFault> {
        let other = || KeyFault::Denied("it is wrapped by another key than this server's".to_owned());
        let bytes = &wrapped.bytes;
        if wrapped.algorithm != NODE_ALGORITHM || bytes.len() != NONCE_LEN + DATA_KEY_BYTES + MAX_TAG_LEN {
            return Err(other());
        }
        let (nonce, sealed) = bytes.split_first_chunk().expect("its length was compared");
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = self.wrapping.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(PURPOSE), &mut sealed);
        boxed(opened.map_err(|_| other())?).ok_or_else(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_key_comes_back_by_the_key_that_wrapped_it_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("node.key");
        let node = NodeKey::open(&file, false).expect("made");
        let data_key = new_data_key().expect("random");
        let wrapped = node.wrap(&data_key);
        assert!(!wrapped.bytes.windows(8).any(|part| part == &data_key[..8]));
        assert_ne!(wrapped, node.wrap(&data_key), "a nonce is used once");
        let again = NodeKey::open(&file, true).expect("there");
        assert_eq!(again.unwrap(&wrapped).expect("unwrapped"), data_key);
        for at in 0..wrapped.bytes.len() {
            let mut bent = wrapped.clone();
            bent.bytes[at] ^= 1;
            assert!(matches!(again.unwrap(&bent), Err(KeyFault::Denied(_))), "byte {at}");
            bent.bytes.truncate(at);
            assert!(again.unwrap(&bent).is_err());
        }
        let other = NodeKey::open(&dir.path().join("other.key"), false).expect("made");
        assert!(matches!(other.unwrap(&wrapped), Err(KeyFault::Denied(_))));
    }

    #[test]
    fn a_key_that_is_used_is_never_made_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("node.key");
        let why = NodeKey::open(&file, true).expect_err("it is lost").to_string();
        assert!(why.contains("missing") && why.contains("backup") && !file.exists(), "{why}");
        private::replace(&file, b"half of it").expect("written");
        assert!(NodeKey::open(&file, false).expect_err("it is none").to_string().contains("64 hexadecimal"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::remove_file(&file).expect("removed");
            NodeKey::open(&file, false).expect("made");
            assert!(private::is_private(&file).expect("there"));
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("widened");
            assert!(NodeKey::open(&file, false).expect_err("others may read it").to_string().contains("chmod 600"));
        }
    }
}
