//! How a row is written: a byte for the form, postcard, and the checksum of both. The engine checks its own only after a crash; a row that
//! points to the wrong frames would serve good bytes of another blob.

use crate::crc::crc64;
use crate::error::{Result, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// The file that rows are in, below the data folder.
pub const FILE: &str = "catalog/catalog.redb";

/// Names and values that a client may hang on to a blob or container, encoded. Azure's own bounds are lower.
pub const PROPS_BYTES_MAX: usize = 64 << 10;

const FORM: u8 = 1;

pub fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    seal(postcard::to_extend(row, vec![FORM]).expect("rows are plain data, and a vector takes it all"))
}

/// Ends a row with its checksum.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc64 = crc64(&bytes);
    bytes.extend_from_slice(&crc64.to_le_bytes());
    bytes
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(body(bytes)?).map_err(|error| corrupt(&error.to_string()))
}

/// What a row begins with, whatever else is in it.
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(postcard::take_from_bytes(body(bytes)?).map_err(|error| corrupt(&error.to_string()))?.0)
}

/// The row with something else at its beginning, and all that follows as it was.
pub fn with_first<T: Serialize + DeserializeOwned>(bytes: &[u8], first: &T) -> Result<Vec<u8>> {
    let (_, rest) = postcard::take_from_bytes::<T>(body(bytes)?).map_err(|error| corrupt(&error.to_string()))?;
    let mut row = postcard::to_extend(first, vec![FORM]).expect("rows are plain data, and a vector takes it all");
    row.extend_from_slice(rest);
    Ok(seal(row))
}

/// The row with more right behind what it begins with, which has a field more.
pub fn with_behind<T: DeserializeOwned>(bytes: &[u8], more: &impl Serialize) -> Result<Vec<u8>> {
    let row = body(bytes)?;
    let (_, rest) = postcard::take_from_bytes::<T>(row).map_err(|error| corrupt(&error.to_string()))?;
    let first = [&[FORM], &row[..row.len() - rest.len()]].concat();
    let mut row = postcard::to_extend(more, first).expect("rows are plain data, and a vector takes it all");
    row.extend_from_slice(rest);
    Ok(seal(row))
}

/// The row with more at its end, which is a field more.
pub fn with_last<T: Serialize>(bytes: &[u8], last: &T) -> Result<Vec<u8>> {
    let row = [&[FORM], body(bytes)?].concat();
    Ok(seal(postcard::to_extend(last, row).expect("rows are plain data, and a vector takes it all")))
}

/// A row without its form and its checksum, which are as they should be.
fn body(bytes: &[u8]) -> Result<&[u8]> {
    let Some((row, checksum)) = bytes.split_last_chunk() else { return Err(corrupt("a row is cut off")) };
    if crc64(row) != u64::from_le_bytes(*checksum) {
        return Err(corrupt("a row's checksum does not match"));
    }
    match row.split_first() {
        Some((&FORM, row)) => Ok(row),
        Some((form, _)) => Err(corrupt(&format!("a row has form {form}"))),
        None => Err(corrupt("a row is empty")),
    }
}

pub fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt { file: PathBuf::from(FILE), offset: 0, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::garbage::GarbageRow;
    use super::*;

    #[test]
    fn a_row_comes_back_and_any_flipped_bit_in_it_is_found() {
        let good = encode(&GarbageRow::Staging(7));
        assert!(matches!(decode(&good), Ok(GarbageRow::Staging(7))));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<GarbageRow>(&bad).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(decode::<GarbageRow>(&good[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn rows_of_an_unknown_form_are_refused() {
        let mut row = vec![9, 1];
        let crc64 = crc64(&row);
        row.extend(crc64.to_le_bytes());
        assert!(decode::<GarbageRow>(&row).is_err());
    }
}
