//! Takes secrets out of what a tool prints before anyone sees or records it, across chunk borders too.

/// What stands where a signature stood.
const MASK: &str = "•••";
const MARK: &str = "sig=";
/// A word longer than this is no signature: it is let go rather than held.
const HELD_MAX: usize = 16 * 1024;

#[derive(Debug, Default)]
pub struct Scrubber {
    held: String,
}

impl Scrubber {
    /// Takes a chunk in; gives what is safe to show.
    pub fn push(&mut self, chunk: &str) -> String {
        self.held.push_str(chunk);
        let word =
            self.held.rfind(ends_value).map_or(0, |at| at + self.held[at..].chars().next().map_or(1, char::len_utf8));
        let tail = &self.held[word..];
        let cut = match tail.to_ascii_lowercase().find(MARK) {
            Some(_) => word,
            None => self.held.len() - partial_mark(tail),
        };
        let cut = if self.held.len() - cut > HELD_MAX { self.held.len() } else { cut };
        let rest = self.held.split_off(cut);
        let ready = std::mem::replace(&mut self.held, rest);
        scrub(&ready)
    }

    /// What is still held, when no more follows.
    pub fn finish(&mut self) -> String {
        scrub(&std::mem::take(&mut self.held))
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

/// Bytes at the end of `tail` that may begin the mark.
fn partial_mark(tail: &str) -> usize {
    let tail = tail.to_ascii_lowercase();
    (1..MARK.len()).rev().find(|length| tail.ends_with(&MARK[..*length])).unwrap_or(0)
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
        let text = "copy http://127.0.0.1/a/b?sv=2025&sr=c&sig=SECRETSECRET%3D&se=9 é done sig=SECRETSECRET";
        let whole = scrub(text);
        let borders: Vec<_> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        for a in &borders {
            for b in borders.iter().filter(|b| b >= &a) {
                let mut scrubber = Scrubber::default();
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
