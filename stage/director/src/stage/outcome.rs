//! What a step comes to, in the time that it has. Knows nothing of what it does.

use super::runner::Seen;
use futures::FutureExt;
use greenroom_show::Outcome;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a stopped step may take to clean up after itself: a stop is promised within two seconds.
const STOP_MAX: Duration = Duration::from_millis(1800);

/// What a piece of work comes to: by itself, at its deadline, or stopped. Stopped, it has a while to clean up and to say what it last
/// knew; then it is dropped.
pub async fn outcome<F: Future<Output = Seen>>(
    work: impl FnOnce(CancellationToken) -> F,
    deadline: Duration,
    cancel: &CancellationToken,
) -> Outcome {
    // A token of the step's own: its deadline stops it and what it started, and nothing else.
    let own = cancel.child_token();
    let work = AssertUnwindSafe(work(own.clone())).catch_unwind();
    let mut work = std::pin::pin!(work);
    let broke_off =
        || "it broke off: that is a fault of Greenroom, not of the demo; what it was is in the log".to_string();
    tokio::select! {
        // What has ended has ended, also where it is stopped in the same moment.
        biased;
        seen = &mut work => match seen {
            Ok(Ok(seen)) => Outcome::Passed { seen },
            // Work hears of a stop a moment before this does, and what it then says is no failure.
            Ok(Err(_)) if own.is_cancelled() => Outcome::Cancelled,
            Ok(Err(why)) => Outcome::Failed { why },
            Err(_panic) => Outcome::Failed { why: broke_off() },
        },
        () = cancel.cancelled() => {
            tokio::time::timeout(STOP_MAX, work).await.ok();
            Outcome::Cancelled
        }
        () = tokio::time::sleep(deadline) => {
            own.cancel();
            let why = match tokio::time::timeout(STOP_MAX, work).await {
                Ok(Ok(Ok(seen))) => seen,
                Ok(Ok(Err(why))) => why,
                Ok(Err(_panic)) => broke_off(),
                Err(_elapsed) => String::new(),
            };
            Outcome::TimedOut { why }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    const SOON: Duration = Duration::from_millis(100);
    const LATE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_step_is_over_within_two_seconds_of_its_deadline_or_of_a_stop_whatever_it_does() {
        let began = Instant::now();
        let deaf = |_| sleep(LATE).map(|()| Ok("late".to_string()));
        let never = CancellationToken::new();
        assert_eq!(outcome(deaf, SOON, &never).await, Outcome::TimedOut { why: String::new() });
        assert!(began.elapsed() < SOON + Duration::from_secs(2), "{:?}", began.elapsed());
        let (began, stop) = (Instant::now(), CancellationToken::new());
        stop.cancel();
        assert_eq!(outcome(deaf, LATE, &stop).await, Outcome::Cancelled);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_step_that_is_out_of_time_says_what_it_knew() {
        let knows = |own: CancellationToken| async move {
            own.cancelled().await;
            Err("3, wanted 4".to_string())
        };
        let came = outcome(knows, SOON, &CancellationToken::new()).await;
        assert_eq!(came, Outcome::TimedOut { why: "3, wanted 4".into() });
    }

    #[tokio::test]
    async fn what_gives_up_because_it_is_stopped_has_not_failed() {
        let gives_up_first = |own: CancellationToken| async move {
            // As if it heard of the stop before its step did.
            own.cancel();
            Err("3, wanted 4".to_string())
        };
        assert_eq!(outcome(gives_up_first, LATE, &CancellationToken::new()).await, Outcome::Cancelled);
    }

    #[tokio::test]
    async fn a_step_that_panics_has_failed() {
        let panics = |_| async { Vec::<Seen>::new().remove(0) };
        let came = outcome(panics, LATE, &CancellationToken::new()).await;
        assert!(matches!(&came, Outcome::Failed { why } if why.contains("a fault of Greenroom")), "{came:?}");
    }
}
