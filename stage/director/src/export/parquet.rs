//! The rows of the CSV as Parquet: typed, and with its provenance in the file's own metadata.

use super::rows::{self, COLUMNS, Row};
use super::{ExportError, Format, Source, Target};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::sync::Arc;

/// Rows that are held at a time, and form a group of the file: some MiB.
const GROUP_ROWS: usize = 65_536;

#[derive(Debug)]
pub struct Parquet;

impl Format for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn extension(&self) -> &'static str {
        "parquet"
    }

    fn holds(&self) -> &'static str {
        "the rows of the CSV, typed"
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> std::result::Result<(), ExportError> {
        let pairs = take.provenance().pairs().map(|(name, value)| KeyValue::new(name.into(), Some(value)));
        let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs.into())).build();
        let schema = schema().map_err(io)?;
        let mut file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties)).map_err(io)?;
        let mut held = Vec::new();
        rows::each(take, &mut |row| {
            held.push(row);
            if held.len() == GROUP_ROWS {
                write_group(&mut file, &std::mem::take(&mut held)).map_err(io)?;
            }
            Ok(())
        })?;
        if !held.is_empty() {
            write_group(&mut file, &held).map_err(io)?;
        }
        file.close().map_err(io)?;
        Ok(())
    }
}

fn io(error: ParquetError) -> std::io::Error {
    std::io::Error::other(error)
}

fn schema() -> Result<Type> {
    let [time, step, metric, unit, value] = COLUMNS;
    let number =
        |name, repetition| Type::primitive_type_builder(name, Physical::DOUBLE).with_repetition(repetition).build();
    let text = |name| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .build()
    };
    let fields = [
        number(time, Repetition::OPTIONAL)?,
        text(step)?,
        text(metric)?,
        text(unit)?,
        number(value, Repetition::REQUIRED)?,
    ];
    Type::group_type_builder("measured").with_fields(fields.map(Arc::new).into()).build()
}

/// The columns in the order of the schema.
fn write_group(file: &mut SerializedFileWriter<&mut Target>, rows: &[Row]) -> Result<()> {
    let mut group = file.next_row_group()?;
    if let Some(mut column) = group.next_column()? {
        let defined: Vec<i16> = rows.iter().map(|row| i16::from(row.time.is_some())).collect();
        let times: Vec<f64> = rows.iter().filter_map(|row| row.time).map(|micros| micros as f64 / 1e6).collect();
        column.typed::<DoubleType>().write_batch(&times, Some(&defined), None)?;
        column.close()?;
    }
    let texts: [fn(&Row) -> &str; 3] = [|row| &row.step, |row| &row.metric, |row| &row.unit];
    for text in texts {
        if let Some(mut column) = group.next_column()? {
            let texts: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(text(row))).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
            column.close()?;
        }
    }
    if let Some(mut column) = group.next_column()? {
        let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
        column.typed::<DoubleType>().write_batch(&values, None, None)?;
        column.close()?;
    }
    group.close()?;
    Ok(())
}
