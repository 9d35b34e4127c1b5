//! The lines of a file that anybody may have written: each with its number, and none longer than it may be.

use std::io::{BufRead, Read};

/// Read at once of a line that is too long, and thrown away.
const PIECE_BYTES: u64 = 64 << 10;

/// Lines one after the other. Memory holds one of them at a time.
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    bytes_max: u64,
    number: usize,
}

/// A line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Whole(String),
    /// The file ends within it.
    Torn(String),
    TooLong,
    /// Some of its bytes are no UTF-8: what stands for them says so.
    Mended(String),
}

impl<R: BufRead> Lines<R> {
    pub fn new(from: R, bytes_max: u64) -> Lines<R> {
        Lines::after(from, bytes_max, 0)
    }

    /// Of a file of which so many lines have been read.
    pub fn after(from: R, bytes_max: u64, number: usize) -> Lines<R> {
        Lines { from, bytes_max, number }
    }

    /// The next line with its number, from 1; `None` at the end of the file.
    pub fn read(&mut self) -> std::io::Result<Option<(usize, Text)>> {
        let mut bytes = Vec::new();
        let read = self.from.by_ref().take(self.bytes_max).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = bytes.last() == Some(&b'\n');
        if !is_whole && bytes.len() as u64 == self.bytes_max && self.pass_over()? {
            return Ok(Some((self.number, Text::TooLong)));
        }
        if is_whole {
            bytes.pop();
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) if is_whole => Text::Whole(text),
            Ok(text) => Text::Torn(text),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                if is_whole { Text::Mended(text) } else { Text::Torn(text) }
            }
        };
        Ok(Some((self.number, text)))
    }

    /// Goes to the end of a line; whether there was more of it.
    fn pass_over(&mut self) -> std::io::Result<bool> {
        let mut had_more = false;
        loop {
            let mut piece = Vec::new();
            let read = self.from.by_ref().take(PIECE_BYTES).read_until(b'\n', &mut piece)?;
            had_more |= read > 0;
            if read == 0 || piece.last() == Some(&b'\n') {
                return Ok(had_more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_numbers_and_none_is_longer_than_it_may_be() {
        let long = "x".repeat(200_000);
        let text = [b"one\n", long.as_bytes(), b"\n\xff\n", b"12345678", b"\n", b"torn"].concat();
        let mut lines = Lines::new(text.as_slice(), 8);
        let mut read = Vec::new();
        while let Some(line) = lines.read().expect("memory") {
            read.push(line);
        }
        let whole = |text: &str| Text::Whole(text.into());
        assert_eq!(
            read,
            [
                (1, whole("one")),
                (2, Text::TooLong),
                (3, Text::Mended("\u{fffd}".into())),
                (4, Text::TooLong),
                (5, Text::Torn("torn".into()))
            ]
        );
    }
}
