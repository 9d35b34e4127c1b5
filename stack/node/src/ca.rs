//! `greenroom-stack ca`: an authority of this machine's own, for clients that insist on HTTPS. It goes where it was told to
//! go, and into the system's trust only when asked; what was made is noted, so that `remove` undoes all of it.

mod sign;
mod trust;

use crate::args::{Ca, Make, Place};
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What clients are told to trust.
const AUTHORITY: &str = "authority.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const NOTE: &str = "ca.json";
/// Clients that know no other host than Azure's own.
const AZURE: &str = "*.blob.core.windows.net";

/// What was made, for `status` to show and for `remove` to undo.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    names: Vec<String>,
    /// Day after which clients refuse the certificate, as `2027-11-28`.
    until: String,
    /// The authority's copy among the system's certificates; written before the copy is.
    installed: Option<PathBuf>,
}

pub fn run(what: &Ca) -> Result<(), Fault> {
    match what {
        Ca::Make(args) => make(args),
        Ca::Status(place) => status(&place.folder()?),
        Ca::Remove(place) => remove(&place.folder()?),
    }
}

fn make(args: &Make) -> Result<(), Fault> {
    let dir = args.place.folder()?;
    if dir.join(NOTE).exists() {
        return Err(Fault::CaThere(dir));
    }
    let mut names = args.names.clone();
    if args.azure {
        names.push(AZURE.to_owned());
    }
    let sign::Made { authority, certificate, key, until } = sign::all(&names)?;
    let mut note = Note { names, until, installed: None };
    fs::create_dir_all(&dir).map_err(|source| Fault::Ca { file: dir.clone(), source })?;
    // The note first: `remove` undoes what a crash left half made.
    note.write(&dir)?;
    for (name, text, mode) in [(AUTHORITY, authority, 0o644), (CERTIFICATE, certificate, 0o644), (KEY, key, 0o600)] {
        write(&dir.join(name), &text, mode)?;
    }
    if args.install {
        let copy = trust::place(&dir.join(AUTHORITY), &args.store)?;
        note.installed = Some(copy.clone());
        note.write(&dir)?;
        trust::install(&dir.join(AUTHORITY), &copy)?;
    }
    note.show(&dir);
    Ok(())
}

fn status(dir: &Path) -> Result<(), Fault> {
    let note = Note::read(dir)?.ok_or_else(|| Fault::CaNone(dir.to_owned()))?;
    for name in [AUTHORITY, CERTIFICATE, KEY] {
        let file = dir.join(name);
        fs::metadata(&file).map_err(|source| Fault::Ca { file, source })?;
    }
    note.show(dir);
    Ok(())
}

/// The system's trust first: while it holds the authority, the note that says so stays.
fn remove(dir: &Path) -> Result<(), Fault> {
    let Some(note) = Note::read(dir)? else {
        println!("There is nothing in {}: nothing was removed.", dir.display());
        return Ok(());
    };
    if let Some(copy) = &note.installed {
        trust::remove(copy)?;
        println!("Removed {}, and the system trusts it no more.", copy.display());
    }
    for name in [AUTHORITY, CERTIFICATE, KEY, NOTE] {
        delete(&dir.join(name))?;
    }
    println!("Removed the authority, the certificate and its key from {}.", dir.display());
    // A folder that holds something else stays.
    let _ = fs::remove_dir(dir);
    Ok(())
}

impl Place {
    fn folder(&self) -> Result<PathBuf, Fault> {
        if let Some(dir) = &self.dir {
            return std::path::absolute(dir).map_err(|source| Fault::Ca { file: dir.clone(), source });
        }
        let data = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        Ok(data.or_else(home).ok_or(Fault::CaNowhere)?.join("greenroom/ca"))
    }
}

impl Note {
    fn read(dir: &Path) -> Result<Option<Note>, Fault> {
        let file = dir.join(NOTE);
        let fault = |source| Fault::Ca { file: file.clone(), source };
        match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| fault(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    fn write(&self, dir: &Path) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(self).expect("names and paths of text are JSON");
        write(&dir.join(NOTE), &text, 0o644)
    }

    /// Everything that a user has to do by hand.
    fn show(&self, dir: &Path) {
        let file = |name: &str| dir.join(name).display().to_string();
        let (authority, names) = (file(AUTHORITY), self.names.join(", "));
        println!("A certificate for {names}, good until {}. Its authority vouches for nothing else.", self.until);
        println!("\nServe with it:\n  --tls-cert {} --tls-key {}", file(CERTIFICATE), file(KEY));
        println!("\nTell each client to trust it, in its own environment:");
        println!("  AzCopy, rclone, BoostedBlob, curl   SSL_CERT_FILE={authority}");
        println!("  Azure's SDK for Python              REQUESTS_CA_BUNDLE={authority}");
        println!("  Node                                NODE_EXTRA_CA_CERTS={authority}");
        match &self.installed {
            Some(copy) => println!("\nThe whole system trusts it too, by {}.", copy.display()),
            None => println!("\nNothing else on this machine trusts it; `ca make --install` would change that."),
        }
    }
}

/// Written anew: an old file's wider permissions do not stay.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), Fault> {
    delete(file)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    // Elsewhere the folder says who may read what is in it.
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(file).and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|source| Fault::Ca { file: file.to_owned(), source })
}

fn delete(file: &Path) -> Result<(), Fault> {
    match fs::remove_file(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Fault::Ca { file: file.to_owned(), source }),
        _ => Ok(()),
    }
}
