use super::*;
use std::collections::BTreeSet;

fn all() -> Metrics {
    Metrics::of_tenants(TenantName::new("gold"))
}

/// Prometheus's own, at https://prometheus.io/docs/practices/naming, and OpenMetrics'.
#[test]
fn every_metric_follows_the_conventions() {
    let metrics = all();
    let samples: Vec<_> = metrics.samples().collect();
    assert!(samples.len() > 50, "{}", samples.len());
    let mut families = BTreeMap::new();
    for Sample { metric, .. } in &samples {
        let Metric { name, kind, unit, help, .. } = metric;
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let added = ["total", "bytes", "seconds", "milliseconds", "ratio", "count", "sum", "bucket", "info", "created"];
        assert!(!added.contains(&name.rsplit('_').next().expect("a word")), "{name}: the suffix follows from the rest");
        assert!(!name.starts_with("greenroom"), "{name}: the prefix is added");
        assert!(help.len() > 9 && help.ends_with('.') && !help.contains(['"', '\\', '\n', '`']), "{name}: {help}");
        let whole = unit.base().0.map_or((*name).to_owned(), |unit| format!("{name}_{unit}"));
        let family = (std::mem::discriminant(kind), help, unit);
        assert_eq!(*families.entry(whole).or_insert(family), family, "{name} is one thing only");
    }
    let quantile = |kind: Kind| if let Quantile(part) = kind { part.to_bits() } else { 0 };
    let told: BTreeSet<_> = samples
        .iter()
        .map(|sample| (sample.metric.name, sample.metric.unit.base().0, sample.op, quantile(sample.metric.kind)))
        .collect();
    assert_eq!(told.len(), samples.len(), "a name, with its unit and labels, is one metric's");
    let charts: BTreeSet<_> = samples.iter().map(Sample::chart).collect();
    assert_eq!(charts.len(), samples.len(), "what charts know a metric by is its own");
}

#[test]
fn names_say_whose_and_of_what() {
    let charts: BTreeSet<_> = all().samples().map(|sample| sample.chart()).collect();
    for name in ["gold.bytes_in", "gold.put.ops", "gold.other.p99_ms", "flash.used_bytes", "cloud.state", "jain"] {
        assert!(charts.contains(name), "{name}");
    }
}

#[test]
fn what_there_is_nothing_to_tell_of_has_no_value() {
    let mut metrics = all();
    let value = |metrics: &Metrics, chart: &str| {
        metrics.samples().find(|sample| sample.chart() == chart).expect("it is declared").value
    };
    for absent in [
        "gold.quota_bytes",
        "gold.p99_ms",
        "gold.put.p50_ms",
        "gold.mirror_behind_s",
        "gold.mirror_changes",
        "recall.p99_ms",
        "offload.days_to_full",
    ] {
        assert_eq!(value(&metrics, absent), None, "{absent}");
    }
    for zero in ["gold.bytes_in", "gold.queue_ms", "cloud.state", "admission.on"] {
        assert_eq!(value(&metrics, zero), Some(0.0), "{zero}");
    }
    let gold = metrics.tenants.values_mut().next().expect("one");
    (gold.quota_bytes, gold.p99_ms) = (Some(0), 2.5);
    (gold.mirror_behind_s, gold.mirror_lag_p99_ms) = (Some(0.0), Some(0.0));
    gold.ops.entry(OpClass::Put).or_default().count = 2;
    gold.ops.entry(OpClass::Get).or_default().count = 3;
    assert_eq!((value(&metrics, "gold.quota_bytes"), value(&metrics, "gold.p99_ms")), (Some(0.0), Some(2.5)));
    assert_eq!(value(&metrics, "gold.mirror_behind_s"), Some(0.0), "a mirror that is not behind");
    assert_eq!(value(&metrics, "gold.mirror_lag_p99_ms"), None, "no change has come yet");
    let over: Vec<_> = metrics.tenants.iter().flat_map(|(name, tenant)| tenant.over_ops(name)).collect();
    let over: Vec<_> = over.iter().map(|sample| (sample.chart(), sample.value)).collect();
    assert_eq!(over, [("gold.ops".to_owned(), Some(5.0)), ("gold.errors".to_owned(), Some(0.0))]);
}

/// As it was written before there was a registry: by servers, and into what others have kept.
#[test]
fn the_wire_is_what_it_was() {
    let text = r#"{"at_us":7,"tenants":{"gold":{"bytes_in":1,"bytes_out":2,"in_flight":3,"ops":{"put":{"count":4,"errors":5,"p50_ms":0.5,"p99_ms":1.5}},"blobs":6,"blob_bytes":7,"used_bytes":8,"throttled":9,"queue_ms":0.25,"share":1.0,"p50_ms":0.5,"p99_ms":1.5}},"flash":{"used_bytes":1,"live_bytes":2,"promised_bytes":3,"capacity_bytes":4,"read_faults":5,"durable":true},"admission":{"on":true,"jain":1.0}}"#;
    let then: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let read: Metrics = serde_json::from_str(text).expect("a snapshot");
    let mut now = serde_json::to_value(&read).expect("plain values serialise");
    // What came later, which who wrote before has nothing of.
    let gold = now["tenants"]["gold"].as_object_mut().expect("an object");
    for later in ["events", "events_waiting"] {
        assert_eq!(gold.remove(later), Some(0.into()), "{later}");
    }
    for (name, value) in then.as_object().expect("an object") {
        assert_eq!(now[name], *value, "{name}");
    }
    assert_eq!(now.as_object().expect("an object").keys().filter(|name| then.get(name).is_none()).count(), 1);
    let oldest = r#"{"at_us":7,"tenants":{"gold":{"bytes_in":1}},"flash":{"used_bytes":1}}"#;
    assert_eq!(serde_json::from_str::<Metrics>(oldest).expect("a snapshot").flash.used_bytes, 1);
}
