//! The real app in a real window, driven through WebDriver. Waits on what the page shows, and keeps a picture when it does not come.

use fantoccini::{Client, ClientBuilder, Locator};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Generous, so that a slow machine is no failure.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So often it is looked whether a program has ended, before it is killed and after: five seconds each.
const LOOKS_MAX: usize = 100;
/// What the driver may take for one answer. A page that does not answer would otherwise hold the test for ever.
const ANSWER_MAX: Duration = Duration::from_secs(30);

pub const PAGE_DOWN: &str = "\u{E00F}";
pub const PAGE_UP: &str = "\u{E00E}";
pub const ENTER: &str = "\u{E007}";
pub const ESCAPE: &str = "\u{E00C}";
pub const SHIFT: &str = "\u{E008}";
/// Lets go of what was held.
pub const RELEASED: &str = "\u{E000}";

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

/// A project that shares this one's decks, demos and tools, and has takes of its own.
pub fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for name in ["slides", "demos", ".tools"] {
        let shared = workspace().join(name);
        assert!(shared.is_dir(), "{} is missing: run 'cargo xtask setup'", shared.display());
        std::os::unix::fs::symlink(shared, root.path().join(name)).expect("a link");
    }
    root
}

/// A project whose one deck is its own, to be edited.
pub fn owned_project(deck: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for name in ["demos", ".tools"] {
        std::os::unix::fs::symlink(workspace().join(name), root.path().join(name)).expect("a link");
    }
    let folder = root.path().join("slides").join(deck);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(workspace().join("slides").join(deck).join("deck.md"), folder.join("deck.md")).expect("a deck");
    root
}

pub struct App {
    pub client: Client,
    test: &'static str,
    // Fields go in their order: the app before the driver, which would otherwise wait for it.
    _shown: Shown,
    _driver: Driver,
}

/// The app of a project. Dropped, as by a test that fails, it is closed.
struct Shown(PathBuf);

/// Ended with its test, whether or not a session came about.
struct Driver(Child);

/// A call of the show's, for a script.
pub fn called(show: &Value) -> String {
    format!("window.__TAURI__.core.invoke('call', {{ request: {{ show: {show} }} }})")
}

impl App {
    /// Opens the app on a project's deck.
    pub async fn open(test: &'static str, root: &Path, deck: &str) -> App {
        Self::open_with(test, root, deck, &["--trust"]).await
    }

    /// Opens it as a user who trusts nobody yet.
    pub async fn open_untrusted(test: &'static str, root: &Path, deck: &str) -> App {
        Self::open_with(test, root, deck, &[]).await
    }

    /// Opens the start page on a project; what is kept is kept in `root`.
    pub async fn start(test: &'static str, root: &Path, project: &Path) -> App {
        let project = project.display().to_string();
        Self::launch(test, root, &["--root", &project, "--trust"]).await
    }

    async fn open_with(test: &'static str, root: &Path, deck: &str, more: &[&str]) -> App {
        let shown = root.display().to_string();
        Self::launch(test, root, &[&["--root", &shown, "--deck", deck], more].concat()).await
    }

    async fn launch(test: &'static str, root: &Path, args: &[&str]) -> App {
        let port = free_port();
        let shown = Shown(root.to_path_buf());
        let driver = Command::new("WebKitWebDriver")
            .arg(format!("--port={port}"))
            // What tells the app's web views to let themselves be driven.
            .envs([("TAURI_AUTOMATION", "true"), ("TAURI_WEBVIEW_AUTOMATION", "true")])
            .env("XDG_STATE_HOME", root.join("state"))
            .env(greenroom_director::HOME, root)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("WebKitWebDriver is installed: run 'cargo xtask setup'");
        let mut driver = Driver(driver);
        if let Some(output) = driver.0.stdout.take() {
            std::thread::spawn(move || {
                BufReader::new(output).lines().map_while(Result::ok).for_each(|line| eprintln!("{line}"))
            });
        }
        let capabilities = json!({
            "browserName": "wry",
            "webkitgtk:browserOptions": { "binary": env!("CARGO_BIN_EXE_greenroom-app"), "args": args },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("an object was written") };
        let url = format!("http://127.0.0.1:{port}");
        let started = tokio::time::Instant::now();
        let client = loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            let session = builder.capabilities(capabilities.clone()).connect(&url);
            match tokio::time::timeout(WAIT_MAX, session).await.expect("the driver opens a session in time") {
                Ok(client) => break client,
                Err(error) if started.elapsed() > ANSWER_MAX => panic!("no session: {error}"),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        };
        App { client, test, _shown: shown, _driver: driver }
    }

    /// Presses keys, one after the other, where the page listens.
    pub async fn press(&self, keys: &str) {
        self.client.find(Locator::Css("body")).await.expect("a page").send_keys(keys).await.expect("keys arrive");
    }

    /// Presses keys where the page has its focus.
    pub async fn press_focused(&self, keys: &str) {
        self.client.active_element().await.expect("something has it").send_keys(keys).await.expect("keys arrive");
    }

    /// Whether the page has an element that fits.
    pub async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// Makes a call of the show's, as a page does.
    pub async fn call(&self, show: Value) {
        self.eval(&format!("{}; return true", called(&show))).await;
    }

    /// Waits for an element, and gives its text.
    pub async fn until(&self, css: &str) -> String {
        let look = async {
            loop {
                if let Ok(element) = self.client.find(Locator::Css(css)).await {
                    // Not what is visible of it: a slide that fades in says all it will.
                    return element.prop("textContent").await.ok().flatten().unwrap_or_default();
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(WAIT_MAX, look).await {
            Ok(text) => text,
            Err(_) => self.fail(&format!("'{css}' never came")).await,
        }
    }

    /// Waits until a script answers true.
    pub async fn until_true(&self, what: &str, script: &str) {
        let look = async {
            while self.eval(script).await != Value::Bool(true) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(WAIT_MAX, look).await.is_err() {
            self.fail(what).await;
        }
    }

    pub async fn eval(&self, script: &str) -> Value {
        let answer = tokio::time::timeout(ANSWER_MAX, self.client.execute(script, vec![])).await;
        answer.map_or(Value::Null, |answer| answer.unwrap_or(Value::Null))
    }

    /// Goes to the window whose page was opened for `view`.
    pub async fn switch_to(&self, view: &str) {
        let look = async {
            loop {
                for window in self.client.windows().await.unwrap_or_default() {
                    self.client.switch_to_window(window).await.ok();
                    let here =
                        self.client.current_url().await.is_ok_and(|url| url.as_str().contains(&format!("view={view}")));
                    if here {
                        return;
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(WAIT_MAX, look).await.is_err() {
            self.fail(&format!("there is no {view} window")).await;
        }
    }

    /// Goes to a slide, from 0, and waits until it has come in whole.
    pub async fn go_to(&self, slide: u64) {
        self.call(json!({ "go-to": { "slide": slide } })).await;
        let here = format!(
            "const layers = [...document.querySelectorAll('[data-testid=audience-view] .layer')];
             return layers.length == 1 && !!layers[0].querySelector('[data-slide=\"{slide}\"]')"
        );
        self.until_true(&format!("slide {} comes", slide + 1), &here).await;
    }

    /// Waits until a file holds this.
    pub async fn until_file(&self, path: &Path, holds: &str) {
        let look = async {
            while !std::fs::read_to_string(path).is_ok_and(|text| text.contains(holds)) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(WAIT_MAX, look).await.is_err() {
            self.fail(&format!("{} never held {holds}", path.display())).await;
        }
    }

    /// Sends the app a signal. One more of any kind would end it at once.
    pub fn signal(&self, root: &Path, signal: Signal) {
        nix::sys::signal::kill(app_of(root).expect("the app runs"), signal).expect("it can be sent");
    }

    /// Ends the app with a signal that it cannot answer, and then the driver.
    pub fn kill(self, root: &Path) {
        self.signal(root, Signal::SIGKILL);
    }

    /// Keeps a picture of the window where pictures are wanted: `GREENROOM_SHOTS` names the folder.
    pub async fn shot(&self, name: &str) {
        if let Some(folder) = std::env::var_os("GREENROOM_SHOTS") {
            self.picture(&PathBuf::from(folder), name).await;
        }
    }

    /// Ends the app as a session's end does, waits until it has taken its folder away, and then ends the driver.
    pub async fn close(self, root: &Path) {
        let app = app_of(root).expect("the app runs");
        nix::sys::signal::kill(app, Signal::SIGTERM).expect("it can be told to end");
        // All but what the speaker has set, for one project or for all.
        let left = || {
            let kept = ["plan.json", "screen", "settings.json", "recent.json", "projects"];
            let home = root.join(".greenroom");
            let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
            let projects = entries(home.join("projects")).flat_map(|project| entries(project.path()));
            let names = entries(home).chain(projects).map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.filter(|name| !kept.contains(&name.as_str())).collect::<Vec<_>>()
        };
        let gone = async {
            while !left().is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let all_gone = tokio::time::timeout(WAIT_MAX, gone).await;
        assert!(all_gone.is_ok(), "the app leaves behind: {:?}", left());
    }

    async fn fail(&self, what: &str) -> ! {
        let folder = workspace().join("artefacts");
        let picture = self.picture(&folder, self.test).await;
        let page = self.eval("return document.body.innerText").await;
        panic!("{what}\npicture: {picture}\npage: {}", page.as_str().unwrap_or_default());
    }

    async fn picture(&self, folder: &Path, name: &str) -> String {
        std::fs::create_dir_all(folder).ok();
        let path = folder.join(format!("{name}.png"));
        match self.png().await {
            Ok(png) => {
                std::fs::write(&path, png).map_or_else(|error| error.to_string(), |()| path.display().to_string())
            }
            Err(why) => format!("none ({why})"),
        }
    }

    /// What the window shows, or why that is not to be had.
    pub async fn png(&self) -> Result<Vec<u8>, String> {
        // The driver waits for the next frame, and a page at rest draws none.
        let wake = "document.body.animate([{ opacity: 1 }, { opacity: 0.999 }], { duration: 200, iterations: 25 })";
        self.eval(&format!("{wake}; return true")).await;
        match tokio::time::timeout(ANSWER_MAX, self.client.screenshot()).await {
            Ok(taken) => taken.map_err(|error| error.to_string()),
            Err(_) => Err("the page does not answer".into()),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            for _ in 0..LOOKS_MAX {
                let Some(app) = app_of(&self.0) else { return };
                nix::sys::signal::kill(app, signal).ok();
                std::thread::park_timeout(LOOK_EVERY);
            }
        }
    }
}

impl Drop for Driver {
    /// An interrupt lets the driver end its session; one that does not listen is killed.
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a process id"));
        for signal in [Signal::SIGINT, Signal::SIGKILL] {
            nix::sys::signal::kill(pid, signal).ok();
            for _ in 0..LOOKS_MAX {
                if self.0.try_wait().is_ok_and(|status| status.is_some()) {
                    return;
                }
                std::thread::park_timeout(LOOK_EVERY);
            }
        }
    }
}

/// The app that shows a project.
fn app_of(root: &Path) -> Option<nix::unistd::Pid> {
    let root = root.display().to_string();
    let ids = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    ids.filter_map(|id| id.parse().ok()).find_map(|id: i32| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        (line.contains("greenroom-app") && line.contains(&root)).then(|| nix::unistd::Pid::from_raw(id))
    })
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}
