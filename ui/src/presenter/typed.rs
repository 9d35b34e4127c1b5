//! A slide's number while it is typed.

/// A digit that nothing follows was a slip: minutes later Enter must not take the talk to another slide.
pub const LAPSES_AFTER_MS: f64 = 3_000.0;
/// A deck with ten thousand slides is none.
const DIGITS_MAX: usize = 4;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Typed {
    digits: String,
    /// When the last digit was typed, by the page's clock.
    at_ms: f64,
}

impl Typed {
    pub fn push(&mut self, digit: char, now_ms: f64) {
        self.lapse(now_ms);
        if self.digits.len() < DIGITS_MAX {
            self.digits.push(digit);
            self.at_ms = now_ms;
        }
    }

    /// Takes the number, where one still stands.
    pub fn take(&mut self, now_ms: f64) -> Option<usize> {
        self.lapse(now_ms);
        std::mem::take(self).digits.parse().ok()
    }

    /// Forgets what was typed too long ago.
    pub fn lapse(&mut self, now_ms: f64) {
        if now_ms - self.at_ms >= LAPSES_AFTER_MS {
            self.digits.clear();
        }
    }

    pub fn as_str(&self) -> &str {
        &self.digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(digits: &[(char, f64)]) -> Typed {
        let mut typed = Typed::default();
        digits.iter().for_each(|(digit, at_ms)| typed.push(*digit, *at_ms));
        typed
    }

    #[test]
    fn a_number_is_taken_once_and_within_three_seconds() {
        let mut number = typed(&[('1', 0.0), ('2', 2_000.0)]);
        assert_eq!(number.take(4_900.0), Some(12));
        assert_eq!(number.take(4_900.0), None);
    }

    #[test]
    fn a_lone_digit_lapses() {
        assert_eq!(typed(&[('4', 10_000.0)]).take(13_000.0), None);
        // What is typed later begins anew.
        assert_eq!(typed(&[('4', 10_000.0), ('7', 13_100.0)]).take(13_200.0), Some(7));
        let mut shown = typed(&[('4', 10_000.0)]);
        shown.lapse(12_999.0);
        assert_eq!(shown.as_str(), "4");
        shown.lapse(13_000.0);
        assert_eq!(shown.as_str(), "");
    }

    #[test]
    fn a_number_has_four_digits() {
        let digits: Vec<_> = "123456".chars().map(|digit| (digit, 0.0)).collect();
        assert_eq!(typed(&digits).take(0.0), Some(1234));
    }
}
