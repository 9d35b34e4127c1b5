//! `lost-key`: a data folder whose server's own key is lost, given up for what only that opens.

use crate::args::LostKey;
use crate::dev_account;
use crate::fault::Fault;
use crate::wrapping::Wrappers;
use greenroom_model::TenantName;
use greenroom_store::{Config, DataKeyRecord, SecretOf, Store, SystemClock};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

/// Something is lost, and nothing was done about it.
const LOST: u8 = 3;

pub async fn run(args: &LostKey) -> Result<ExitCode, Fault> {
    let store = Store::open(&args.data, Config::default(), Arc::new(SystemClock)).await?;
    let wrappers = Wrappers::of_node(&args.data, args.node_key_file.as_deref())?;
    let data_keys: Vec<DataKeyRecord> =
        store.data_keys()?.into_iter().filter(|key| wrappers.has_lost(&key.wrapped)).collect();
    let secrets = if args.apply {
        let new_key = || dev_account::new_key().expect("the system has random numbers");
        let given_up = store.give_up_secrets(wrappers.secrets(), new_key).await?;
        for key in &data_keys {
            store.erase_data_key(key.number).await?;
        }
        given_up
    } else {
        store.lost_secrets(wrappers.secrets())?
    };
    let is_lost = !(secrets.is_empty() && data_keys.is_empty());
    if is_lost {
        say(&secrets, &data_keys, args.apply);
    } else {
        println!("nothing is lost: the key that is here opens all that is sealed by one of a server's own");
    }
    store.close().await?;
    Ok(if is_lost && !args.apply { ExitCode::from(LOST) } else { ExitCode::SUCCESS })
}

fn say(secrets: &[SecretOf], data_keys: &[DataKeyRecord], is_done: bool) {
    println!("sealed by a key that is not here:");
    for of in secrets {
        println!("  {of}");
    }
    let tenants: BTreeSet<&TenantName> = data_keys.iter().map(|key| &key.tenant).collect();
    for tenant in tenants {
        println!("  content of tenant {tenant}");
    }
    if is_done {
        println!(
            "accounts have new keys, mirrors wait for their secrets (`mirror attach`), webhooks are to be made again; that content is erased"
        );
    } else {
        println!(
            "nothing was changed. --apply gives accounts new keys, takes those secrets from mirrors, removes those webhooks, and erases that \
             content for good"
        );
    }
}
