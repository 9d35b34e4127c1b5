//! What a request asks for, by its method and path. Nothing is decoded: no name of a key needs it.

#[cfg(test)]
mod tests;

use super::clients::Right;
use super::record::Use;
use super::refusal::Refusal;
use greenroom_vault::{KeyName, KeyVersion, NameError};
use http::Method;

/// The tenant that clients sign in to.
pub const TENANT: &str = "greenroom";

#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// Where clients sign in.
    Token,
    /// What they ask first.
    Discovery,
    Keys(Ask),
}

/// Of the vault itself. A key without a version is the current one.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    List,
    Create(KeyName),
    Get(KeyName, Option<KeyVersion>),
    Versions(KeyName),
    Update(KeyName, Option<KeyVersion>),
    Rotate(KeyName),
    Delete(KeyName),
    Turn(Use, KeyName, Option<KeyVersion>),
    ListDeleted,
    GetDeleted(KeyName),
    Recover(KeyName),
    Purge(KeyName),
}

impl Route {
    pub fn find(method: &Method, path: &str) -> Result<Route, Refusal> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let tenant = |found: &str| match found == TENANT {
            true => Ok(()),
            false => Err(Refusal::Bad(format!("The only tenant here is {TENANT}."))),
        };
        match (method.as_str(), &*parts) {
            ("POST", [at, "oauth2", "v2.0", "token"]) => tenant(at).map(|()| Route::Token),
            ("GET", [at, "v2.0", ".well-known", "openid-configuration"]) => tenant(at).map(|()| Route::Discovery),
            (method, ["keys", rest @ ..]) => key(method, rest).map(Route::Keys),
            (method, ["deletedkeys", rest @ ..]) => deleted(method, rest).map(Route::Keys),
            _ => Err(Refusal::NoPlace),
        }
    }
}

/// As the SDKs write it, an absent version may leave its slashes.
fn key(method: &str, parts: &[&str]) -> Result<Ask, Refusal> {
    let what = |text: &str| match text {
        "wrapkey" => Some(Use::WrapKey),
        "unwrapkey" => Some(Use::UnwrapKey),
        "encrypt" => Some(Use::Encrypt),
        "decrypt" => Some(Use::Decrypt),
        _ => None,
    };
    Ok(match (method, parts) {
        ("GET", [] | [""]) => Ask::List,
        ("POST", [at, "create"]) => Ask::Create(name(at)?),
        ("POST", [at, "rotate"]) => Ask::Rotate(name(at)?),
        ("GET", [at, "versions"]) => Ask::Versions(name(at)?),
        ("GET", [at]) => Ask::Get(name(at)?, None),
        ("GET", [at, of]) => Ask::Get(name(at)?, version(of)?),
        ("PATCH", [at]) => Ask::Update(name(at)?, None),
        ("PATCH", [at, of]) => Ask::Update(name(at)?, version(of)?),
        ("DELETE", [at] | [at, ""]) => Ask::Delete(name(at)?),
        ("POST", [at, of, act]) if let Some(act) = what(act) => Ask::Turn(act, name(at)?, version(of)?),
        ("POST", [at, act]) if let Some(act) = what(act) => Ask::Turn(act, name(at)?, None),
        (_, [] | [_] | [_, _]) => return Err(Refusal::NoMethod),
        _ => return Err(Refusal::NoPlace),
    })
}

fn deleted(method: &str, parts: &[&str]) -> Result<Ask, Refusal> {
    Ok(match (method, parts) {
        ("GET", [] | [""]) => Ask::ListDeleted,
        ("GET", [at]) => Ask::GetDeleted(name(at)?),
        ("DELETE", [at]) => Ask::Purge(name(at)?),
        ("POST", [at, "recover"]) => Ask::Recover(name(at)?),
        (_, [] | [_]) => return Err(Refusal::NoMethod),
        _ => return Err(Refusal::NoPlace),
    })
}

fn name(text: &str) -> Result<KeyName, Refusal> {
    text.parse().map_err(|error: NameError| Refusal::Bad(format!("The request's URL is wrong: {error}.")))
}

fn version(text: &str) -> Result<Option<KeyVersion>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let version =
        text.parse().map_err(|error: NameError| Refusal::Bad(format!("The request's URL is wrong: {error}.")));
    version.map(Some)
}

impl Ask {
    /// What a client needs for it.
    pub fn right(&self) -> Right {
        match self {
            Self::List | Self::Versions(_) | Self::ListDeleted => Right::List,
            Self::Create(_) => Right::Create,
            Self::Get(..) | Self::GetDeleted(_) => Right::Get,
            Self::Update(..) => Right::Update,
            Self::Rotate(_) => Right::Rotate,
            Self::Delete(_) => Right::Delete,
            Self::Recover(_) => Right::Recover,
            Self::Purge(_) => Right::Purge,
            Self::Turn(Use::WrapKey, ..) => Right::WrapKey,
            Self::Turn(Use::UnwrapKey, ..) => Right::UnwrapKey,
            Self::Turn(Use::Decrypt, ..) => Right::Decrypt,
            Self::Turn(Use::Encrypt | Use::Sign | Use::Verify | Use::Import | Use::Export, ..) => Right::Encrypt,
        }
    }

    /// As the audit calls it.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Create(_) => "create",
            Self::Get(..) => "get",
            Self::Versions(_) => "versions",
            Self::Update(..) => "update",
            Self::Rotate(_) => "rotate",
            Self::Delete(_) => "delete",
            Self::Turn(what, ..) => what.name(),
            Self::ListDeleted => "listDeleted",
            Self::GetDeleted(_) => "getDeleted",
            Self::Recover(_) => "recover",
            Self::Purge(_) => "purge",
        }
    }

    pub fn key(&self) -> (Option<&KeyName>, Option<&KeyVersion>) {
        match self {
            Self::List | Self::ListDeleted => (None, None),
            Self::Get(name, version) | Self::Update(name, version) | Self::Turn(_, name, version) => {
                (Some(name), version.as_ref())
            }
            Self::Create(name)
            | Self::Versions(name)
            | Self::Rotate(name)
            | Self::Delete(name)
            | Self::GetDeleted(name)
            | Self::Recover(name)
            | Self::Purge(name) => (Some(name), None),
        }
    }
}
