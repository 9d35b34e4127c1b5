//! `migrate`: a data folder from one format to the next, and back.

use crate::args::Migrate;
use crate::fault::Fault;
use crate::{offload, tenancy};
use bytesize::ByteSize;
use greenroom_store::FileSystem;
use greenroom_store::migrate::{Folder, Lost, Migrated, WayBack};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Files beside the store's whose content belongs to a format. Logs and the ledger are not among them: what has happened stays told.
const KEPT: &[&str] = &[tenancy::FILE, offload::RULES_FILE];

pub fn run(args: &Migrate) -> Result<ExitCode, Fault> {
    let folder = folder(&args.data);
    match args {
        Migrate { confirm: true, .. } => confirm(&folder),
        Migrate { back: true, apply: false, .. } => Ok(say_lost(folder.ask_back()?, false)),
        Migrate { back: true, apply: true, .. } => Ok(say_lost(folder.go_back()?, true)),
        Migrate { without_way_back, .. } => {
            let how = if *without_way_back { WayBack::None } else { WayBack::Keep };
            match folder.bring_up(how)? {
                Some(Migrated { from, to }) => println!("brought from format {from} to {to}{}", then(how)),
                None => println!("it is of this version's format already, or there is no data in it"),
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Before a server opens its folder.
pub fn bring_up(dir: &Path) -> Result<(), Fault> {
    if let Some(Migrated { from, to }) = folder(dir).bring_up(WayBack::Keep)? {
        tracing::warn!(from, to, "the data folder was brought to a new format{}", then(WayBack::Keep));
    }
    Ok(())
}

fn folder(dir: &Path) -> Folder<'_> {
    Folder { disk: Arc::new(FileSystem), dir, kept: KEPT }
}

fn then(how: WayBack) -> &'static str {
    match how {
        WayBack::Keep => {
            "; once all is well, `greenroom-stack migrate --confirm` gives the flash free that the way back holds"
        }
        WayBack::None => "; there is no way back",
    }
}

fn confirm(folder: &Folder<'_>) -> Result<ExitCode, Fault> {
    let standing = folder.confirm()?;
    match standing.way_back {
        Some(held) => println!(
            "the folder stays at format {}: the way back to {} is gone, and {} are free that it alone held",
            standing.format,
            held.to,
            ByteSize(held.bytes)
        ),
        None => println!("the folder is of format {}, and has no way back", standing.format),
    }
    Ok(ExitCode::SUCCESS)
}

fn say_lost(Lost { to, blobs, bytes }: Lost, done: bool) -> ExitCode {
    let verb = if done { "is gone" } else { "would be gone" };
    let plural = if blobs == 1 { "" } else { "s" };
    println!(
        "what was written to {blobs} blob{plural} ({}) since the folder left format {to} {verb};",
        ByteSize(bytes)
    );
    println!("what they held before, and what was deleted since, comes back; so does what was declared of tenants");
    match done {
        true => println!("the folder is of format {to} again, for the version that wrote it"),
        false => println!("nothing was changed; --apply does it"),
    }
    ExitCode::SUCCESS
}
