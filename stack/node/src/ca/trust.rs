//! The system's own trust, as Debian keeps it: a folder of certificates, and a program that makes its list of them.
//! Source: update-ca-certificates(8).

use crate::fault::Fault;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROGRAM: &str = "update-ca-certificates";
/// Often outside a user's `PATH`.
const PLACES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where the authority's copy will be. Named by its content, so that two folders' authorities do not meet.
pub fn place(authority: &Path, store: &Path) -> Result<PathBuf, Fault> {
    if !store.is_dir() {
        return Err(Fault::CaStore { store: store.to_owned(), why: "there is no such folder".to_owned() });
    }
    let content = fs::read(authority).map_err(|source| Fault::Ca { file: authority.to_owned(), source })?;
    let name: String = blake3::hash(&content).to_hex().chars().take(12).collect();
    Ok(store.join(format!("greenroom-{name}.crt")))
}

pub fn install(authority: &Path, copy: &Path) -> Result<(), Fault> {
    fs::copy(authority, copy).map_err(|error| refused(copy, &error))?;
    refresh(copy, &[])
}

pub fn remove(copy: &Path) -> Result<(), Fault> {
    match fs::remove_file(copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(copy, &error)),
        _ => {}
    }
    // Without this a link to the certificate that is gone would stay.
    refresh(copy, &["--fresh"])
}

fn refresh(copy: &Path, arguments: &[&str]) -> Result<(), Fault> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(PLACES.map(PathBuf::from));
    let program = places.map(|place| place.join(PROGRAM)).find(|file| file.is_file());
    let fault = |why: String| Fault::CaStore { store: copy.to_owned(), why };
    let program = program.ok_or_else(|| fault(format!("there is no {PROGRAM} (package ca-certificates)")))?;
    let output = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| fault(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(fault(format!("{PROGRAM} ended with {}: {}", output.status, said.trim())));
    }
    Ok(())
}

fn refused(copy: &Path, error: &io::Error) -> Fault {
    Fault::CaStore { store: copy.to_owned(), why: error.to_string() }
}
