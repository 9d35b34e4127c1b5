//! Who was refused, for the audit log and the operator's: one by one while it is few, and as sums by the minute where it is many.

use greenroom_gateway::auth::refusals;
use greenroom_gateway::time;
use greenroom_model::AccountName;
use greenroom_model::control::RefusedRequest;
use greenroom_store::{Clock, Timestamp};
use greenroom_tenancy::audit::Audit;
use greenroom_tenancy::thrift::{Note, Sum, Thrift};
use std::sync::{Arc, Mutex, PoisonError};

const MINUTE_US: i64 = 60_000_000;

pub struct Witness {
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    thrift: Mutex<Thrift>,
}

impl Witness {
    pub fn new(audit: Arc<Audit>, clock: Arc<dyn Clock>) -> Self {
        Self { audit, clock, thrift: Mutex::default() }
    }

    /// Writes down what was only counted, once its minute is over: to be called every few seconds.
    pub fn catch_up(&self) {
        let sums = self.thrift().end(self.minute());
        self.tell(sums);
    }

    fn tell(&self, sums: Vec<Sum>) {
        for Sum { peer, minute, more } in sums {
            let began = time::iso_seconds(Timestamp(minute * MINUTE_US));
            let detail = format!("{more} more were refused in the minute that began at {began}");
            self.audit.refused(&format!("peer {peer}"), "blob.refused.sum", "", &detail);
        }
    }

    fn minute(&self) -> i64 {
        self.clock.now().0.div_euclid(MINUTE_US)
    }

    fn thrift(&self) -> std::sync::MutexGuard<'_, Thrift> {
        self.thrift.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl refusals::Witness for Witness {
    fn refused(&self, refused: &RefusedRequest) {
        let (note, sums) = self.thrift().note(self.minute(), &refused.peer);
        self.tell(sums);
        // As few of them as the audit log takes: whoever is refused decides how often, and not how much is written down.
        if note == Note::Write {
            tracing::info!(
                request_id = refused.request_id,
                account = %refused.account,
                method = refused.method,
                path = refused.path,
                peer = refused.peer,
                code = refused.code,
                why = refused.why,
                differs = refused.differs.as_deref().unwrap_or_default(),
                "request turned away"
            );
            let subject = format!("{} {}", refused.method, refused.path);
            let detail = format!("{}: {} (from {})", refused.code, refused.why, refused.peer);
            self.audit.refused(&format!("account {}", refused.account), "blob.refused", &subject, &detail);
        }
    }

    fn gave_out(&self, account: &AccountName, what: &str) {
        self.audit.soon("identity", "credential.give-out", account.as_str(), what);
    }
}
