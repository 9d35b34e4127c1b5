//! Which answers of a stack, and of its vault, hold secrets. Whoever adds an answer says so here, or it does not compile.

use crate::scrub::Secrets;
use crate::vault::Added;
use greenroom_model::control::{Account, AccountKeys, Health, Sas, Tenant};
use greenroom_model::feed::FeedStatus;
use greenroom_model::keys::{EncryptionStatus, Erased};
use greenroom_model::metrics::Metrics;
use greenroom_model::mirror::MirrorStatus;
use greenroom_model::offload::{OffloadPlan, Rules};
use greenroom_model::tenancy::{AdmissionStatus, HandOver, KeyPair, Receipt, TenantStatus, TenantsPlan};
use std::collections::BTreeMap;

pub trait Reveals {
    /// Tells what must not be shown: nothing, where an answer says no more than this.
    fn tell(&self, _: &Secrets) {}
}

impl Reveals for AccountKeys {
    fn tell(&self, secrets: &Secrets) {
        secrets.know(&self.key);
    }
}

impl Reveals for KeyPair {
    fn tell(&self, secrets: &Secrets) {
        secrets.know(&self.key1);
        self.key2.iter().for_each(|key| secrets.know(key));
    }
}

impl Reveals for Sas {
    fn tell(&self, secrets: &Secrets) {
        secrets.know_sas(&self.token);
    }
}

impl Reveals for HandOver {
    fn tell(&self, secrets: &Secrets) {
        secrets.know_sas(&self.token);
    }
}

impl Reveals for Added {
    fn tell(&self, secrets: &Secrets) {
        secrets.know(&self.secret);
    }
}

impl<T: Reveals> Reveals for Vec<T> {
    fn tell(&self, secrets: &Secrets) {
        self.iter().for_each(|answer| answer.tell(secrets));
    }
}

impl<N, T: Reveals> Reveals for BTreeMap<N, T> {
    fn tell(&self, secrets: &Secrets) {
        self.values().for_each(|answer| answer.tell(secrets));
    }
}

impl Reveals for Account {}
impl Reveals for AdmissionStatus {}
impl Reveals for EncryptionStatus {}
impl Reveals for Erased {}
impl Reveals for FeedStatus {}
impl Reveals for Health {}
impl Reveals for Metrics {}
impl Reveals for MirrorStatus {}
impl Reveals for OffloadPlan {}
impl Reveals for Receipt {}
impl Reveals for Rules {}
impl Reveals for Tenant {}
impl Reveals for TenantStatus {}
impl Reveals for TenantsPlan {}
