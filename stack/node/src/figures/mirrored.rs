//! What a tenant's figures say of its mirrors: of how far behind and how late, the worst of them; of all else, the sum.

use crate::mirror::MirrorFigures;
use greenroom_model::metrics::TenantMetrics;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::Store;
use std::collections::BTreeMap;

pub fn by_tenant(accounts: BTreeMap<AccountName, MirrorFigures>, store: &Store) -> BTreeMap<TenantName, MirrorFigures> {
    let mut tenants: BTreeMap<TenantName, MirrorFigures> = BTreeMap::new();
    for (account, figures) in accounts {
        let Some(account) = store.account(&account) else { continue };
        let sum = tenants.entry(account.tenant.clone()).or_default();
        *sum = together(*sum, figures);
    }
    tenants
}

pub fn told(figures: &MirrorFigures, metrics: TenantMetrics) -> TenantMetrics {
    let MirrorFigures { behind_ms, lag_p50_ms, lag_p99_ms, events_behind, changes, blobs, canary_lag_ms } = *figures;
    TenantMetrics {
        mirror_behind_s: Some(behind_ms as f64 / 1e3),
        mirror_lag_p50_ms: Some(lag_p50_ms as f64),
        mirror_lag_p99_ms: Some(lag_p99_ms as f64),
        mirror_events_behind: Some(events_behind),
        mirror_changes: Some(changes),
        mirror_blobs: Some(blobs),
        mirror_canary_lag_ms: canary_lag_ms.map(|lag| lag as f64),
        ..metrics
    }
}

fn together(one: MirrorFigures, other: MirrorFigures) -> MirrorFigures {
    MirrorFigures {
        behind_ms: one.behind_ms.max(other.behind_ms),
        lag_p50_ms: one.lag_p50_ms.max(other.lag_p50_ms),
        lag_p99_ms: one.lag_p99_ms.max(other.lag_p99_ms),
        events_behind: one.events_behind + other.events_behind,
        changes: one.changes + other.changes,
        blobs: one.blobs + other.blobs,
        canary_lag_ms: one.canary_lag_ms.max(other.canary_lag_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_late_the_worst_is_told_and_of_the_rest_the_sum() {
        let one = MirrorFigures {
            behind_ms: 1_500,
            lag_p50_ms: 7,
            lag_p99_ms: 8,
            events_behind: 1,
            changes: 2,
            blobs: 3,
            canary_lag_ms: None,
        };
        let other = MirrorFigures { behind_ms: 500, lag_p50_ms: 9, canary_lag_ms: Some(4), ..one };
        let told = told(&together(one, other), TenantMetrics::default());
        assert_eq!(
            (told.mirror_behind_s, told.mirror_lag_p50_ms, told.mirror_lag_p99_ms),
            (Some(1.5), Some(9.0), Some(8.0))
        );
        assert_eq!((told.mirror_events_behind, told.mirror_changes, told.mirror_blobs), (Some(2), Some(4), Some(6)));
        assert_eq!(told.mirror_canary_lag_ms, Some(4.0));
    }
}
