//! How long changes took from there to here: bars on an axis that doubles, with the objective across it.

use greenroom_show::{
    mirrors::{Lag, MirrorState},
    unit::{Unit, grouped, three_digits},
};
use leptos::prelude::*;

/// The plot, in its own units.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 76.0;
/// What is rare among many is still to be seen.
const BAR_MIN: f64 = 2.0;
/// Every third bucket's end is written below it.
const TICK_EVERY: usize = 3;

/// The buckets as bars, on an axis that doubles; where the objective is, and what lies beyond it.
pub fn plot(lag: &Lag, objective_ms: u64, state: MirrorState) -> AnyView {
    if lag.events == 0 {
        return view! { <p class="waits">{waits(state)}</p> }.into_any();
    }
    let slot = WIDTH / lag.buckets.len().max(1) as f64;
    let bars: Vec<_> = lag
        .heights()
        .into_iter()
        .enumerate()
        .filter(|(_, height)| *height > 0.0)
        .map(|(index, height)| {
            let high = (height * HEIGHT).max(BAR_MIN);
            let is_over = bucket_begins(lag, index) >= objective_ms;
            view! {
                <rect class:over=is_over x=slot * (index as f64 + 0.1) y=HEIGHT - high width=slot * 0.8 height=high rx="2">
                    <title>{bucket_in_words(lag, index)}</title>
                </rect>
            }
        })
        .collect();
    let ticks: Vec<_> = lag
        .buckets
        .iter()
        .enumerate()
        .step_by(TICK_EVERY)
        .filter_map(|(index, bucket)| {
            let left = (index + 1) as f64 / lag.buckets.len() as f64 * 100.0;
            Some(view! { <span style=format!("left: {left:.2}%")>{tick(bucket.upto_ms?)}</span> })
        })
        .collect();
    let place = lag.place(objective_ms);
    let at = place * WIDTH;
    let (divisor, unit) = Unit::Milliseconds.scale(lag.max_ms as f64);
    let quantiles = [("p50", lag.p50_ms), ("p99", lag.p99_ms), ("longest", lag.max_ms)].map(|(name, ms)| {
        let value = three_digits(ms as f64 / divisor);
        view! { <span>{name}" "<b>{value}<small>" "{unit}</small></b></span> }
    });
    view! {
        <div class="lags">
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=plot_in_words(lag)>
                {bars}
                <line x1=at x2=at y1="0" y2=HEIGHT />
            </svg>
            <span class="objective" style=format!("left: {:.2}%", place * 100.0)>"objective"</span>
            <div class="ticks" aria-hidden="true">{ticks}</div>
        </div>
        <p class="quantiles" data-testid="lag" data-events=lag.events>
            {quantiles.into_iter().collect::<Vec<_>>()}
            <span>{format!("of {} {}", grouped(lag.events as f64), if lag.events == 1 { "change" } else { "changes" })}</span>
        </p>
    }
    .into_any()
}

/// A plot without data says what it waits for.
fn waits(state: MirrorState) -> &'static str {
    match state {
        MirrorState::Listing => "Measured from the first change after the list",
        MirrorState::Following => "Waits for the first change that the feed tells",
        MirrorState::ByList => "Not to be known: without a feed nobody tells when something changed",
        MirrorState::Paused => "Measured again once it is resumed",
        MirrorState::Away => "Measured again once the origin answers",
    }
}

fn bucket_begins(lag: &Lag, index: usize) -> u64 {
    index.checked_sub(1).and_then(|before| lag.buckets.get(before)?.upto_ms).unwrap_or(0)
}

fn bucket_in_words(lag: &Lag, index: usize) -> String {
    let Some(bucket) = lag.buckets.get(index) else { return String::new() };
    let events = grouped(bucket.events as f64);
    let begins = tick(bucket_begins(lag, index));
    match bucket.upto_ms {
        Some(upto_ms) => format!("{events} in {begins} to {}", tick(upto_ms)),
        None => format!("{events} after more than {begins}"),
    }
}

fn plot_in_words(lag: &Lag) -> String {
    let filled = lag.buckets.iter().enumerate().filter(|(_, bucket)| bucket.events > 0);
    filled.map(|(index, _)| bucket_in_words(lag, index)).collect::<Vec<_>>().join("; ")
}

fn tick(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{} s", ms / 1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::mirrors::Bucket;

    #[test]
    fn what_a_bucket_counts_is_said_from_where_to_where() {
        let bucket = |upto_ms, events| Bucket { upto_ms, events };
        let buckets = vec![bucket(Some(500), 2), bucket(Some(1_000), 0), bucket(None, 1_200)];
        let lag = Lag { buckets, ..Lag::default() };
        assert_eq!(plot_in_words(&lag), "2 in 0 ms to 500 ms; 1,200 after more than 1 s");
    }
}
