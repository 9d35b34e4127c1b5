//! Browsers as they are installed, without a display: Chromium through its driver, Firefox through Marionette, which is its own.

use super::likeness::Picture;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
pub const WIDTH: u32 = 1920;
pub const HEIGHT: u32 = 1080;

pub enum Browser {
    Chromium(Client, Ended),
    Firefox(Box<Marionette>),
}

/// A program that ends with its test.
pub struct Ended(pub Child);

impl Ended {
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended already has nothing to be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Browser {
    pub async fn chromium() -> Browser {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: run 'cargo xtask setup'");
        let driver = Ended(driver);
        let metrics = json!({ "width": WIDTH, "height": HEIGHT, "pixelRatio": 1.0, "touch": false, "mobile": false });
        let capabilities = json!({ "goog:chromeOptions": {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu"],
            "mobileEmulation": { "deviceMetrics": metrics },
        }});
        let Value::Object(capabilities) = capabilities else { unreachable!("an object was written") };
        let url = format!("http://127.0.0.1:{port}");
        let started = Instant::now();
        loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&url).await {
                Ok(client) => return Browser::Chromium(client, driver),
                Err(error) if started.elapsed() > WAIT_MAX => panic!("no session: {error}"),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    pub async fn firefox(profile: &Path) -> Browser {
        let port = free_port();
        let wanted = format!("user_pref(\"marionette.port\", {port});\n");
        std::fs::write(profile.join("user.js"), wanted).expect("a profile");
        let browser = Command::new("firefox-esr")
            .args(["--headless", "--marionette", "--kiosk", "--no-remote", "--profile"])
            .arg(profile)
            .envs([("MOZ_HEADLESS_WIDTH", WIDTH.to_string()), ("MOZ_HEADLESS_HEIGHT", HEIGHT.to_string())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Firefox is installed: run 'cargo xtask setup'");
        let browser = Ended(browser);
        let stream = connected(("127.0.0.1", port), "Firefox").await;
        let mut marionette = Marionette { stream: BufReader::new(stream), asked: 0, browser };
        marionette.read();
        marionette.ask("WebDriver:NewSession", json!({}));
        Browser::Firefox(Box::new(marionette))
    }

    /// The process that has started it.
    pub fn driver(&self) -> String {
        match self {
            Browser::Chromium(_, driver) => driver.id(),
            Browser::Firefox(marionette) => marionette.browser.id(),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Browser::Chromium(..) => "Chromium",
            Browser::Firefox(_) => "Firefox",
        }
    }

    pub async fn open(&mut self, url: &str) {
        // An address that differs behind the # alone would not be opened anew.
        for url in ["about:blank", url] {
            match self {
                Browser::Chromium(client, _) => client.goto(url).await.expect("it opens"),
                Browser::Firefox(marionette) => {
                    marionette.ask("WebDriver:Navigate", json!({ "url": url }));
                }
            }
        }
    }

    /// What the body of an async function answers.
    pub async fn ask(&mut self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {body} }})().then(done, (error) => done('failed: ' + error));"
        );
        match self {
            Browser::Chromium(client, _) => client.execute_async(&script, vec![]).await.expect("it answers"),
            Browser::Firefox(marionette) => {
                let answer = marionette.ask("WebDriver:ExecuteAsyncScript", json!({ "script": script, "args": [] }));
                answer["value"].clone()
            }
        }
    }

    pub async fn until(&mut self, what: &str, body: &str) {
        let started = Instant::now();
        loop {
            let seen = self.ask(body).await;
            if seen == true {
                return;
            }
            assert!(started.elapsed() < WAIT_MAX, "{}: {what}: {seen}", self.name());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub async fn picture(&mut self) -> Picture {
        match self {
            Browser::Chromium(client, _) => Picture::read(&client.screenshot().await.expect("a picture")),
            Browser::Firefox(marionette) => {
                let answer = marionette.ask("WebDriver:TakeScreenshot", json!({ "full": false, "hash": false }));
                let text = answer["value"].as_str().expect("a picture");
                Picture::read(
                    &base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64"),
                )
            }
        }
    }
}

/// Firefox's own protocol: JSON with its length before it.
pub struct Marionette {
    stream: BufReader<TcpStream>,
    asked: u64,
    browser: Ended,
}

impl Marionette {
    fn ask(&mut self, command: &str, with: Value) -> Value {
        self.asked += 1;
        let text = json!([0, self.asked, command, with]).to_string();
        write!(self.stream.get_mut(), "{}:{text}", text.len()).expect("it listens");
        let answer = self.read();
        assert!(answer[2].is_null(), "{command}: {}", answer[2]);
        answer[3].clone()
    }

    fn read(&mut self) -> Value {
        let mut length = Vec::new();
        self.stream.read_until(b':', &mut length).expect("it answers");
        length.pop();
        let length: usize = String::from_utf8_lossy(&length).parse().expect("a length");
        let mut text = vec![0; length];
        self.stream.read_exact(&mut text).expect("it answers");
        serde_json::from_slice(&text).expect("JSON")
    }
}

/// To a program that has just been started, as soon as it listens.
pub async fn connected(to: (&str, u16), program: &str) -> TcpStream {
    let started = Instant::now();
    loop {
        match TcpStream::connect(to) {
            Ok(stream) => return stream,
            Err(error) if started.elapsed() > WAIT_MAX => panic!("{program} does not listen: {error}"),
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}
