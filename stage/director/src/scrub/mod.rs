//! Takes secrets out of what is shown, logged or recorded: those that Greenroom made by their value, however a tool writes them, and
//! others by the words before them. Knows nothing of where they come from.

mod mark;
mod piece;
mod secrets;

pub use secrets::Secrets;

use mark::Marks;
use piece::{Kind, MESSAGE_BYTES_MAX, Piece, Pieces, on_one_line, pieces};
use secrets::{BEGUN_MIN, Row, Searcher, row};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// What stands where a secret stood.
const MASK: &str = "•••";
/// What stands where a private folder's path stood.
const ELSEWHERE: &str = "…";
/// Held back at most, while it may still become a secret: a secret with a colour around each of its characters fits.
const HELD_BYTES_MAX: usize = 16 * 1024;
/// Kept of what was shown at most, so that a secret is known whose first characters were.
const KEPT_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// Scrubs a text that comes in chunks, across their borders.
#[derive(Debug)]
pub struct Scrubber {
    secrets: Secrets,
    /// The path of a folder that is nobody's business; none where it is empty.
    private: Arc<Searcher>,
    /// What has come since the place from which it is read anew, and how much of it was shown.
    text: String,
    shown: usize,
    /// How it was read until there.
    read: Reading,
    /// Of what is kept, this much is known to be covered.
    covered: Option<Span>,
}

#[derive(Debug, Clone, Default)]
struct Reading {
    marks: Marks,
    /// What the last character was covered by.
    last: Option<Cover>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    Secret,
    Private,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
    cover: Cover,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    More,
    Nothing,
}

impl Reading {
    fn is_within_secret(&self) -> bool {
        self.marks.is_within_secret() || self.last == Some(Cover::Secret)
    }
}

impl Cover {
    fn stands(self) -> &'static str {
        match self {
            Cover::Secret => MASK,
            Cover::Private => ELSEWHERE,
        }
    }
}

impl Scrubber {
    /// Hides a folder's path as well: where a speaker's home is, no audience needs to read. An empty one hides none.
    pub fn new(secrets: Secrets, private: &Path) -> Self {
        let private = Searcher::new(std::iter::once(row(&private.display().to_string())));
        Self::hiding(secrets, Arc::new(private))
    }

    fn hiding(secrets: Secrets, private: Arc<Searcher>) -> Self {
        Self { secrets, private, text: String::new(), shown: 0, read: Reading::default(), covered: None }
    }

    /// Takes a chunk in; gives what is safe to show.
    pub fn push(&mut self, chunk: &str) -> String {
        self.text.push_str(chunk);
        self.clean(Follows::More)
    }

    /// What is still held, when no more follows.
    pub fn finish(&mut self) -> String {
        self.clean(Follows::Nothing)
    }

    fn clean(&mut self, follows: Follows) -> String {
        let pieces = pieces(&self.text);
        let joined = on_one_line(&self.text, &pieces);
        let searcher = self.secrets.searcher();
        let spans = self.spans(&searcher, [Some(&pieces), joined.as_ref()].into_iter().flatten());
        let mut held = match follows {
            Follows::More => self.held(&pieces, joined.as_ref(), &searcher),
            Follows::Nothing => self.text.len(),
        };
        let kept = kept(&pieces, joined.as_ref(), held);
        let (mut reading, mut read) = (self.read.clone(), None);
        let (mut clean, mut left) = (String::new(), spans.iter().peekable());
        for piece in pieces.all.iter().take_while(|piece| piece.to <= held) {
            if follows == Follows::More && piece.from >= pieces.unsure && reading.is_within_secret() {
                // Whether the secret ends here, the next chunk tells.
                held = piece.from.max(self.shown);
                break;
            }
            if piece.from == kept {
                read = Some(reading.clone());
            }
            while left.next_if(|span| span.to <= piece.from).is_some() {}
            // What was shown stays what it was then.
            let known = if piece.to <= self.shown { self.covered.as_ref() } else { left.peek().copied() };
            let span = known.filter(|span| span.from <= piece.from && piece.from < span.to).map(|span| span.cover);
            self.show(piece, span, &mut reading, &mut clean);
        }
        self.read = read.unwrap_or(reading);
        let covered = spans.into_iter().filter(|span| span.from < held && span.to > kept).max_by_key(|span| span.to);
        self.covered = covered.map(|span| Span { from: 0, to: span.to - kept, cover: span.cover });
        self.text.drain(..kept);
        self.shown = held - kept;
        clean
    }

    /// Adds to what is shown what stands for the piece, unless it was shown before.
    fn show(&self, piece: &Piece, span: Option<Cover>, reading: &mut Reading, clean: &mut String) {
        let unseen = &self.text[piece.from.max(self.shown).min(piece.to)..piece.to];
        let is_marked = reading.marks.push(&piece.kind);
        let cover = match (&piece.kind, span) {
            (Kind::Steering, _) => {
                clean.push_str(unseen);
                return;
            }
            (Kind::Message { from, to }, _) => {
                if piece.from >= self.shown {
                    clean.push_str(&self.text[piece.from..*from]);
                    clean.push_str(&self.within(&self.text[*from..*to]));
                    clean.push_str(&self.text[*to..piece.to]);
                }
                return;
            }
            // What a line's end or an indent parts is one secret still.
            (Kind::Blank { .. }, Some(_)) if !is_marked => {
                clean.push_str(unseen);
                return;
            }
            (Kind::Blank { .. }, _) => is_marked.then_some(Cover::Secret),
            // Padding belongs to the value that it follows.
            (Kind::Char { is: b'=', .. }, None) if reading.last == Some(Cover::Secret) => Some(Cover::Secret),
            (Kind::Char { .. }, span) => {
                if is_marked {
                    Some(Cover::Secret)
                } else {
                    span
                }
            }
        };
        match cover {
            None => clean.push_str(unseen),
            Some(cover) if reading.last != Some(cover) && !unseen.is_empty() => clean.push_str(cover.stands()),
            Some(_) => {}
        }
        reading.last = cover;
    }

    /// What a tool tells its terminal, such as a link, is a text of its own.
    fn within(&self, message: &str) -> String {
        let mut scrubber = Self::hiding(self.secrets.clone(), self.private.clone());
        scrubber.text.push_str(message);
        scrubber.finish()
    }

    /// All that is known to be covered, in order.
    fn spans<'a>(&self, searcher: &Searcher, readings: impl Iterator<Item = &'a Pieces>) -> Vec<Span> {
        let of = |cover| move |(from, to)| Span { from, to, cover };
        let mut spans: Vec<_> = self.covered.into_iter().collect();
        for pieces in readings {
            let row = Row::of(&pieces.all);
            spans.extend(searcher.find(&row).into_iter().map(of(Cover::Secret)));
            spans.extend(self.private.find(&row).into_iter().map(of(Cover::Private)));
        }
        spans.sort_by_key(|span| (span.from, span.to));
        spans
    }

    /// From where on the text is held back, since what follows may make a secret of it.
    fn held(&self, pieces: &Pieces, joined: Option<&Pieces>, searcher: &Searcher) -> usize {
        // A path is held from its first character on, so that none of it is seen; at a line's end that is no path's beginning.
        let at_end = pieces.sure().last().is_some_and(|piece| matches!(piece.kind, Kind::Char { .. }));
        let of_path = if at_end { 1 } else { BEGUN_MIN };
        let begun = |pieces: &Pieces| {
            let row = Row::of(pieces.sure());
            [searcher.begun(&row, BEGUN_MIN), self.private.begun(&row, of_path)].into_iter().flatten().min()
        };
        let begun = [begun(pieces), joined.and_then(begun), pieces.open];
        let held = begun.into_iter().flatten().min().unwrap_or(self.text.len()).max(self.shown);
        if self.text.len() - held > HELD_BYTES_MAX { self.text.len() } else { held }
    }
}

/// From where on what was shown is read again: the characters before `held` that may begin a secret, and what is still unsure.
fn kept(pieces: &Pieces, joined: Option<&Pieces>, held: usize) -> usize {
    // A piece of which a part was shown is read again as a whole.
    let whole = pieces.until(held).last().map_or(0, |piece| piece.to);
    let first = |pieces: &Pieces| {
        let sure = pieces.sure().iter().rev().filter(|piece| piece.to <= held);
        let chars = sure.filter(|piece| matches!(piece.kind, Kind::Char { .. }));
        chars.take(BEGUN_MIN - 1).last().map_or(whole, |piece| piece.from).min(pieces.unsure)
    };
    let kept = first(pieces).min(joined.map_or(whole, first)).min(whole);
    let kept = pieces.until(kept).last().map_or(0, |piece| piece.to);
    if held - kept > KEPT_BYTES_MAX { whole } else { kept }
}

/// A whole text without what is marked as a secret.
pub fn scrub(text: &str) -> String {
    static NONE: LazyLock<Secrets> = LazyLock::new(Secrets::default);
    NONE.scrub(text)
}

/// Of a text that no folder is hidden from. Made once: a take scrubs every string.
fn nothing() -> Arc<Searcher> {
    static NOTHING: LazyLock<Arc<Searcher>> = LazyLock::new(|| Arc::new(Searcher::new(std::iter::empty())));
    NOTHING.clone()
}

#[cfg(test)]
mod tests;
