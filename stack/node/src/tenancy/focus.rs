//! Usage as FOCUS tells it: one charge a row, for each hour, account and what was used. Nothing has a price here, so every cost is 0.
//! Source: FinOps Open Cost and Usage Specification 1.2, its mandatory columns.

use greenroom_gateway::time;
use greenroom_model::tenancy::UsageRow;
use greenroom_store::Timestamp;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use std::fmt::Write as _;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Time,
}

#[rustfmt::skip]
pub const COLUMNS: [(&str, Kind); 32] = [
    ("BilledCost", Kind::Number),
    ("BillingAccountId", Kind::Text),
    ("BillingAccountName", Kind::Text),
    ("BillingCurrency", Kind::Text),
    ("BillingPeriodEnd", Kind::Time),
    ("BillingPeriodStart", Kind::Time),
    ("ChargeCategory", Kind::Text),
    ("ChargeClass", Kind::Text),
    ("ChargeDescription", Kind::Text),
    ("ChargeFrequency", Kind::Text),
    ("ChargePeriodEnd", Kind::Time),
    ("ChargePeriodStart", Kind::Time),
    ("ConsumedQuantity", Kind::Number),
    ("ConsumedUnit", Kind::Text),
    ("ContractedCost", Kind::Number),
    ("EffectiveCost", Kind::Number),
    ("InvoiceIssuerName", Kind::Text),
    ("ListCost", Kind::Number),
    ("PricingQuantity", Kind::Number),
    ("PricingUnit", Kind::Text),
    ("ProviderName", Kind::Text),
    ("PublisherName", Kind::Text),
    ("ResourceId", Kind::Text),
    ("ResourceName", Kind::Text),
    ("ResourceType", Kind::Text),
    ("ServiceCategory", Kind::Text),
    ("ServiceName", Kind::Text),
    ("ServiceSubcategory", Kind::Text),
    ("SkuId", Kind::Text),
    ("SubAccountId", Kind::Text),
    ("SubAccountName", Kind::Text),
    ("Tags", Kind::Text),
];

const HOUR_US: i64 = 3_600_000_000;
const PROVIDER: &str = "Greenroom";

/// What a column holds in one row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Text(String),
    Number(f64),
    Time(Timestamp),
}

type Charge = [Cell; COLUMNS.len()];

pub fn csv(rows: &[UsageRow]) -> String {
    let mut csv = COLUMNS.map(|(name, _)| name).join(",");
    csv.push('\n');
    for charge in charges(rows) {
        writeln!(csv, "{}", charge.map(|cell| quoted(&told(cell))).join(",")).expect("a string takes it all");
    }
    csv
}

/// The same table as a Parquet file: costs and quantities are doubles, times are microseconds of UTC.
pub fn parquet(rows: &[UsageRow]) -> Result<Vec<u8>> {
    let fields: Result<Vec<_>> = COLUMNS.iter().map(|(name, kind)| Ok(Arc::new(field(name, *kind)?))).collect();
    let schema = Arc::new(Type::group_type_builder("usage").with_fields(fields?).build()?);
    let charges: Vec<Charge> = charges(rows).collect();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::default()))?;
    let mut group = file.next_row_group()?;
    let mut place = 0;
    while let Some(column) = group.next_column()? {
        write_column(column, COLUMNS[place].1, charges.iter().map(|charge| &charge[place]))?;
        place += 1;
    }
    group.close()?;
    file.into_inner()
}

fn field(name: &str, kind: Kind) -> Result<Type> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

fn write_column<'c>(
    mut column: SerializedColumnWriter<'_>,
    kind: Kind,
    cells: impl Iterator<Item = &'c Cell> + Clone,
) -> Result<()> {
    let defined: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::Null)).collect();
    match kind {
        Kind::Text => {
            let texts = cells.filter_map(|cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None });
            let texts: Vec<_> = texts.map(ByteArray::from).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&defined), None)?;
        }
        Kind::Number => {
            let numbers = cells.filter_map(|cell| if let Cell::Number(number) = cell { Some(*number) } else { None });
            column.typed::<DoubleType>().write_batch(&numbers.collect::<Vec<_>>(), Some(&defined), None)?;
        }
        Kind::Time => {
            let times = cells.filter_map(|cell| if let Cell::Time(Timestamp(us)) = cell { Some(*us) } else { None });
            column.typed::<Int64Type>().write_batch(&times.collect::<Vec<_>>(), Some(&defined), None)?;
        }
    }
    column.close()
}

fn charges(rows: &[UsageRow]) -> impl Iterator<Item = Charge> {
    rows.iter().flat_map(|row| {
        let used = used(row).into_iter();
        used.map(|(sku, description, quantity, unit)| charge(row, sku, description, quantity, unit))
    })
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

fn charge(row: &UsageRow, sku: &str, description: &str, quantity: f64, unit: &str) -> Charge {
    let begin = Timestamp(time::parse_iso(&row.hour).unwrap_or_default().0);
    let end = Timestamp(begin.0 + HOUR_US);
    let (month, next) = month(&row.hour);
    let text = |text: &str| Cell::Text(text.to_owned());
    let (tenant, account) = (text(row.tenant.as_str()), text(row.account.as_str()));
    let free = Cell::Number(0.0);
    [
        free.clone(),
        tenant.clone(),
        tenant,
        text("USD"),
        Cell::Time(next),
        Cell::Time(month),
        text("Usage"),
        Cell::Null,
        text(description),
        text("Usage-Based"),
        Cell::Time(end),
        Cell::Time(begin),
        Cell::Number(quantity),
        text(unit),
        free.clone(),
        free.clone(),
        text(PROVIDER),
        free,
        Cell::Number(quantity),
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
fn month(hour: &str) -> (Timestamp, Timestamp) {
    let number = |from: usize, to: usize| hour.get(from..to).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(1);
    let (year, month) = (number(0, 4), number(5, 7));
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first =
        |year: u32, month: u32| time::parse_iso(&format!("{year:04}-{month:02}-01T00:00:00Z")).unwrap_or_default();
    (first(year, month), first(next_year, next))
}

fn told(cell: Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text,
        Cell::Number(number) => number.to_string(),
        Cell::Time(at) => time::iso_seconds(at),
    }
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
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    fn row() -> UsageRow {
        serde_json::from_value(serde_json::json!({
            "hour": "2026-12-31T23:00:00Z", "tenant": "gold", "account": "acct", "logical_bytes": 5, "flash_bytes": 5,
            "cloud_bytes": 0, "reduced_bytes": 5, "blobs": 1, "byte_hours": 2147483648.0, "writes": 3, "reads": 0, "lists": 0,
            "deletes": 0, "others": 0, "bytes_in": 7, "bytes_out": 0, "throttled_ms": 0, "throttled": 0
        }))
        .expect("a row")
    }

    #[test]
    fn a_row_becomes_a_charge_for_each_thing_used() {
        let csv = csv(&[row()]);
        let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.iter().all(|line| line.len() == COLUMNS.len()));
        let cell = |line: usize, name: &str| {
            lines[line][COLUMNS.iter().position(|(column, _)| *column == name).expect("a column")]
        };
        assert_eq!(lines.len(), 4);
        assert_eq!((cell(1, "ConsumedQuantity"), cell(1, "ConsumedUnit")), ("2", "GiB-Hours"));
        assert_eq!((cell(2, "SkuId"), cell(3, "SkuId")), ("writes", "ingress"));
        assert_eq!(
            (cell(1, "ChargePeriodEnd"), cell(1, "BillingPeriodEnd")),
            ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
        );
        assert_eq!(cell(1, "BillingPeriodStart"), "2026-12-01T00:00:00Z");
    }

    #[test]
    fn both_files_say_the_same() {
        let file = parquet(&[row(), row()]).expect("a file");
        let file = SerializedFileReader::new(bytes::Bytes::from(file)).expect("a Parquet file");
        let rows = file.get_row_iter(None).expect("rows").map(|row| row.expect("a row"));
        let told: Vec<Vec<String>> = rows
            .map(|row| {
                let told = |field: &Field| match field {
                    Field::Null => String::new(),
                    Field::Str(text) => text.clone(),
                    Field::Double(number) => number.to_string(),
                    Field::TimestampMicros(us) => time::iso_seconds(Timestamp(*us)),
                    other => panic!("{other:?} is of no kind that was written"),
                };
                row.get_column_iter().map(|(_, field)| told(field)).collect()
            })
            .collect();
        let csv = csv(&[row(), row()]);
        let expected: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!(told, expected);
        assert_eq!(told.len(), 6);
        let none =
            SerializedFileReader::new(bytes::Bytes::from(parquet(&[]).expect("a file"))).expect("a Parquet file");
        assert_eq!(none.metadata().file_metadata().num_rows(), 0);
    }
}
