//! Plays a take on stage at its own pace: `greenroom_show::playback` decides, and here is the clock.

use crate::takes::Reader;
use greenroom_show::playback::{Playhead, Score};
use greenroom_show::{Micros, Replay};
use std::time::Duration;
use tokio::sync::mpsc;

/// Events leave in batches of this long.
const TICK: Duration = Duration::from_millis(33);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    TogglePlay,
    Restart,
    /// To its end at once, and away.
    Leave,
}

/// Plays until its commands end. `open` gives the take from its start, `now` is a clock, `emit` puts events on stage.
pub async fn play<E>(
    open: impl Fn() -> Result<Reader, E>,
    now: impl Fn() -> Micros,
    emit: impl Fn(Replay),
    mut commands: mpsc::Receiver<Command>,
) -> Result<(), E> {
    let begin = || open().map(|reader| (Score::new(reader.of(), reader), Playhead::start(now())));
    let (mut score, mut head) = begin()?;
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK), if head.plays() => {
                let batch = score.due(head.at(now()));
                if !batch.is_empty() {
                    emit(Replay::Events(batch));
                }
                if score.ended() {
                    head.pause(now());
                    emit(Replay::Ended);
                }
            }
            command = commands.recv() => match command {
                None => return Ok(()),
                Some(Command::Leave) => {
                    while !score.ended() {
                        emit(Replay::Events(score.due(Micros::MAX)));
                    }
                    emit(Replay::Left);
                    return Ok(());
                }
                Some(Command::TogglePlay) if !score.ended() => {
                    if head.plays() { head.pause(now()) } else { head.play(now()) }
                    emit(if head.plays() { Replay::Played } else { Replay::Paused });
                }
                Some(Command::TogglePlay | Command::Restart) => {
                    (score, head) = begin()?;
                    emit(Replay::Restarted);
                }
            }
        }
    }
}
