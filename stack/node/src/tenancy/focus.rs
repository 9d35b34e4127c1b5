//! Usage as FOCUS tells it: one charge a row, for each hour, account and what was used. Nothing has a price here, so every cost is 0.
//! Source: FinOps Open Cost and Usage Specification 1.2, its mandatory columns.

use greenroom_gateway::time;
use greenroom_model::tenancy::UsageRow;
use greenroom_store::Timestamp;
use std::fmt::Write as _;

pub const COLUMNS: [&str; 32] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
];

const HOUR_US: i64 = 3_600_000_000;
const PROVIDER: &str = "Greenroom";

pub fn csv(rows: &[UsageRow]) -> String {
    let mut csv = COLUMNS.join(",");
    csv.push('\n');
    for row in rows {
        for (sku, description, quantity, unit) in used(row) {
            let line = charge(row, sku, description, quantity, unit).map(|cell| quoted(&cell)).join(",");
            writeln!(csv, "{line}").expect("a string takes it all");
        }
    }
    csv
}

/// What a row says that was used, where it is not nothing.
fn used(row: &UsageRow) -> Vec<(&'static str, &'static str, f64, &'static str)> {
    let all = [
        ("storage", "Bytes stored", row.byte_hours / f64::from(1 << 30), "GiB-Hours"),
        ("writes", "Write operations", row.writes as f64, "Requests"),
        ("reads", "Read operations", row.reads as f64, "Requests"),
        ("lists", "List operations", row.lists as f64, "Requests"),
        ("others", "Other operations", (row.deletes + row.others) as f64, "Requests"),
        ("ingress", "Bytes taken in", row.bytes_in as f64, "Bytes"),
        ("egress", "Bytes sent", row.bytes_out as f64, "Bytes"),
    ];
    all.into_iter().filter(|(_, _, quantity, _)| *quantity > 0.0).collect()
}

fn charge(row: &UsageRow, sku: &str, description: &str, quantity: f64, unit: &str) -> [String; COLUMNS.len()] {
    let begin = time::parse_iso(&row.hour).unwrap_or_default();
    let end = time::iso_seconds(Timestamp(begin.0 + HOUR_US));
    let (month, next) = month(&row.hour);
    let (tenant, account) = (row.tenant.to_string(), row.account.to_string());
    let text = |text: &str| text.to_owned();
    [
        text("0"),
        tenant.clone(),
        tenant.clone(),
        text("USD"),
        next,
        month,
        text("Usage"),
        String::new(),
        text(description),
        text("Usage-Based"),
        end,
        row.hour.clone(),
        quantity.to_string(),
        text(unit),
        text("0"),
        text("0"),
        text(PROVIDER),
        text("0"),
        quantity.to_string(),
        text(unit),
        text(PROVIDER),
        text(PROVIDER),
        account.clone(),
        account.clone(),
        text("Storage account"),
        text("Storage"),
        text("Blob Storage"),
        text("Object Storage"),
        text(sku),
        account.clone(),
        account,
        text("{}"),
    ]
}

/// The month that an hour is of, and the one after it.
fn month(hour: &str) -> (String, String) {
    let number = |from: usize, to: usize| hour.get(from..to).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(1);
    let (year, month) = (number(0, 4), number(5, 7));
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = |year: u32, month: u32| format!("{year:04}-{month:02}-01T00:00:00Z");
    (first(year, month), first(next_year, next))
}

/// Source: RFC 4180.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_a_charge_for_each_thing_used() {
        let row: UsageRow = serde_json::from_value(serde_json::json!({
            "hour": "2026-12-31T23:00:00Z", "tenant": "gold", "account": "acct", "logical_bytes": 5, "flash_bytes": 5,
            "cloud_bytes": 0, "reduced_bytes": 5, "blobs": 1, "byte_hours": 2147483648.0, "writes": 3, "reads": 0, "lists": 0,
            "deletes": 0, "others": 0, "bytes_in": 7, "bytes_out": 0, "throttled_ms": 0, "throttled": 0
        }))
        .expect("a row");
        let csv = csv(&[row]);
        let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.iter().all(|line| line.len() == COLUMNS.len()));
        let cell =
            |line: usize, name: &str| lines[line][COLUMNS.iter().position(|column| *column == name).expect("a column")];
        assert_eq!(lines.len(), 4);
        assert_eq!((cell(1, "ConsumedQuantity"), cell(1, "ConsumedUnit")), ("2", "GiB-Hours"));
        assert_eq!((cell(2, "SkuId"), cell(3, "SkuId")), ("writes", "ingress"));
        assert_eq!(
            (cell(1, "ChargePeriodEnd"), cell(1, "BillingPeriodEnd")),
            ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
        );
        assert_eq!(cell(1, "BillingPeriodStart"), "2026-12-01T00:00:00Z");
    }
}
