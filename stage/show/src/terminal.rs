//! The screen of the tool that runs: a terminal emulator folded from output, bounded by its size whatever is printed.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Columns that the back row can still read.
pub const COLUMNS: NonZeroU16 = NonZeroU16::new(100).expect("not zero");
pub const ROWS: NonZeroU16 = NonZeroU16::new(24).expect("not zero");

/// Output that a snapshot repeats: a copy reads it in well under a millisecond, and painting a screen anew this often costs nothing.
const TAIL_BYTES_MAX: usize = 16 << 10;
/// What paints one cell: a character of four bytes, and before it every colour and attribute that there is.
const CELL_BYTES_MAX: usize = 96;
/// Cursors, margins, tab stops, and an escape sequence with its 32 parameters or a title under way.
const MODES_BYTES_MAX: usize = 8 << 10;
const SCREENS: usize = 2;
/// A snapshot of the most colourful screens that there can be; those of real tools are a hundredth of it.
const SNAPSHOT_BYTES_MAX: usize =
    SCREENS * ROWS.get() as usize * COLUMNS.get() as usize * CELL_BYTES_MAX + MODES_BYTES_MAX + TAIL_BYTES_MAX;

/// Cancels an escape sequence that its tool never finished.
const CANCEL: &str = "\x18";
/// Both screens in turn are left as a new terminal has them: pen, margins, origin, insert mode, character sets, saved and visible
/// cursor. What a reset does not cover follows: wrapping, line feeds, cursor keys. Modes of the keyboard and the mouse are not kept
/// here at all, since nobody types.
const SANE: &str = "\x1b[?1047h\x1b[!p\x1b[?1047l\x1b[!p\x1b[?7h\x1b[20l\x1b[?1l";
const TAB_COLUMNS: usize = 8;

/// Serialises as its log, so that a window which joins late has the very terminal that the others have, in the middle of an escape
/// sequence too.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "Log", into = "Log")]
pub struct Terminal {
    screen: avt::Terminal,
    log: Log,
}

/// All that a terminal is: it is folded from this, whoever holds it. Where the tail is full, the screen that it led to is painted
/// anew and becomes the painted part. That happens at a byte of the output and not at a moment, hence alike for everybody, and so
/// even what the emulator forgets to paint is forgotten alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Log {
    /// Escape sequences that paint a screen.
    painted: String,
    /// What was printed since, shorter than `TAIL_BYTES_MAX`.
    tail: String,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the snapshot of a terminal has {bytes} bytes, more than the {SNAPSHOT_BYTES_MAX} that any has: ask for a new one"
)]
struct TooLarge {
    bytes: usize,
}

impl Terminal {
    pub fn write(&mut self, output: &str) {
        let mut rest = output;
        while !rest.is_empty() {
            let room = TAIL_BYTES_MAX - self.log.tail.len();
            let (now, later) = rest.split_at(rest.ceil_char_boundary(room.min(rest.len())));
            self.screen.feed(now);
            self.log.tail.push_str(now);
            if self.log.tail.len() >= TAIL_BYTES_MAX {
                *self = Self::painted(self.screen.dump());
            }
            rest = later;
        }
    }

    /// Makes room for the next tool: below all that is written, on a line of its own, with nothing of what the last one set. What it
    /// wrote stays. Gives what was written for it, so that another terminal can be taken along.
    pub fn begin_step(&mut self) -> String {
        self.write(CANCEL);
        let row = self.free_row();
        // Below the last row there is none: the screen goes up by one.
        let last = usize::from(ROWS.get()) - 1;
        let line_feed = if row > last { "\n" } else { "" };
        let room = format!("{SANE}{}\x1b[{};1H{line_feed}\x1b[J", tab_stops(), row.min(last) + 1);
        self.write(&room);
        format!("{CANCEL}{room}")
    }

    /// What a new terminal of this size prints to be the same.
    pub fn repaint(&self) -> String {
        format!("{}{}", self.log.painted, self.log.tail)
    }

    pub fn screen(&self) -> avt::Screen<'_> {
        self.screen.screen()
    }

    /// The rows with something on them, as text: what was wrapped is one line again.
    pub fn text(&self) -> String {
        self.screen().text().join("\n").trim_end_matches('\n').to_string()
    }

    fn painted(painted: String) -> Self {
        let mut screen =
            avt::Terminal::new(COLUMNS.get().into(), ROWS.get().into()).expect("a terminal has columns and rows");
        screen.feed(painted.as_str());
        Self { screen, log: Log { painted, tail: String::new() } }
    }

    /// The first row of the main screen below which nothing is written, and not above the cursor; one more than there are where it is
    /// full.
    fn free_row(&self) -> usize {
        let mut free = 0;
        let mut continues = false;
        for (row, line) in self.screen.primary_screen().visible_lines().enumerate() {
            if continues || line.is_wrapped() || !line.text().trim_end().is_empty() {
                free = row + 1;
            }
            continues = line.is_wrapped();
        }
        match self.screen.active_screen_kind() {
            avt::ScreenKind::Primary => free.max(self.screen.cursor().row),
            // The cursor is the other screen's.
            avt::ScreenKind::Alternate => free,
        }
    }
}

/// The stops of a new terminal.
fn tab_stops() -> String {
    let stops = (TAB_COLUMNS..COLUMNS.get().into()).step_by(TAB_COLUMNS);
    std::iter::once("\x1b[3g".to_string()).chain(stops.map(|column| format!("\x1b[{}G\x1bH", column + 1))).collect()
}

impl Default for Terminal {
    fn default() -> Self {
        Self::painted(String::new())
    }
}

impl Clone for Terminal {
    fn clone(&self) -> Self {
        let mut copy = Self::painted(self.log.painted.clone());
        copy.write(&self.log.tail);
        copy
    }
}

impl From<Terminal> for Log {
    fn from(terminal: Terminal) -> Log {
        terminal.log
    }
}

impl TryFrom<Log> for Terminal {
    type Error = TooLarge;

    fn try_from(log: Log) -> Result<Self, TooLarge> {
        let bytes = log.painted.len() + log.tail.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            return Err(TooLarge { bytes });
        }
        let mut terminal = Self::painted(log.painted);
        terminal.write(&log.tail);
        Ok(terminal)
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Terminal").field(&self.text()).finish()
    }
}

impl PartialEq for Terminal {
    fn eq(&self, other: &Self) -> bool {
        self.log == other.log
    }
}
