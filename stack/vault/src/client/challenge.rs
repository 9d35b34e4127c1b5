//! What a vault says to whom it does not know: where tokens come from, and for what. It is verified as Microsoft's clients do, and
//! more strictly, since theirs never sends a secret to where a vault says:
//! <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>,
//! <https://aka.ms/azsdk/blog/vault-uri>.

use super::VaultError;
use url::{Host, Url};

/// Longer than any authority's URL and resource.
const HEADER_BYTES_MAX: usize = 4096;
const PARAMETERS_MAX: usize = 16;
const SHOWN_CHARS_MAX: usize = 200;
/// Where Microsoft signs clients in: its public cloud by both names, and those of governments and of China.
const LOGIN_HOSTS: [&str; 6] = [
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.microsoft.com",
];
/// What a vault that is not one of Azure's may ask tokens for, besides its own domain.
const RESOURCE_HOST: &str = "vault.azure.net";

/// Where a token is asked for, and for what; both verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `https://AUTHORITY/TENANT`
    pub authorization: Url,
    /// As `https://vault.azure.net/.default`.
    pub scope: String,
}

impl Challenge {
    /// The first that asks for a bearer's token, if what it says may be followed.
    pub fn find<'a>(
        headers: impl IntoIterator<Item = &'a str>,
        vault: &Url,
        authority: Option<&Url>,
    ) -> Result<Challenge, VaultError> {
        let mut bearers = headers.into_iter().filter_map(bearer);
        let Some(parameters) = bearers.next() else {
            return Err(VaultError::Away("it does not say where tokens come from".to_owned()));
        };
        let challenge = parse(parameters).ok_or_else(|| VaultError::Away("its challenge cannot be read".to_owned()))?;
        challenge.verify(vault, authority).map_err(VaultError::Bad)?;
        Ok(challenge)
    }

    fn verify(&self, vault: &Url, authority: Option<&Url>) -> Result<(), String> {
        check_authority(&self.authorization)?;
        match authority {
            Some(set) if bare(set) == bare(&self.authorization) => {}
            Some(set) => {
                return Err(format!("it sends clients to {}, not to {}", shown(&self.authorization), shown(set)));
            }
            None if self.authorization.host_str().is_some_and(|host| LOGIN_HOSTS.contains(&host)) => {}
            None => {
                let to = shown(&self.authorization);
                return Err(format!("it sends clients to {to}, which is not Microsoft's and not set as the authority"));
            }
        }
        let resource = Url::parse(&self.scope).map_err(|_| format!("it asks for a token for {:.200?}", self.scope))?;
        let (Some(Host::Domain(of)), Some(host)) = (resource.host(), vault.host_str()) else {
            return Err(format!("it asks for a token for {}", shown(&resource)));
        };
        let own = host.strip_suffix(of).is_some_and(|rest| rest.ends_with('.')) && of.contains('.');
        let elsewhere = authority.is_some() && of == RESOURCE_HOST;
        let plain = resource.scheme() == "https" && resource.port().is_none() && resource.username().is_empty();
        if plain && (own || elsewhere) {
            Ok(())
        } else {
            Err(format!("{host} asks for a token for {}", shown(&resource)))
        }
    }
}

/// Whether secrets may go there at all: over TLS, to a tenant's own place.
pub fn check_authority(authority: &Url) -> Result<(), String> {
    let tenant = bare(authority).rsplit('/').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let bare_path = authority.path().trim_start_matches('/').trim_end_matches('/');
    let whole = authority.scheme() == "https"
        && authority.username().is_empty()
        && authority.password().is_none()
        && authority.query().is_none()
        && authority.fragment().is_none();
    if whole && !tenant.is_empty() && bare_path == tenant && tenant.bytes().all(plain) {
        return Ok(());
    }
    Err(format!("an authority is named as https://AUTHORITY/TENANT, not as {}", shown(authority)))
}

/// Without what might be a password, and not all of what a stranger says.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path()).chars().take(SHOWN_CHARS_MAX).collect()
}

fn bare(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, parameters) = header.trim_start().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && header.len() <= HEADER_BYTES_MAX).then_some(parameters)
}

/// `name="value"` and `name=value`, between commas; one that is said twice makes the challenge unreadable.
fn parse(parameters: &str) -> Option<Challenge> {
    let (mut authorization, mut resource, mut scope) = (None, None, None);
    let mut rest = parameters.trim();
    for _ in 0..PARAMETERS_MAX {
        if rest.is_empty() {
            break;
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        let after = after.trim_start();
        rest = if after.is_empty() { after } else { after.strip_prefix(',')?.trim_start() };
        let place = match name.trim().to_ascii_lowercase().as_str() {
            "authorization" | "authorization_uri" => &mut authorization,
            "resource" => &mut resource,
            "scope" => &mut scope,
            _ => continue,
        };
        if place.replace(value.trim()).is_some() {
            return None;
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let scope = match (scope, resource) {
        (Some(scope), _) => scope.to_owned(),
        (None, Some(resource)) => format!("{}/.default", resource.trim_end_matches('/')),
        (None, None) => return None,
    };
    let plain = !scope.contains(char::is_whitespace);
    plain.then_some(Challenge { authorization: Url::parse(authorization?).ok()?, scope })
}
