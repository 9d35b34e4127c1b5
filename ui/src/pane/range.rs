//! What a chart's axes span: round numbers that move in calm steps. Pure: takes the page's clock as a number.

use greenroom_show::order;
use greenroom_show::{Micros, RECENT, Run, Span};

/// How long an axis takes to move, in milliseconds.
const EASE_MS: f64 = 240.0;
/// An axis shrinks only where its data fill less than this part of it, so that it does not follow each peak.
const SHRINK_BELOW: f64 = 0.4;
/// A window moves on with time by less than this part of its width at each sample: that is no change of scale.
const SCROLL: f64 = 0.05;
/// Beyond this ratio between the largest and the smallest, a latency is read on a log axis.
const DECADES_RATIO: f64 = 100.0;

/// A value on its way to another.
#[derive(Debug, Clone, Copy, Default)]
pub struct Eased {
    from: f64,
    to: f64,
    since_ms: f64,
}

impl Eased {
    pub fn aim(&mut self, to: f64, now_ms: f64) {
        if to != self.to {
            *self = Eased { from: self.at(now_ms), to, since_ms: now_ms };
        }
    }

    pub fn jump(&mut self, to: f64) {
        *self = Eased { from: to, to, since_ms: 0.0 };
    }

    pub fn at(&self, now_ms: f64) -> f64 {
        let part = ((now_ms - self.since_ms) / EASE_MS).clamp(0.0, 1.0);
        let left = 1.0 - part;
        self.to - (self.to - self.from) * left * left * left
    }

    pub fn is_settled(&self, now_ms: f64) -> bool {
        self.from == self.to || now_ms - self.since_ms >= EASE_MS
    }
}

/// Both axes of one chart, as drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Axes {
    from: Eased,
    to: Eased,
    top: Eased,
    /// Exponents of ten, for the log axis.
    bottom: Eased,
    /// 0 for linear, 1 for log, and between them while it changes.
    log: Eased,
}

/// Axes at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    pub from: f64,
    pub to: f64,
    pub top: f64,
    pub bottom_exponent: f64,
    pub log: f64,
}

/// What is to be seen: the largest value and the smallest above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    pub largest: f64,
    pub smallest: f64,
}

impl Axes {
    pub fn aim_time(&mut self, (from, to): (f64, f64), now_ms: f64) {
        let width = to - from;
        let scrolls = (to - self.to.to).abs() < width * SCROLL && (from - self.from.to).abs() < width * SCROLL;
        if scrolls || self.to.to == 0.0 {
            if self.to.is_settled(now_ms) {
                self.from.jump(from);
                self.to.jump(to);
            } else {
                (self.from.to, self.to.to) = (from, to);
            }
        } else {
            self.from.aim(from, now_ms);
            self.to.aim(to, now_ms);
        }
    }

    pub fn aim_values(&mut self, extent: Extent, may_be_log: MayBeLog, now_ms: f64) {
        let top = ceiling(extent.largest * 1.08);
        if self.top.to == 0.0 {
            self.top.jump(top);
        } else if top > self.top.to || top < self.top.to * SHRINK_BELOW {
            self.top.aim(top, now_ms);
        }
        let spans_decades = extent.smallest > 0.0 && extent.largest / extent.smallest > DECADES_RATIO;
        if may_be_log == MayBeLog::Yes && spans_decades {
            // Once log, it stays: an axis that changes its kind twice is not read at all.
            self.log.aim(1.0, now_ms);
        }
        if extent.smallest > 0.0 {
            let bottom = extent.smallest.log10().floor();
            if self.bottom.to == 0.0 || bottom < self.bottom.to {
                self.bottom.jump(bottom);
            }
        }
    }

    pub fn view(&self, now_ms: f64) -> View {
        View {
            from: self.from.at(now_ms),
            to: self.to.at(now_ms),
            top: self.top.at(now_ms),
            bottom_exponent: self.bottom.at(now_ms),
            log: self.log.at(now_ms),
        }
    }

    pub fn is_settled(&self, now_ms: f64) -> bool {
        [self.from, self.to, self.top, self.bottom, self.log].iter().all(|axis| axis.is_settled(now_ms))
    }

    /// Round values for the grid, in the range that the axis is on its way to.
    pub fn ticks(&self) -> Vec<f64> {
        if self.log.to > 0.5 {
            let (low, high) = (self.bottom.to as i32, self.top.to.log10().ceil() as i32);
            let stride = ((high - low) as usize / 4).max(1);
            return (low..=high).step_by(stride).map(|exponent| 10f64.powi(exponent)).collect();
        }
        let step = step(self.top.to);
        let count = (self.top.to / step).round() as usize;
        (0..=count).map(|tick| tick as f64 * step).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayBeLog {
    Yes,
    No,
}

impl View {
    /// Where a time is, from 0 at the left to 1 at the right.
    pub fn x(&self, at: f64) -> f64 {
        (at - self.from) / (self.to - self.from).max(1.0)
    }

    /// Where a value is, from 0 at the bottom to 1 at the top.
    pub fn y(&self, value: f64) -> f64 {
        let linear = value / self.top.max(f64::MIN_POSITIVE);
        if self.log == 0.0 {
            return linear;
        }
        let high = self.top.log10().ceil();
        let exponent = value.max(1e-12).log10();
        let log = ((exponent - self.bottom_exponent) / (high - self.bottom_exponent).max(1.0)).max(0.0);
        linear * (1.0 - self.log) + log * self.log
    }
}

/// The steps that ran last, one soon after the other: what the near view is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub began: Micros,
    /// Time stands still once they have ended, so that nothing moves while the speaker talks about them.
    pub now: Micros,
}

impl Stretch {
    /// Steps further apart belong to two stretches.
    const APART: Micros = 5_000_000;
    const BEFORE: Micros = 500_000;
    const AFTER: Micros = 1_000_000;

    pub fn of(run: &Run, span: Span) -> Stretch {
        let ends = |step: &greenroom_show::StepRun| step.ended.unwrap_or(run.now);
        let Some(last_end) = run.steps.values().map(ends).max() else {
            return Stretch { began: run.began, now: run.now };
        };
        let now = if run.running().is_some() { run.now } else { run.now.min(last_end + Self::AFTER) };
        let mut began = now;
        let mut steps: Vec<_> = run.steps.values().collect();
        order::sort_by_key(&mut steps, |step| std::cmp::Reverse(ends(step)));
        for step in steps {
            if ends(step) + Self::APART < began {
                break;
            }
            began = began.min(step.started);
        }
        match span {
            Span::LastMinute => Stretch { began: began.saturating_sub(Self::BEFORE).max(run.began), now },
            Span::WholeRun => Stretch { began: run.began, now },
        }
    }
}

/// The stretch of a run that its charts show, in microseconds. It grows by calm steps, then scrolls.
pub fn time_window(span: Span, began: Micros, now: Micros) -> (f64, f64) {
    let elapsed = now.saturating_sub(began);
    match span {
        Span::LastMinute if elapsed > RECENT => ((now - RECENT) as f64, now as f64),
        Span::LastMinute | Span::WholeRun => (began as f64, (began + calm_width(elapsed)) as f64),
    }
}

/// The part of a story that is shown: all of it, with room for what is to come while it goes on; of a long one its end.
pub fn story_window(length: Micros, goes_on: bool) -> (f64, f64) {
    const LONGEST: Micros = 180_000_000;
    const SHORTEST: Micros = 6_000_000;
    let to = if goes_on { calm_width(length) } else { length.max(SHORTEST) };
    (to.saturating_sub(LONGEST).min(length) as f64, to as f64)
}

fn calm_width(elapsed: Micros) -> Micros {
    const SECONDS: [Micros; 14] = [10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200];
    let fits = SECONDS.into_iter().map(|seconds| seconds * 1_000_000).find(|width| *width >= elapsed);
    fits.unwrap_or(elapsed)
}

/// The next round number from `value` on.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let decade = 10f64.powf(value.log10().floor());
    let rounds = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    rounds.into_iter().map(|round| round * decade).find(|round| *round >= value * 0.999_999).unwrap_or(value)
}

/// Two or three equal parts of a round number.
fn step(top: f64) -> f64 {
    let decade = 10f64.powf((top * 1.000_001).log10().floor());
    match (top / decade).round() as u32 {
        3 | 6 => top / 3.0,
        _ => top / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_with_three_or_four_ticks() {
        for (largest, top, ticks) in
            [(0.0, 1.0, 3), (0.93, 1.0 * 2.0, 3), (1.7, 2.0, 3), (5.2e9, 6e9, 4), (37.0, 40.0, 3)]
        {
            let mut axes = Axes::default();
            axes.aim_values(Extent { largest, smallest: 0.0 }, MayBeLog::No, 0.0);
            assert_eq!(axes.view(0.0).top, top, "{largest}");
            assert_eq!(axes.ticks().len(), ticks, "{largest}");
        }
    }

    #[test]
    fn an_axis_grows_at_once_by_easing_and_shrinks_only_when_mostly_empty() {
        let mut axes = Axes::default();
        let mut aim = |largest, ms| {
            axes.aim_values(Extent { largest, smallest: 0.0 }, MayBeLog::No, ms);
            axes.view(ms).top
        };
        assert_eq!(aim(9.0, 0.0), 10.0);
        assert_eq!(aim(18.0, 1_000.0), 10.0, "no jump");
        assert!((10.0..20.0).contains(&aim(18.0, 1_100.0)));
        assert_eq!(aim(18.0, 1_500.0), 20.0);
        assert_eq!(aim(10.0, 3_000.0), 20.0, "half full is full enough");
        aim(3.0, 4_000.0);
        assert_eq!(aim(3.0, 5_000.0), 4.0);
    }

    #[test]
    fn latencies_that_span_decades_are_read_on_a_log_axis() {
        let mut axes = Axes::default();
        axes.aim_values(Extent { largest: 90.0, smallest: 0.2 }, MayBeLog::Yes, 0.0);
        axes.aim_values(Extent { largest: 90.0, smallest: 0.2 }, MayBeLog::Yes, 1_000.0);
        let view = axes.view(1_000.0);
        assert_eq!(axes.ticks(), [0.1, 1.0, 10.0, 100.0]);
        assert!((view.y(0.1) - 0.0).abs() < 1e-9 && (view.y(100.0) - 1.0).abs() < 1e-9);
        assert!((view.y(10.0) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_near_view_is_about_the_steps_that_ran_last_and_rests_with_them() {
        let second = 1_000_000;
        let step = |started: Micros, ended: Option<Micros>| greenroom_show::StepRun {
            started: started * second,
            ended: ended.map(|ended| ended * second),
            timeout_ms: 1,
            late: false,
            outcome: ended.map(|_| greenroom_show::Outcome::Cancelled),
        };
        let mut run = Run::new("a", 0);
        run.now = 90 * second;
        assert_eq!(Stretch::of(&run, Span::LastMinute), Stretch { began: 0, now: 90 * second }, "no step yet");
        run.steps = [(0, step(1, Some(3))), (1, step(40, Some(50))), (2, step(52, Some(55)))].into();
        let rests = Stretch { began: 40 * second - Stretch::BEFORE, now: 55 * second + Stretch::AFTER };
        assert_eq!(Stretch::of(&run, Span::LastMinute), rests);
        assert_eq!(Stretch::of(&run, Span::WholeRun), Stretch { began: 0, ..rests });
        run.steps.insert(3, step(80, None));
        let runs = Stretch { began: 80 * second - Stretch::BEFORE, now: 90 * second };
        assert_eq!(Stretch::of(&run, Span::LastMinute), runs);
    }

    #[test]
    fn the_last_minute_scrolls_and_the_whole_run_grows() {
        let second = 1_000_000;
        assert_eq!(time_window(Span::LastMinute, 0, 25 * second), (0.0, 30e6));
        assert_eq!(time_window(Span::LastMinute, 0, 90 * second), (30e6, 90e6));
        assert_eq!(time_window(Span::WholeRun, 0, 90 * second), (0.0, 90e6));
    }
}
