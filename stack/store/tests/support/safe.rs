//! Wraps data keys, and says no, or nothing, where a test wants it to.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_store::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Safe {
    says: Mutex<Option<(String, KeyFault)>>,
}

impl Safe {
    /// What it says of the keys that one wraps; nothing of any other.
    pub fn says(&self, by: &str, fault: KeyFault) {
        *self.says.lock().expect("no panic") = Some((by.to_owned(), fault));
    }

    pub fn says_yes(&self) {
        *self.says.lock().expect("no panic") = None;
    }

    /// A data key, wrapped: nothing that anybody should do elsewhere.
    pub fn wrapped(by: &str, byte: u8) -> Wrapped {
        Wrapped { by: by.to_owned(), algorithm: "a bit".to_owned(), bytes: vec![!byte; DATA_KEY_BYTES] }
    }
}

impl Wrapping for Safe {
    fn unwrap<'w>(&'w self, key: &'w DataKeyRecord) -> BoxFuture<'w, Result<Unwrapped, KeyFault>> {
        async {
            let wrapped = &key.wrapped;
            let says = self.says.lock().expect("no panic").clone();
            if let Some((_, fault)) = says.filter(|(by, _)| *by == wrapped.by) {
                return Err(fault);
            }
            let bytes: Vec<u8> = wrapped.bytes.iter().map(|byte| !byte).collect();
            Ok(Box::new(<[u8; DATA_KEY_BYTES]>::try_from(bytes).expect("as long as a key").into()))
        }
        .boxed()
    }
}

/// Five minutes, and one.
pub fn attach(store: &Store) -> Arc<Safe> {
    let safe = Arc::<Safe>::default();
    let hold = Hold { most: Duration::from_secs(300), fresh: Duration::from_secs(60) };
    store.attach_wrapping(safe.clone(), hold);
    safe
}
