//! An account SAS for the well-known development account, which both servers of the comparison know.
//! Source: "Create an account SAS", Azure Storage REST documentation, version 2020-12-06 and later.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub const ACCOUNT: &str = "devstoreaccount1";
/// Public: every Azure storage emulator has it.
pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A query string that allows everything on blobs until the end of the century, over plain HTTP too. The servers that
/// take it live for minutes, on loopback.
pub fn token() -> String {
    let (permissions, services, types, expiry) = ("rwdlac", "b", "sco", "2099-12-31T00:00:00Z");
    let (protocol, version) = ("https,http", "2021-12-02");
    let fields = [ACCOUNT, permissions, services, types, "", expiry, "", protocol, version, "", ""];
    let key = STANDARD.decode(KEY).expect("the well-known key is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(fields.join("\n").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("sv={version}&ss={services}&srt={types}&sp={permissions}&se={expiry}&spr={protocol}&sig={signature}")
}
