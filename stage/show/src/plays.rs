//! What a demo's steps are played by: as the speaker has chosen, else as its slide says, else as the deck does.

use crate::{
    Run, Show,
    deck::{Cue, Fallback, Plays, Slide},
};

impl Show {
    pub fn plays(&self, demo: &str) -> Plays {
        let chosen = self.chosen.get(demo).copied();
        chosen.or_else(|| self.said_of(demo)).unwrap_or_else(|| self.plays_usually())
    }

    /// The run that clicks go by: the recording's where that is what plays, else the live one.
    pub(crate) fn stepped(&self, demo: &str) -> Option<&Run> {
        let recorded = self.recording(demo).filter(|_| self.plays(demo) == Plays::Recorded);
        recorded.map(|recorded| &recorded.run).or_else(|| self.runs.get(demo))
    }

    /// What the slide says that the speaker is on, or else the first one that cues the demo and says something.
    fn said_of(&self, demo: &str) -> Option<Plays> {
        let of = |slide: &Slide| slide.cue.as_ref().filter(|cue| cue.demo == demo).and_then(|cue: &Cue| cue.plays);
        let slides = self.deck.iter().flat_map(|deck| &deck.slides);
        self.slide().into_iter().chain(slides).find_map(of)
    }

    fn plays_usually(&self) -> Plays {
        match self.deck.as_ref().map(|deck| deck.fallback).unwrap_or_default() {
            Fallback::Ask => Plays::Live,
            Fallback::Auto => Plays::Auto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::deck::Deck;

    /// A talk of three slides, of which the last two cue the same demo.
    fn show(fallback: Fallback, first: Option<Plays>, second: Option<Plays>) -> Show {
        let Event::Opened(opened) = crate::state::tests::opened(3) else { unreachable!("it opens a deck") };
        let mut deck: Deck = opened.deck;
        deck.fallback = fallback;
        for (slide, plays) in deck.slides.iter_mut().skip(1).zip([first, second]) {
            slide.cue = Some(Cue { demo: "copy".into(), groups: vec![], panes: vec![], plays });
        }
        Show { deck: Some(deck), ..Show::default() }
    }

    #[test]
    fn the_speaker_goes_before_the_slide_and_the_slide_before_the_deck() {
        use Plays::{Auto, Live, Recorded};
        let cases = [
            (Fallback::Ask, None, None, None, Live),
            (Fallback::Auto, None, None, None, Auto),
            (Fallback::Auto, Some(Live), None, None, Live),
            (Fallback::Ask, None, Some(Recorded), None, Recorded),
            (Fallback::Ask, Some(Recorded), None, Some(Auto), Auto),
        ];
        for (fallback, first, second, chosen, wanted) in cases {
            let mut show = show(fallback, first, second);
            if let Some(plays) = chosen {
                show.apply(1, &Event::Chosen { demo: "copy".into(), plays });
            }
            assert_eq!(show.plays("copy"), wanted, "{fallback:?} {first:?} {second:?} {chosen:?}");
        }
        let mut both = show(Fallback::Ask, Some(Auto), Some(Recorded));
        both.position.slide = 2;
        assert_eq!(both.plays("copy"), Recorded, "the slide that the speaker is on");
        assert_eq!(both.plays("other"), Live);
    }

    #[test]
    fn another_deck_begins_with_what_it_says_itself() {
        let mut show = show(Fallback::Ask, None, None);
        show.apply(1, &Event::Chosen { demo: "copy".into(), plays: Plays::Auto });
        show.apply(2, &crate::state::tests::opened(1));
        assert!(show.chosen.is_empty(), "the demo is not cued any more");
    }
}
