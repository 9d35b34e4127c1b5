//! Where clients sign in, as at Microsoft's own place:
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use super::clients::{Client, Clients};
use super::route::TENANT;
use super::tokens::{TOKEN_SECONDS, Tokens};
use crate::fault::Fault;
use http::StatusCode;
use serde::Serialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// What tokens are asked for.
pub const RESOURCE: &str = "https://vault.azure.net";

/// What went wrong, and whom it was about, where that is known.
#[derive(Debug)]
pub struct NoToken {
    pub status: StatusCode,
    pub error: &'static str,
    why: String,
    pub who: Option<String>,
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
    error_description: &'a str,
}

#[derive(Serialize)]
struct Granted<'a> {
    token_type: &'static str,
    expires_in: u64,
    ext_expires_in: u64,
    access_token: &'a str,
}

#[derive(Default)]
struct Form {
    grant_type: String,
    client_id: String,
    client_secret: Zeroizing<String>,
    scope: String,
}

/// The client and what it is answered.
pub fn sign_in(
    clients: &Clients,
    tokens: &Tokens,
    body: &[u8],
    now_ms: u64,
) -> Result<(Client, Zeroizing<Vec<u8>>), NoToken> {
    let form = Form::read(body)?;
    if form.grant_type != "client_credentials" {
        let why = "AADSTS70003: only the grant type 'client_credentials' is known here.";
        return Err(NoToken::new("unsupported_grant_type", why));
    }
    if form.scope != format!("{RESOURCE}/.default") {
        return Err(NoToken::new("invalid_scope", &format!("AADSTS70011: the scope is {RESOURCE}/.default.")));
    }
    let known = clients.list().map_err(|fault| NoToken::broken(&fault))?;
    let client = known.iter().find(|client| client.client_id == form.client_id);
    let Some(client) = client.filter(|client| client.knows(&form.client_secret)) else {
        let why = "AADSTS7000215: there is no client with this identifier and secret.".to_owned();
        let who = client.map(|client| client.name.clone());
        return Err(NoToken { status: StatusCode::UNAUTHORIZED, error: "invalid_client", why, who });
    };
    let ids: Vec<_> = known.iter().map(|client| client.client_id.clone()).collect();
    let token = tokens.give(&client.client_id, &ids, now_ms).map_err(|error| NoToken::broken(&Fault::Random(error)))?;
    let granted = Granted {
        token_type: "Bearer",
        expires_in: TOKEN_SECONDS,
        ext_expires_in: TOKEN_SECONDS,
        access_token: &token,
    };
    let body = serde_json::to_vec(&granted).expect("plain strings are JSON");
    Ok((client.clone(), Zeroizing::new(body)))
}

/// What clients look for before they sign in.
pub fn discovery(base: &str) -> Vec<u8> {
    let at = format!("{base}/{TENANT}");
    let document = serde_json::json!({
        "issuer": format!("{at}/v2.0"),
        "authorization_endpoint": format!("{at}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{at}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    document.to_string().into_bytes()
}

impl Form {
    fn read(body: &[u8]) -> Result<Form, NoToken> {
        let mut form = Form::default();
        for (name, value) in form_urlencoded::parse(body) {
            let place = match &*name {
                "grant_type" => &mut form.grant_type,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut *form.client_secret,
                "scope" => &mut form.scope,
                _ => continue,
            };
            if !place.is_empty() {
                return Err(NoToken::new("invalid_request", "AADSTS90014: a field is said twice."));
            }
            *place = value.into_owned();
        }
        Ok(form)
    }
}

impl NoToken {
    fn new(error: &'static str, why: &str) -> NoToken {
        NoToken { status: StatusCode::BAD_REQUEST, error, why: why.to_owned(), who: None }
    }

    fn broken(fault: &Fault) -> NoToken {
        let why = fault.to_string();
        NoToken { status: StatusCode::INTERNAL_SERVER_ERROR, error: "server_error", why, who: None }
    }

    pub fn body(&self) -> Vec<u8> {
        let refused = Refused { error: self.error, error_description: &self.why };
        serde_json::to_vec(&refused).expect("plain strings are JSON")
    }
}
