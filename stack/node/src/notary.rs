//! Notes elsewhere how far the audit log has come, in the catalog and so in every manifest of the volume, and tells a log that is not the one
//! that was noted.

use crate::offload::{FoundAudit, From, Service};
use greenroom_model::tenancy::AuditVerdict;
use greenroom_offload::log::AuditHead;
use greenroom_store::{Store, StoreError};
use greenroom_tenancy::audit::{Audit, AuditError, Head, Scope};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
pub struct Notary {
    audit: Arc<Audit>,
    store: Store,
    /// What was noted stays noted then: it is what tells.
    is_broken: AtomicBool,
    /// What the volume's log said before this process wrote to it.
    in_cloud: Mutex<Option<Head>>,
}

impl Notary {
    /// Looks at the log from where the catalog has last noted it.
    pub fn open(audit: Arc<Audit>, store: Store) -> Result<Self, AuditError> {
        let notary = Self { audit, store, is_broken: AtomicBool::default(), in_cloud: Mutex::default() };
        let verdict = notary.audit.verify(&notary.noted(), Scope::SinceNoted)?;
        if let Some(entry) = verdict.broken_at {
            notary.is_broken.store(true, Relaxed);
            tracing::error!(
                entry,
                "the audit log was cut, changed or written anew; `greenroom-stack audit verify` says so too"
            );
        }
        Ok(notary)
    }

    /// Notes how far the log has come. To be called every few seconds.
    pub async fn note(&self) {
        if self.is_broken.load(Relaxed) {
            return;
        }
        let Head { seq, hash } = self.audit.head();
        let is_noted = match self.store.noted_audit() {
            Ok(noted) => noted.is_some_and(|(noted, _)| noted >= seq),
            Err(_) => true,
        };
        if seq > 0
            && !is_noted
            && let Err(error) = self.store.note_audit(seq, hash).await
        {
            tracing::error!(%error, "how far the audit log has come cannot be noted");
        }
    }

    /// Compares the log with what the volume says, once that is open. A folder that is new, or that an operator has given the volume to,
    /// goes on from another log, and writes down which. Blocks.
    pub fn compare(&self, service: &Service) {
        let Some(FoundAudit { head: AuditHead { seq, hash }, from }) = service.take_found_audit() else { return };
        let found = Head { seq, hash };
        let is_new = matches!(self.store.noted_audit(), Ok(None));
        let (action, said) = match self.audit.verify(std::slice::from_ref(&found), Scope::SinceNoted) {
            Ok(verdict) if verdict.whole => {
                *self.in_cloud.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                return;
            }
            Ok(_) if is_new || from == From::TakenOver => {
                ("audit.follows", "the volume was written before beside another audit log")
            }
            Ok(_) => (
                "audit.broken",
                "the volume was written beside this audit log, which has been cut or written anew since",
            ),
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be compared with the volume's");
                return;
            }
        };
        let Head { seq, hash } = found.clone();
        let detail = format!("{said}: its entry {seq} had the hash {hash}");
        if action == "audit.broken" {
            tracing::error!(detail);
            self.is_broken.store(true, Relaxed);
            *self.in_cloud.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }
        self.audit.soon("server", action, "", &detail);
    }

    /// The whole of it. Blocks.
    pub fn verdict(&self) -> Result<AuditVerdict, AuditError> {
        self.audit.verify(&self.noted(), Scope::Whole)
    }

    fn noted(&self) -> Vec<Head> {
        let in_catalog = self.store.noted_audit().unwrap_or_else(|error: StoreError| {
            tracing::error!(%error, "the catalog does not say how far the audit log goes");
            None
        });
        let in_catalog = in_catalog.map(|(seq, hash)| Head { seq, hash });
        let in_cloud = self.in_cloud.lock().unwrap_or_else(PoisonError::into_inner).clone();
        in_catalog.into_iter().chain(in_cloud).collect()
    }
}
