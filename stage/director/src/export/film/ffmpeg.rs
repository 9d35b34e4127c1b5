//! The child that makes a file of frames.

use super::{ExportError, Film, Marks, scratch};
use crate::camera::Size;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

const FFMPEG: &str = "ffmpeg";
/// Frames that wait for it.
const WAITING_MAX: usize = 2;
/// Of what it says when it fails.
const WORDS_MAX: u64 = 4_096;

/// Takes frames in, while the next one is drawn.
#[derive(Debug)]
pub struct Encoder {
    child: Child,
    frames: Option<SyncSender<Arc<Vec<u8>>>>,
    writer: Option<JoinHandle<io::Result<()>>>,
    words: Option<JoinHandle<String>>,
}

/// How a moving picture is made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    width: u32,
    rate: u32,
}

impl Cut {
    pub const ALL: [Cut; 6] = [
        Cut { width: 1280, rate: 15 },
        Cut { width: 1120, rate: 12 },
        Cut { width: 960, rate: 10 },
        Cut { width: 800, rate: 8 },
        Cut { width: 640, rate: 6 },
        Cut { width: 480, rate: 4 },
    ];
}

pub fn is_there() -> Result<(), ExportError> {
    let mut asked = Command::new(FFMPEG);
    asked.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match asked.status() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ExportError::NoFfmpeg),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

impl Encoder {
    /// A film as it is handed on.
    pub fn film(film: Film, size: Size, rate: u32, marks: &Marks, to: &Path) -> Result<Encoder, ExportError> {
        let mut command = of_frames(size, rate);
        command.args(["-f", "ffmetadata", "-i"]).arg(&marks.chapters);
        if let Some(captions) = &marks.captions {
            command.args(["-f", "srt", "-i"]).arg(captions);
        }
        command.args(["-map", "0:v", "-map_metadata", "1", "-map_chapters", "1"]);
        if marks.captions.is_some() {
            let track = if film == Film::Mp4 { "mov_text" } else { "webvtt" };
            // What was captioned is in the picture: the track is for who searches, and shows when it is asked for.
            command.args(["-map", "2:s", "-c:s", track, "-disposition:s:0", "0"]);
        }
        command.args(["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]);
        command.args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]);
        let coded: &[&str] = match film {
            Film::Webm => &[
                "-c:v",
                "libvpx-vp9",
                "-deadline",
                "realtime",
                "-cpu-used",
                "7",
                "-row-mt",
                "1",
                "-crf",
                "28",
                "-b:v",
                "0",
                "-f",
                "webm",
            ],
            Film::Mp4 | Film::Gif | Film::Webp => {
                &["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-movflags", "+faststart", "-f", "mp4"]
            }
        };
        // No word of when and by what build it was made: the same frames give the same file.
        command.args(coded).args(["-fflags", "+bitexact", "-flags:v", "+bitexact"]).arg(to);
        Encoder::start(command)
    }

    /// Without loss, to be cut from.
    pub fn whole(size: Size, rate: u32, to: &Path) -> Result<Encoder, ExportError> {
        let mut command = of_frames(size, rate);
        command.args(["-c:v", "libx264rgb", "-preset", "ultrafast", "-qp", "0", "-f", "matroska"]).arg(to);
        Encoder::start(command)
    }

    fn start(mut command: Command) -> Result<Encoder, ExportError> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let words = child.stderr.take().map(|words| std::thread::spawn(|| read_words(words)));
        let (frames, taken) = sync_channel::<Arc<Vec<u8>>>(WAITING_MAX);
        let writer = child
            .stdin
            .take()
            .map(|mut input| std::thread::spawn(move || taken.iter().try_for_each(|frame| input.write_all(&frame))));
        Ok(Encoder { child, frames: Some(frames), writer, words })
    }

    pub fn show(&mut self, frame: Arc<Vec<u8>>) -> Result<(), ExportError> {
        let sent = self.frames.as_ref().is_some_and(|frames| frames.send(frame).is_ok());
        if sent { Ok(()) } else { self.end() }
    }

    pub fn finish(mut self) -> Result<(), ExportError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ExportError> {
        self.frames = None;
        let written = self.writer.take().map(JoinHandle::join);
        let status = self.child.wait()?;
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        let is_written = !matches!(written, Some(Err(_) | Ok(Err(_))));
        if status.success() && is_written { Ok(()) } else { Err(failed(status, &words)) }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.frames = None;
        // One that has ended already has nothing to be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a moving picture of a whole film: a palette of its own colours first, so that nothing bands.
pub fn cut(film: Film, whole: &Path, Cut { width, rate }: Cut, to: &Path) -> Result<(), ExportError> {
    let scaled = format!("fps={rate},scale={width}:-1:flags=lanczos");
    if film == Film::Webp {
        let mut command = quiet();
        command.arg("-i").arg(whole).args(["-vf", &scaled, "-c:v", "libwebp_anim", "-q:v", "82", "-loop", "0"]);
        return run(command.args(["-fflags", "+bitexact", "-f", "webp"]).arg(to));
    }
    let palette = scratch(".png")?.into_temp_path();
    let mut command = quiet();
    let colours = format!("{scaled},palettegen=stats_mode=full");
    run(command.arg("-i").arg(whole).args(["-vf", &colours]).arg(&*palette))?;
    let mut command = quiet();
    let painted = format!("{scaled}[f];[f][1:v]paletteuse=dither=sierra2_4a:diff_mode=rectangle");
    command.arg("-i").arg(whole).arg("-i").arg(&*palette).args(["-lavfi", &painted, "-loop", "0"]);
    run(command.args(["-fflags", "+bitexact", "-f", "gif"]).arg(to))
}

fn run(command: &mut Command) -> Result<(), ExportError> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let words = child.stderr.take().map(read_words).unwrap_or_default();
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(failed(status, &words)) }
}

fn quiet() -> Command {
    let mut command = Command::new(FFMPEG);
    command.args(["-hide_banner", "-nostats", "-loglevel", "error", "-y"]);
    command
}

fn of_frames(Size { width, height }: Size, rate: u32) -> Command {
    let mut command = quiet();
    command.args(["-f", "rawvideo", "-pixel_format", "bgra", "-video_size", &format!("{width}x{height}")]);
    command.args(["-framerate", &rate.to_string(), "-i", "pipe:0"]);
    command
}

fn failed(status: std::process::ExitStatus, words: &str) -> ExportError {
    let last = words.lines().last().unwrap_or_default().trim();
    ExportError::Ffmpeg { status: status.to_string(), words: last.to_string() }
}

/// Reads on to the end, and keeps the beginning: nobody waits for who does not listen.
fn read_words(mut from: ChildStderr) -> String {
    let mut words = Vec::new();
    // What cannot be read is not said.
    let _ = from.by_ref().take(WORDS_MAX).read_to_end(&mut words);
    let _ = io::copy(&mut from, &mut io::sink());
    String::from_utf8_lossy(&words).into_owned()
}
