//! What the command line does, besides serving: it changes what is in the vault's folder, where a server sees it with its next request.

use crate::args::{Client, Command, Data, Key, Named, OfVersion};
use crate::fault::Fault;
use crate::server::{self, Audit, Change, Clients, Entry, Folder, Keys, MakeKey, OPERATOR, Record, Refusal};
use greenroom_vault::{KeyName, KeyVersion};
use serde::Serialize;

#[derive(Serialize)]
struct Added<'a> {
    client_id: &'a str,
    secret: &'a str,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    client_id: &'a str,
    rights: &'a [server::Right],
}

#[derive(Serialize)]
struct OneKey<'a> {
    name: &'a KeyName,
    version: &'a KeyVersion,
    bits: u32,
    enabled: bool,
    current: bool,
    deleted: bool,
}

pub fn run(command: Command) -> Result<(), Fault> {
    match command {
        Command::Serve(args) => server::serve(&args),
        Command::Client(what) => client(what),
        Command::Key(what) => key(what),
        Command::Fault(what) => {
            let folder = Folder::open(&what.data.data)?;
            let fault = |source| Fault::File { file: folder.path("fault.json"), source };
            what.outage().write(&folder).map_err(fault)?;
            note(&folder, "fault", None, "ok")
        }
    }
}

fn client(what: Client) -> Result<(), Fault> {
    let open = |data: &Data| Folder::open(&data.data).map(|folder| (Clients::new(folder.clone()), folder));
    match what {
        Client::Add { name, rights, data } => {
            let (clients, folder) = open(&data)?;
            let (client, secret) = clients.add(&name, &rights)?;
            note(&folder, "addClient", None, "ok")?;
            say(&Added { client_id: &client.client_id, secret: &secret });
        }
        Client::List { data } => {
            for client in open(&data)?.0.list()? {
                say(&Listed { name: &client.name, client_id: &client.client_id, rights: &client.rights });
            }
        }
        Client::Remove { name, data } => {
            let (clients, folder) = open(&data)?;
            clients.remove(&name)?;
            note(&folder, "removeClient", None, "ok")?;
        }
        Client::Rights { name, rights, data } => {
            let (clients, folder) = open(&data)?;
            clients.set_rights(&name, &rights.0)?;
            note(&folder, "setRights", None, "ok")?;
        }
    }
    Ok(())
}

fn key(what: Key) -> Result<(), Fault> {
    let now_s = server::now_s();
    match what {
        Key::List { data } => {
            let (there, deleted) = Keys::new(Folder::open(&data.data)?).all(now_s)?;
            there.iter().chain(&deleted).for_each(show);
            Ok(())
        }
        Key::Create { name, bits, data } => {
            if Keys::new(Folder::open(&data.data)?).find(&name, now_s).is_ok() {
                return Err(Fault::KeyThere(name.to_string()));
            }
            let make = || MakeKey::new(bits, Change::default(), now_s);
            act("create", &Named { name, data }, |keys, name| keys.create(name, make()?, now_s))
        }
        Key::Rotate(named) => act("rotate", &named, |keys, name| keys.rotate(name, now_s)),
        Key::Disable(of) => switch("disable", &of, false, now_s),
        Key::Enable(of) => switch("enable", &of, true, now_s),
        Key::Delete(named) => act("delete", &named, |keys, name| keys.delete(name, now_s)),
        Key::Recover(named) => act("recover", &named, |keys, name| keys.recover(name, now_s)),
        Key::Purge(named) => act("purge", &named, |keys, name| keys.purge(name, now_s)),
    }
}

fn switch(operation: &str, of: &OfVersion, enabled: bool, now_s: i64) -> Result<(), Fault> {
    let change = Change { enabled: Some(enabled), ..Change::default() };
    act(operation, &of.named, |keys, name| keys.enable(name, of.version.as_ref(), &change, now_s))
}

/// Does it, writes it down, and shows the key as it is then (a purged one, as it was).
fn act(
    operation: &str,
    Named { name, data }: &Named,
    work: impl FnOnce(&Keys, &KeyName) -> Result<Record, Refusal>,
) -> Result<(), Fault> {
    let folder = Folder::open(&data.data)?;
    let done = work(&Keys::new(folder.clone()), name);
    note(&folder, operation, Some(name.as_str()), done.as_ref().map_or_else(Refusal::code, |_| "ok"))?;
    show(&done?);
    Ok(())
}

fn note(folder: &Folder, operation: &str, key: Option<&str>, outcome: &str) -> Result<(), Fault> {
    let noted = Audit::new(folder.clone()).note(&Entry { who: OPERATOR, operation, key, version: None, outcome });
    noted.map_err(|error| Fault::Refused(error.into()))
}

fn show(record: &Record) {
    for (at, version) in record.versions.iter().enumerate() {
        say(&OneKey {
            name: &record.name,
            version: &version.version,
            bits: version.pair.bits,
            enabled: version.enabled,
            current: at + 1 == record.versions.len(),
            deleted: record.deleted_s.is_some(),
        });
    }
}

fn say(line: &impl Serialize) {
    println!("{}", serde_json::to_string(line).expect("plain strings are JSON"));
}
