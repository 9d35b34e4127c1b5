//! `encryption`: what is asked of tenants' keys from the command line, and how they stand, for people.

use crate::args::{Encryption as What, Of};
use crate::declare::{Server, run as wait};
use crate::fault::Fault;
use bytesize::ByteSize;
use greenroom_model::keys::{
    Before, DataKeyStatus, DataKeyUse, Encryption, EncryptionStatus, Erased, KeyState, ScopeStatus,
};
use reqwest::{Method, RequestBuilder};
use std::process::ExitCode;

/// Something is left that is to go.
const LEFT: u8 = 3;

pub fn run(what: &What) -> Result<ExitCode, Fault> {
    match what {
        What::Status { of, json } => ask(of, |server| server.request(Method::GET, &path(of, "")), *json),
        What::On { of, key } => {
            let body = Encryption { key: key.clone() };
            ask(of, |server| server.request(Method::PUT, &path(of, "")).json(&body), false)
        }
        What::Off(of) => {
            let body = Encryption { key: Encryption::NONE.to_owned() };
            ask(of, |server| server.request(Method::PUT, &path(of, "")).json(&body), false)
        }
        What::Rotate { of, data_key } => {
            let rotate = if *data_key { "/rotate?what=data-key" } else { "/rotate" };
            ask(of, |server| server.request(Method::POST, &path(of, rotate)), false)
        }
        What::Erase { of, confirm } if *confirm != of.tenant => Err(Fault::Call(format!(
            "--confirm {confirm} is not {}: nothing was erased. Say the tenant's name twice",
            of.tenant
        ))),
        What::Erase { of, .. } => {
            let server = Server::of(&of.server)?;
            let asked = server.request(Method::POST, &path(of, "/erase"));
            wait(async {
                let erased: Erased = match server.send(asked, "").await? {
                    Ok(erased) => erased,
                    Err(code) => return Ok(code),
                };
                let Erased { tenant, at, data_keys, left_in_cloud, audit_seq, audit_hash } = erased;
                let count = data_keys.len();
                match &left_in_cloud {
                    None => println!(
                        "{count} data keys of {tenant} were erased at {at}: what they encrypted can never be read again"
                    ),
                    Some(why) => println!(
                        "{count} data keys of {tenant} were erased here at {at}, and the cloud still holds them, wrapped: {why}. They go as soon as \
                         it answers; say this again to see that they have gone"
                    ),
                }
                println!("entry {audit_seq} of the audit log says so: {audit_hash}");
                Ok(if left_in_cloud.is_none() { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
            })
        }
    }
}

fn ask(of: &Of, request: impl FnOnce(&Server<'_>) -> RequestBuilder, json: bool) -> Result<ExitCode, Fault> {
    let server = Server::of(&of.server)?;
    let asked = request(&server);
    wait(async {
        let status: EncryptionStatus = match server.send(asked, "").await? {
            Ok(status) => status,
            Err(code) => return Ok(code),
        };
        if json {
            println!("{}", serde_json::to_string(&status).expect("plain values serialise"));
        } else {
            lines(&status).iter().for_each(|line| println!("{line}"));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn path(of: &Of, then: &str) -> String {
    format!("/v1/tenants/{}/encryption{then}", of.tenant)
}

fn lines(status: &EncryptionStatus) -> Vec<String> {
    let EncryptionStatus { state, why, wrapped_by, data_keys, scopes, before } = status;
    let said = match state {
        KeyState::Off => "nothing is encrypted".to_owned(),
        KeyState::On => {
            format!("encrypted; the data keys are wrapped by {}", wrapped_by.as_deref().unwrap_or("nobody"))
        }
        KeyState::Stopped => "nothing more is encrypted; what was encrypted stays so".to_owned(),
        KeyState::Denied => "the key is refused: requests are answered 403".to_owned(),
        KeyState::Away => "the vault does not answer: requests are answered 503".to_owned(),
        KeyState::Erased => "the data keys were erased: what they encrypted can never be read again".to_owned(),
    };
    let mut lines = vec![said];
    lines.extend(why.clone());
    lines.extend(before.iter().flat_map(from_before));
    lines.extend(data_keys.iter().map(data_key));
    for ScopeStatus { account, name, enabled: _, state, why, data_keys } in scopes {
        let said = match state {
            KeyState::On => "encrypted",
            KeyState::Off | KeyState::Stopped => "disabled: what is in it is neither read nor written",
            KeyState::Denied => "the key is refused: requests are answered 403",
            KeyState::Away => "the vault does not answer: requests are answered 503",
            KeyState::Erased => "the data keys were erased: what they encrypted can never be read again",
        };
        lines.push(format!("scope {name} of {account}: {said}"));
        lines.extend(
            why.iter().chain(&data_keys.iter().map(data_key).collect::<Vec<_>>()).map(|line| format!("  {line}")),
        );
    }
    lines
}

/// Nothing where all is encrypted.
fn from_before(before: &Before) -> Vec<String> {
    let Before { blobs, bytes, page_blobs, done_bytes, why } = before;
    let mut lines = Vec::new();
    if *blobs > 0 {
        let stands = why.as_ref().map_or_else(|| "it is being encrypted".to_owned(), |why| format!("waiting: {why}"));
        let (left, done) = (ByteSize(*bytes), ByteSize(*done_bytes));
        lines.push(format!("written before, and in clear on flash: {blobs} blobs, {left}; {done} done; {stands}"));
    }
    if *page_blobs > 0 {
        lines.push(format!(
            "{page_blobs} page blobs hold pages from before, which stay in clear until they are written"
        ));
    }
    lines
}

fn data_key(key: &DataKeyStatus) -> String {
    let used = match key.state {
        DataKeyUse::Active => "in use",
        DataKeyUse::Old => "for what was written",
        DataKeyUse::Erased => "erased",
    };
    format!(
        "data key {}, generation {}, of {}: {used}, wrapped by {}",
        key.number, key.generation, key.created, key.wrapped_by
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_it_means() {
        let key = DataKeyStatus {
            number: 7,
            generation: 1,
            state: DataKeyUse::Active,
            wrapped_by: "node".to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
        };
        let status = EncryptionStatus {
            state: KeyState::Denied,
            why: Some("disabled".to_owned()),
            wrapped_by: Some("node".to_owned()),
            data_keys: vec![key.clone()],
            scopes: vec![ScopeStatus {
                account: "goldacct".parse().expect("a good name"),
                name: "finance".to_owned(),
                enabled: false,
                state: KeyState::Stopped,
                why: None,
                data_keys: vec![DataKeyStatus { number: 8, ..key }],
            }],
            before: None,
        };
        let said = [
            "the key is refused: requests are answered 403",
            "disabled",
            "data key 7, generation 1, of 2026-01-01T00:00:00Z: in use, wrapped by node",
            "scope finance of goldacct: disabled: what is in it is neither read nor written",
            "  data key 8, generation 1, of 2026-01-01T00:00:00Z: in use, wrapped by node",
        ];
        assert_eq!(lines(&status), said);
        assert_eq!(lines(&EncryptionStatus::default()), ["nothing is encrypted"]);
    }
}
