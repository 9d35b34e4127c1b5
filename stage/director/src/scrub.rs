//! Takes secrets out of what a tool prints before anyone sees or records it, across chunk borders too.

use std::path::Path;

/// What stands where a signature stood.
const MASK: &str = "•••";
const MARK: &str = "sig=";
/// A word longer than this is no signature: it is let go rather than held.
const HELD_MAX: usize = 16 * 1024;

/// What stands where a private folder's path stood.
const ELSEWHERE: &str = "…";

#[derive(Debug, Default)]
pub struct Scrubber {
    held: String,
    /// The path of a folder that is nobody's business. Empty hides none.
    private: String,
}

impl Scrubber {
    /// Hides a folder's path as well: where a speaker's home is, no audience needs to read.
    pub fn hiding(private: &Path) -> Self {
        Self { private: private.display().to_string(), ..Self::default() }
    }

    /// Takes a chunk in; gives what is safe to show.
    pub fn push(&mut self, chunk: &str) -> String {
        self.held.push_str(chunk);
        let word =
            self.held.rfind(ends_value).map_or(0, |at| at + self.held[at..].chars().next().map_or(1, char::len_utf8));
        let tail = self.held[word..].to_ascii_lowercase();
        let marked = if tail.contains(MARK) { self.held.len() - word } else { begun(&tail, MARK) };
        let cut = self.held.len() - marked.max(begun(&self.held, &self.private));
        let cut = if self.held.len() - cut > HELD_MAX { self.held.len() } else { cut };
        let rest = self.held.split_off(cut);
        let ready = std::mem::replace(&mut self.held, rest);
        self.clean(&ready)
    }

    /// What is still held, when no more follows.
    pub fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.held);
        self.clean(&rest)
    }

    fn clean(&self, text: &str) -> String {
        let text = scrub(text);
        if self.private.is_empty() { text } else { text.replace(&self.private, ELSEWHERE) }
    }
}

/// A whole text without its signatures.
pub fn scrub(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = lower[from..].find(MARK) {
        let value = from + at + MARK.len();
        clean.push_str(&text[from..value]);
        clean.push_str(MASK);
        from = text[value..].find(ends_value).map_or(text.len(), |end| value + end);
    }
    clean.push_str(&text[from..]);
    clean
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '&' | '"' | '\'' | '<' | '>' | '`')
}

/// Bytes at the end of `tail` that may begin what is looked for.
fn begun(tail: &str, sought: &str) -> usize {
    let lengths = sought.char_indices().map(|(at, _)| at);
    lengths.filter(|length| tail.ends_with(&sought[..*length])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_masked_wherever_they_stand() {
        let cases = [
            ("http://h/a?sv=1&sig=abc%2B&se=2 next", "http://h/a?sv=1&sig=•••&se=2 next"),
            ("SIG=abc\r\n", "SIG=•••\r\n"),
            ("\"sig=abc\"", "\"sig=•••\""),
            ("design is=fine", "design is=fine"),
        ];
        for (text, clean) in cases {
            assert_eq!(scrub(text), clean);
        }
    }

    #[test]
    fn no_cut_of_the_stream_lets_a_secret_through() {
        let text = "log /home/ann/show-1/a.log http://h/b?sr=c&sig=SECRET%3D&se=9 é sig=SECRET /home/ann";
        let whole = "log …/a.log http://h/b?sr=c&sig=•••&se=9 é sig=••• /home/ann";
        let borders: Vec<_> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        for a in &borders {
            for b in borders.iter().filter(|b| b >= &a) {
                let mut scrubber = Scrubber::hiding(Path::new("/home/ann/show-1"));
                let mut shown = scrubber.push(&text[..*a]);
                shown += &scrubber.push(&text[*a..*b]);
                shown += &scrubber.push(&text[*b..]);
                shown += &scrubber.finish();
                assert_eq!(shown, whole, "cut at {a} and {b}");
            }
        }
    }

    #[test]
    fn progress_without_secrets_is_not_held_back() {
        let mut scrubber = Scrubber::default();
        assert_eq!(scrubber.push("\r12.5 %, 10 Done"), "\r12.5 %, 10 Done");
    }
}
