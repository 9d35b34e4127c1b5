//! What Greenroom made and nobody may read: keys, signatures, tokens. A handle; clones know the same.

use super::Scrubber;
use super::piece::{Kind, Piece, pieces};
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

/// More than the accounts of a large talk and the signatures of an hour; beyond it, a signature is forgotten first, since it lapses
/// by itself. What was forgotten is still found by its name.
const KNOWN_MAX: usize = 512;
/// What is shorter would be found in words that are no secret.
const SECRET_CHARS_MIN: usize = 8;
/// A text that ends with so many characters of a secret is held back until it is known whether the rest follows. Fewer tell nobody
/// anything, and every line of progress ends with one.
pub const BEGUN_MIN: usize = 4;

#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// The oldest first.
    all: VecDeque<Secret>,
    /// Built when it is next needed.
    searcher: Option<Arc<Searcher>>,
}

struct Secret {
    lasts: Lasts,
    /// What to look for, the secret itself first.
    forms: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    /// Until its stack ends, or longer.
    Long,
    /// An hour.
    Shortly,
}

/// Finds rows of characters among the pieces of a text.
pub struct Searcher {
    all: AhoCorasick,
    sorted: BTreeSet<Vec<u8>>,
    chars_max: usize,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).all.len();
        write!(f, "Secrets({known} known)")
    }
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Searcher({} rows)", self.sorted.len())
    }
}

impl Secrets {
    /// A key or a token, as it is.
    pub fn know(&self, value: &str) {
        self.add(value, Lasts::Long);
    }

    /// The signature in a SAS, which is a URL's query.
    pub fn know_sas(&self, query: &str) {
        for value in query.split('&').filter_map(|part| part.strip_prefix("sig=")) {
            self.add(value, Lasts::Shortly);
        }
    }

    /// A whole text without its secrets.
    pub fn scrub(&self, text: &str) -> String {
        let mut scrubber = Scrubber::hiding(self.clone(), super::nothing());
        let mut clean = scrubber.push(text);
        clean.push_str(&scrubber.finish());
        clean
    }

    pub(super) fn searcher(&self) -> Arc<Searcher> {
        if let Some(searcher) = &self.0.read().unwrap_or_else(PoisonError::into_inner).searcher {
            return searcher.clone();
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let searcher = Arc::new(Searcher::new(known.all.iter().flat_map(|secret| secret.forms.iter().cloned())));
        known.searcher = Some(searcher.clone());
        searcher
    }

    fn add(&self, value: &str, lasts: Lasts) {
        let decoded = row(value);
        if trimmed(&decoded).len() < SECRET_CHARS_MIN {
            return;
        }
        let forms = forms(value);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known.all.iter().position(|secret| secret.forms[0] == forms[0]) {
            // Told again, it is in use: the last to be forgotten.
            known.all.remove(at).into_iter().for_each(|secret| known.all.push_back(secret));
            return;
        }
        if known.all.len() >= KNOWN_MAX {
            let first = known.all.iter().position(|secret| secret.lasts == Lasts::Shortly).unwrap_or_default();
            known.all.remove(first);
        }
        known.all.push_back(Secret { lasts, forms });
        known.searcher = None;
    }
}

impl Searcher {
    pub fn new(rows: impl Iterator<Item = Vec<u8>>) -> Searcher {
        let sorted: BTreeSet<_> = rows.filter(|row| !row.is_empty()).collect();
        let chars_max = sorted.iter().map(Vec::len).max().unwrap_or_default();
        let all = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&sorted);
        Searcher { all: all.expect("fewer rows than the library counts"), sorted, chars_max }
    }

    /// What is looked for, as spans of the text.
    pub fn find(&self, row: &Row) -> Vec<(usize, usize)> {
        let found = self.all.find_iter(&row.chars);
        found.map(|found| (row.spans[found.start()].0, row.spans[found.end() - 1].1)).collect()
    }

    /// Where the first one begins whose end may still come.
    pub fn begun(&self, row: &Row, chars_min: usize) -> Option<usize> {
        let count = row.chars.len();
        let first = count.saturating_sub(self.chars_max);
        (first..(count + 1).saturating_sub(chars_min))
            .find(|at| self.begins(&row.chars[*at..]))
            .map(|at| row.spans[at].0)
    }

    fn begins(&self, chars: &[u8]) -> bool {
        let next = self.sorted.range::<[u8], _>((std::ops::Bound::Excluded(chars), std::ops::Bound::Unbounded)).next();
        next.is_some_and(|row| row.starts_with(chars))
    }
}

/// The characters of a text, and where they stand.
#[derive(Debug, Default)]
pub struct Row {
    pub chars: Vec<u8>,
    pub spans: Vec<(usize, usize)>,
}

impl Row {
    pub fn of(pieces: &[Piece]) -> Row {
        let mut row = Row::default();
        for piece in pieces {
            let Kind::Char { is, .. } = piece.kind else { continue };
            // The two alphabets of base64 read the same.
            row.chars.push(match is {
                b'-' => b'+',
                b'_' => b'/',
                is => is,
            });
            row.spans.push((piece.from, piece.to));
        }
        row
    }
}

/// The characters of a secret as they are looked for: padding may be missing where it is printed.
pub fn row(value: &str) -> Vec<u8> {
    Row::of(&pieces(value).all).chars
}

fn trimmed(row: &[u8]) -> &[u8] {
    let end = row.iter().rposition(|c| *c != b'=').map_or(0, |last| last + 1);
    &row[..end]
}

/// The secret; without what a form decodes to blanks; and within base64, for each place where it can begin there.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let plain = decoded(value);
    let encoded = plain.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let mut forms = vec![trimmed(&row(&plain)).to_vec()];
    forms.push(forms[0].iter().copied().filter(|c| *c != b'+').collect());
    for text in [plain.as_str(), encoded.as_str()] {
        forms.extend((0..3).map(|before| row(&within_base64(text, before))));
    }
    forms.retain(|form| form.len() >= SECRET_CHARS_MIN);
    forms
}

/// What a value that came in a query is once it is read.
fn decoded(value: &str) -> String {
    let mut plain = String::new();
    for piece in pieces(value).all {
        match piece.kind {
            // A piece of one byte is itself, in its own case.
            Kind::Char { .. } if piece.to - piece.from == 1 => plain.push_str(&value[piece.from..piece.to]),
            Kind::Char { is, .. } => plain.push(char::from(is)),
            Kind::Blank { .. } | Kind::Steering | Kind::Message { .. } => {}
        }
    }
    plain
}

/// The characters that a text gives within base64 whatever stands around it, where it begins at the byte `before` of three.
fn within_base64(text: &str, before: usize) -> String {
    let bytes = [&[0; 2][..before], text.as_bytes()].concat();
    let code = STANDARD_NO_PAD.encode(&bytes);
    // Each character holds six bits: those that share some with a neighbour tell of it.
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    code[from..to].to_string()
}
