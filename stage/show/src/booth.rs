//! What a booth shows now: slides and takes, round and round, past whatever is broken. Pure: time is passed in.

use crate::Micros;

/// A take rests on its last picture.
const LINGERS: Micros = 4_000_000;
/// A take that has not ended so long after it should have is stuck.
const STUCK: Micros = 30_000_000;
/// Where nothing can be shown, the list is tried again after this long.
const AGAIN: Micros = 60_000_000;

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// By its index.
    Slide { slide: usize, lasts: Micros },
    /// From its beginning to its end, which comes after as long as it lasts, or sooner.
    Take { id: String, lasts: Micros },
}

/// What has become of the item that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Shows,
    Ended,
    /// It could not be shown, or is gone.
    Broken,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    Stays,
    Shows(Item),
    /// The list is over: it is read anew, and begins.
    Round,
}

/// Where a booth is in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booth {
    items: Vec<Item>,
    /// None before the first one.
    at: Option<usize>,
    since: Micros,
    ended: Option<Micros>,
    /// Whether something of this round could be shown.
    has_shown: bool,
}

impl Booth {
    pub fn new(items: Vec<Item>, now: Micros) -> Booth {
        Booth { items, at: None, since: now, ended: None, has_shown: false }
    }

    /// The item that is shown, and which of the list it is.
    pub fn shown(&self) -> Option<(usize, &Item)> {
        let at = self.at?;
        Some((at, self.items.get(at)?))
    }

    /// Goes on where it is time to.
    pub fn goes_on(&mut self, now: Micros, stands: Stands) -> Does {
        let Some((_, item)) = self.shown() else { return self.next(now) };
        let shown_for = now.saturating_sub(self.since);
        let is_over = match (item, stands) {
            (_, Stands::Broken) => return self.next(now),
            (Item::Slide { lasts, .. }, Stands::Shows | Stands::Ended) => shown_for >= *lasts,
            (Item::Take { lasts, .. }, Stands::Shows) => shown_for >= lasts.saturating_add(STUCK),
            (Item::Take { .. }, Stands::Ended) => {
                let ended = *self.ended.get_or_insert(now);
                now.saturating_sub(ended) >= LINGERS
            }
        };
        self.has_shown = true;
        if is_over { self.next(now) } else { Does::Stays }
    }

    fn next(&mut self, now: Micros) -> Does {
        let next = self.at.map_or(0, |at| at + 1);
        if let Some(item) = self.items.get(next).cloned() {
            (self.at, self.since, self.ended) = (Some(next), now, None);
            return Does::Shows(item);
        }
        // A list of which nothing can be shown is not tried in a loop.
        if !self.has_shown && now.saturating_sub(self.since) < AGAIN {
            return Does::Stays;
        }
        Does::Round
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Micros = 1_000_000;

    fn slide(slide: usize) -> Item {
        Item::Slide { slide, lasts: 10 * S }
    }

    fn take(id: &str) -> Item {
        Item::Take { id: id.into(), lasts: 60 * S }
    }

    #[test]
    fn a_slide_stands_its_time_and_a_take_until_it_has_ended_and_a_little_longer() {
        let mut booth = Booth::new(vec![slide(3), take("a")], 0);
        assert_eq!(booth.goes_on(0, Stands::Shows), Does::Shows(slide(3)));
        assert_eq!(booth.goes_on(10 * S - 1, Stands::Shows), Does::Stays);
        assert_eq!(booth.goes_on(10 * S, Stands::Shows), Does::Shows(take("a")));
        assert_eq!(booth.goes_on(40 * S, Stands::Shows), Does::Stays);
        assert_eq!(booth.goes_on(50 * S, Stands::Ended), Does::Stays);
        assert_eq!(booth.goes_on(50 * S + LINGERS - 1, Stands::Ended), Does::Stays);
        assert_eq!(booth.goes_on(50 * S + LINGERS, Stands::Ended), Does::Round);
    }

    #[test]
    fn what_is_broken_or_stuck_is_passed_over() {
        let mut booth = Booth::new(vec![take("gone"), take("stuck"), slide(1)], 0);
        assert_eq!(booth.goes_on(0, Stands::Shows), Does::Shows(take("gone")));
        assert_eq!(booth.goes_on(1, Stands::Broken), Does::Shows(take("stuck")));
        assert_eq!(booth.goes_on(60 * S, Stands::Shows), Does::Stays);
        assert_eq!(booth.goes_on(60 * S + STUCK + 1, Stands::Shows), Does::Shows(slide(1)));
    }

    #[test]
    fn a_list_of_which_nothing_can_be_shown_is_tried_again_and_not_in_a_loop() {
        let mut booth = Booth::new(vec![take("a"), take("b")], 0);
        assert_eq!(booth.goes_on(0, Stands::Shows), Does::Shows(take("a")));
        assert_eq!(booth.goes_on(1, Stands::Broken), Does::Shows(take("b")));
        assert_eq!(booth.goes_on(2, Stands::Broken), Does::Stays);
        assert_eq!(booth.goes_on(AGAIN, Stands::Broken), Does::Stays);
        assert_eq!(booth.goes_on(AGAIN + 1, Stands::Broken), Does::Round);
        let mut empty = Booth::new(vec![], 0);
        assert_eq!(empty.goes_on(1, Stands::Shows), Does::Stays);
        assert_eq!(empty.goes_on(AGAIN, Stands::Shows), Does::Round);
    }

    proptest! {
        /// Whatever becomes of its items, a booth comes round, and shows each of them once on its way.
        #[test]
        fn a_booth_comes_round_whatever_happens(
            kinds in prop::collection::vec(any::<bool>(), 0..6),
            fates in prop::collection::vec(0_u8..3, 1..8),
        ) {
            let items: Vec<_> =
                kinds.iter().enumerate().map(|(index, is_take)| if *is_take { take("a") } else { slide(index) }).collect();
            let mut booth = Booth::new(items.clone(), 0);
            let mut shown = Vec::new();
            let mut fates = fates.into_iter().cycle();
            for look in 0..2_000 {
                let stands = match fates.next() {
                    Some(0) => Stands::Shows,
                    Some(1) => Stands::Ended,
                    _ => Stands::Broken,
                };
                match booth.goes_on(look * S, stands) {
                    Does::Stays => {}
                    Does::Shows(item) => shown.push(item),
                    Does::Round => {
                        prop_assert_eq!(shown, items);
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "it never came round");
        }
    }
}
