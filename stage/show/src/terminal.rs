//! The screen of the tool that runs: a terminal emulator folded from output, bounded by its size whatever is printed.

use std::num::NonZeroU16;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Columns that the back row can still read.
pub const COLUMNS: NonZeroU16 = NonZeroU16::new(100).expect("not zero");
pub const ROWS: NonZeroU16 = NonZeroU16::new(24).expect("not zero");

/// Serialises as the bytes that paint its screen, so that a window which joins late sees what the others see.
pub struct Terminal(vt100::Parser);

impl Terminal {
    pub fn write(&mut self, output: &str) {
        self.0.process(output.as_bytes());
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.0.screen()
    }

    /// The rows with something on them, as text.
    pub fn text(&self) -> String {
        self.0.screen().contents()
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self(vt100::Parser::new(ROWS, COLUMNS, 0))
    }
}

impl Clone for Terminal {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.write(&self.0.screen().state_formatted());
        copy
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Terminal").field(&self.text()).finish()
    }
}

impl PartialEq for Terminal {
    fn eq(&self, other: &Self) -> bool {
        self.0.screen().state_formatted() == other.0.screen().state_formatted()
    }
}

impl Serialize for Terminal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.screen().state_formatted().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Terminal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let painted = String::deserialize(deserializer)?;
        let mut terminal = Self::default();
        terminal.write(&painted);
        Ok(terminal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_lines_replace_each_other() {
        let mut terminal = Terminal::default();
        terminal.write("$ copy\r\n10 %\r20 %\r100 %\r\ndone\r\n");
        assert_eq!(terminal.text(), "$ copy\n100 %\ndone");
    }

    #[test]
    fn a_copy_over_the_wire_shows_the_same_screen() {
        let mut terminal = Terminal::default();
        terminal.write("\x1b[1;33mbold\x1b[0m plain\r\n\x1b[31mred");
        let wire = serde_json::to_string(&terminal).expect("text");
        let copy: Terminal = serde_json::from_str(&wire).expect("the same text");
        assert_eq!(copy, terminal);
        assert_eq!(copy.text(), "bold plain\nred");
    }
}
