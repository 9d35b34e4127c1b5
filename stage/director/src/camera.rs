//! Takes pictures of a page, one at a time, with time handed in: the app does it, in a process of its own, which ends with this one.

use crate::places;
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What takes them, beside what runs here.
const APP: &str = "greenroom-app";
/// A screen that is only in memory, for machines without one.
const SCREEN: &str = "Xvfb";
/// No answer is larger: a picture of 8K.
const ANSWER_BYTES_MAX: usize = 160 << 20;

/// A fade takes less, and so does an axis that moves.
const RESTS_MS: f64 = 400.0;
const STEP_MS: f64 = 33.0;

#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    #[error("pictures are taken by '{APP}', which is not beside {}: {}", beside.display(), places::to_mend())]
    NoApp { beside: PathBuf },
    #[error("pictures need a display, and there is none: install '{SCREEN}' (package xvfb), or export on a desktop")]
    NoDisplay,
    #[error("the camera: {0}")]
    Io(#[from] io::Error),
    #[error("the page cannot be taken a picture of: {0}")]
    Page(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub const STAGE: Size = Size { width: 1920, height: 1080 };

    /// Of the stage's shape.
    pub fn of_height(height: u32) -> Size {
        Size { width: height * Size::STAGE.width / Size::STAGE.height, height }
    }
}

/// A page that is being taken pictures of.
#[derive(Debug)]
pub struct Camera {
    app: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    picture: Vec<u8>,
    /// Goes after it.
    _screen: Option<Screen>,
}

impl Camera {
    pub fn open(page: &Path, size: Size) -> Result<Camera, CameraError> {
        let app = app()?;
        let screen = if has_display() { None } else { Some(Screen::start()?) };
        let mut command = Command::new(app);
        command.arg("--camera").arg(page).arg("--size").arg(format!("{}x{}", size.width, size.height));
        // A pixel of the page is one of the picture, whatever the desktop does.
        command.envs([("GDK_SCALE", "1"), ("GDK_DPI_SCALE", "1"), ("GDK_BACKEND", "x11"), ("NO_AT_BRIDGE", "1")]);
        // Whoever drives this app's windows does not drive the camera's page.
        for name in ["TAURI_AUTOMATION", "TAURI_WEBVIEW_AUTOMATION", "WEBKIT_INSPECTOR_SERVER"] {
            command.env_remove(name);
        }
        if let Some(screen) = &screen {
            command.env("DISPLAY", &screen.name).env_remove("WAYLAND_DISPLAY");
        }
        let mut app = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let answers = app.stdout.take().ok_or_else(|| io::Error::other("has no output"))?;
        let asked = app.stdin.take();
        Ok(Camera { app, asked, answers: BufReader::new(answers), picture: vec![], _screen: screen })
    }

    /// The picture at a time, in milliseconds, and whether it is another one than the last. Times go on, never back.
    pub fn frame(&mut self, ms: f64) -> Result<(&[u8], Another), CameraError> {
        self.frame_at(ms, ms)
    }

    /// The picture at a time once all that moves has come to rest.
    pub fn still(&mut self, ms: f64) -> Result<(&[u8], Another), CameraError> {
        for rests in [0.0, STEP_MS, RESTS_MS] {
            self.frame_at(ms + rests, ms)?;
        }
        self.frame_at(ms + 2.0 * RESTS_MS, ms)
    }

    fn frame_at(&mut self, ms: f64, at: f64) -> Result<(&[u8], Another), CameraError> {
        let answer = self.request(&format!("frame {ms} {at}"))?;
        let another = if answer == "same" { Another::No } else { Another::Yes };
        if another == Another::Yes {
            self.picture = self.content(&answer)?;
        }
        Ok((&self.picture, another))
    }

    /// What is to be seen now.
    pub fn picture(&mut self) -> Result<&[u8], CameraError> {
        let answer = self.request("picture")?;
        self.picture = self.content(&answer)?;
        Ok(&self.picture)
    }

    /// What a script answers, the body of a function.
    pub fn ask(&mut self, script: &str) -> Result<String, CameraError> {
        let answer = self.request(&format!("ask {}", serde_json::Value::from(script)))?;
        let content = self.content(&answer)?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    fn request(&mut self, request: &str) -> Result<String, CameraError> {
        let asked = self.asked.as_mut().ok_or_else(|| io::Error::other("is closed"))?;
        writeln!(asked, "{request}").and_then(|()| asked.flush()).map_err(|error| self.gone(error))?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer.is_empty() {
            return Err(self.gone(io::Error::other("ended")));
        }
        Ok(answer.trim_end().to_string())
    }

    fn content(&mut self, answer: &str) -> Result<Vec<u8>, CameraError> {
        let bad = || io::Error::other(format!("answered '{answer}'"));
        let (kind, length) = answer.split_once(' ').ok_or_else(bad)?;
        let length: usize = length.parse().map_err(|_| bad())?;
        if length > ANSWER_BYTES_MAX {
            return Err(bad().into());
        }
        let mut content = vec![0; length];
        self.answers.read_exact(&mut content)?;
        if kind == "failed" {
            return Err(CameraError::Page(String::from_utf8_lossy(&content).into_owned()));
        }
        Ok(content)
    }

    /// Why it no longer answers.
    fn gone(&mut self, error: io::Error) -> CameraError {
        match self.app.try_wait() {
            Ok(Some(status)) => io::Error::other(format!("{APP} ended with {status}")).into(),
            Ok(None) | Err(_) => error.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Another {
    Yes,
    No,
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.asked = None;
        // Without its input it ends by itself; one that hangs is ended.
        let _ = self.app.kill();
        let _ = self.app.wait();
    }
}

/// A screen in memory.
#[derive(Debug)]
struct Screen {
    server: Child,
    name: OsString,
}

impl Screen {
    fn start() -> Result<Screen, CameraError> {
        let mut command = Command::new(SCREEN);
        // It says which number was free.
        command.args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = match started {
            Ok(server) => server,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CameraError::NoDisplay),
            Err(error) => return Err(error.into()),
        };
        let mut number = String::new();
        if let Some(out) = server.stdout.take() {
            BufReader::new(out).read_line(&mut number)?;
        }
        let screen = Screen { server, name: format!(":{}", number.trim()).into() };
        if number.trim().is_empty() { Err(CameraError::NoDisplay) } else { Ok(screen) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // One that has ended already has nothing to be ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn has_display() -> bool {
    // The camera asks for X alone: what Wayland gives has no size of its own.
    env::var_os("DISPLAY").is_some_and(|display| !display.is_empty())
}

/// This program where it is the app, or the one beside it, or beside the folder of the tests.
fn app() -> Result<PathBuf, CameraError> {
    let here = env::current_exe()?;
    if here.file_stem().is_some_and(|name| name == APP) {
        return Ok(here);
    }
    let beside = here.parent().unwrap_or(Path::new(".")).to_path_buf();
    let file = format!("{APP}{}", env::consts::EXE_SUFFIX);
    let found = [beside.join(&file), beside.join("..").join(&file)].into_iter().find(|path| path.is_file());
    found.ok_or(CameraError::NoApp { beside })
}
