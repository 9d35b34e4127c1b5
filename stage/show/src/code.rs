//! Code on a slide, and which of its lines each click brings forward.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub language: String,
    pub text: String,
    /// The project's file that it is a piece of; empty for code that stands in the deck itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The number of its first line in that file.
    #[serde(default = "one")]
    pub first: usize,
    /// What each click brings forward.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub focus: Vec<Focus>,
}

fn one() -> usize {
    1
}

/// Lines that are brought forward together.
pub type Focus = Vec<Lines>;

/// By the numbers of a file's lines, both ends in it; of a size that a page reads as the director writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    pub from: u32,
    pub to: u32,
}

impl Lines {
    pub const ALL: Lines = Lines { from: 1, to: u32::MAX };

    pub fn holds(self, line: usize) -> bool {
        u32::try_from(line).is_ok_and(|line| (self.from..=self.to).contains(&line))
    }
}

/// How a line stands beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Even,
    Forward,
    Back,
}

impl Code {
    /// Of the line `index`, from 0, once `count` of what clicks bring forward has been.
    pub fn stands(&self, index: usize, count: usize) -> Stands {
        let Some(focus) = count.checked_sub(1).and_then(|last| self.focus.get(last)) else { return Stands::Even };
        let holds = |line: usize| focus.iter().any(|lines| lines.holds(line));
        match (focus.contains(&Lines::ALL), holds(self.first + index)) {
            (true, _) => Stands::Even,
            (false, true) => Stands::Forward,
            (false, false) => Stands::Back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> Code {
        let lines = |from, to| Lines { from, to };
        Code {
            language: "yaml".into(),
            text: "a\nb\nc\nd\n".into(),
            file: "demos/a/tenants.yaml".into(),
            first: 11,
            focus: vec![vec![lines(12, 12)], vec![lines(11, 11), lines(13, 14)], vec![Lines::ALL]],
        }
    }

    #[test]
    fn clicks_bring_lines_forward_one_after_the_other() {
        let stands = |count| (0..4).map(|line| code().stands(line, count)).collect::<Vec<_>>();
        use Stands::{Back, Even, Forward};
        assert_eq!(stands(0), [Even; 4]);
        assert_eq!(stands(1), [Back, Forward, Back, Back]);
        assert_eq!(stands(2), [Forward, Back, Forward, Forward]);
        assert_eq!(stands(3), [Even; 4], "all of it, at the end");
        assert_eq!(stands(9), [Even; 4], "more clicks than there is to bring forward");
    }

    #[test]
    fn all_lines_are_a_number_that_a_page_can_read() {
        let all = serde_json::to_value(Lines::ALL).expect("written");
        assert!(all["to"].as_u64().is_some_and(|to| to <= u64::from(u32::MAX)), "a page's numbers have 32 bits");
    }

    #[test]
    fn code_of_an_older_take_is_read() {
        let old: Code = serde_json::from_str(r#"{"language":"text","text":"409"}"#).expect("readable");
        assert_eq!((old.first, old.focus.len(), old.file.as_str()), (1, 0, ""));
    }
}
