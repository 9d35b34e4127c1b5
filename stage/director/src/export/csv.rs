//! All series and figures as CSV in long form, for notebooks and spreadsheets.

use super::{ExportError, Format, Source, Target, rows};
use greenroom_show::Micros;
use std::io::Write;

#[derive(Debug)]
pub struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn holds(&self) -> &'static str {
        "every value of every series, and every figure (without a time), a row each; the first line is a comment that says where it is from"
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        writeln!(to, "# {}", take.provenance().say())?;
        let mut table = ::csv::Writer::from_writer(to);
        table.write_record(rows::COLUMNS).map_err(std::io::Error::from)?;
        rows::each(take, &mut |row| {
            let time = row.time.map(seconds).unwrap_or_default();
            // Written as short as it can be, and read back to the last bit.
            let value = row.value.to_string();
            let record = [&time, &row.step, &row.metric, &row.unit, &value];
            Ok(table.write_record(record).map_err(std::io::Error::from)?)
        })?;
        Ok(table.flush()?)
    }
}

fn seconds(micros: Micros) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
