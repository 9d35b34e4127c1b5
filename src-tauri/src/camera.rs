//! Takes pictures of a page, one at a time, for whoever asks at its standard input; answers at its standard output. The page is never on
//! a screen, and its time is handed in.
//!
//! A request is a line: `frame MS AT`, a time of the page and a place of what it plays, `picture`, or `ask SCRIPT`, the body of a
//! function as a string of JSON. An answer is a line, `picture LENGTH`, `same`, `text LENGTH` or `failed LENGTH`, and so many bytes:
//! pixels as blue, green, red and one more, row by row.

use futures::{StreamExt, channel::mpsc};
use gtk::{glib, prelude::*};
use std::cell::Cell;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use webkit2gtk::{
    HardwareAccelerationPolicy, LoadEvent, SettingsExt, SnapshotOptions, SnapshotRegion, WebContext, WebView,
    WebViewExt,
};

/// The page needs a moment to unpack itself.
const WAIT_FOR_PAGE: &str = "for (let tries = 0; !window.greenroom && tries < 600; tries += 1) {
  await new Promise((done) => setTimeout(done, 50));
}
if (!window.greenroom) throw new Error('the page does not begin');
return '';";

/// Until its standard input ends.
pub fn serve(page: &Path, (width, height): (i32, i32)) -> ExitCode {
    if let Err(error) = gtk::init() {
        eprintln!("greenroom-app: no pictures can be taken here: {error}");
        return ExitCode::FAILURE;
    }
    let view = WebView::with_context(&WebContext::new_ephemeral());
    if let Some(settings) = WebViewExt::settings(&view) {
        // A picture is drawn by the processor, and the same one wherever it is taken.
        settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
    }
    view.set_size_request(width, height);
    let window = gtk::OffscreenWindow::new();
    window.set_default_size(width, height);
    window.add(&view);
    window.show_all();

    let ends = glib::MainLoop::new(None, false);
    let failed = Rc::new(Cell::new(false));
    let began = Cell::new(false);
    view.connect_load_changed({
        let (ends, failed) = (ends.clone(), failed.clone());
        move |view, event| {
            if event == LoadEvent::Finished && !began.replace(true) {
                let (view, ends, failed) = (view.clone(), ends.clone(), failed.clone());
                glib::MainContext::default().spawn_local(async move {
                    let camera = Camera { view, size: (width, height), taken: false };
                    failed.set(camera.serve(requests()).await.is_err());
                    ends.quit();
                });
            }
        }
    });
    view.connect_web_process_terminated({
        let (ends, failed) = (ends.clone(), failed.clone());
        move |_, _| {
            failed.set(true);
            ends.quit();
        }
    });
    view.load_uri(&format!("file://{}#film", page.display()));
    ends.run();
    if failed.get() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Lines of the standard input, read beside the page.
fn requests() -> mpsc::UnboundedReceiver<String> {
    let (asked, heard) = mpsc::unbounded();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if asked.unbounded_send(line).is_err() {
                return;
            }
        }
    });
    heard
}

struct Camera {
    view: WebView,
    size: (i32, i32),
    /// Whether there is a picture before the next one.
    taken: bool,
}

enum Answer {
    Picture(Vec<u8>),
    Same,
    Text(String),
}

impl Camera {
    /// Who no longer listens wants no more.
    async fn serve(mut self, mut requests: mpsc::UnboundedReceiver<String>) -> io::Result<()> {
        let opened = self.ask(WAIT_FOR_PAGE).await;
        while let Some(request) = requests.next().await {
            let answer = match &opened {
                Ok(_) => self.answer(&request).await,
                Err(error) => Err(error.clone()),
            };
            let mut out = io::stdout().lock();
            match answer {
                Ok(Answer::Same) => writeln!(out, "same")?,
                Ok(Answer::Picture(pixels)) => {
                    writeln!(out, "picture {}", pixels.len())?;
                    out.write_all(&pixels)?;
                }
                Ok(Answer::Text(text)) => write!(out, "text {}\n{text}", text.len())?,
                Err(error) => write!(out, "failed {}\n{error}", error.len())?,
            }
            out.flush()?;
        }
        Ok(())
    }

    async fn answer(&mut self, request: &str) -> Result<Answer, String> {
        match request.split_once(' ') {
            Some(("frame", when)) => {
                let read = when.split_once(' ').and_then(|(ms, at)| Some((ms.parse().ok()?, at.parse().ok()?)));
                let (ms, at): (f64, f64) = read.ok_or_else(|| format!("'{when}' is no time and place"))?;
                let changed = self.ask(&format!("return await greenroom.frame({ms}, {at});")).await?;
                if self.taken && changed == "false" {
                    return Ok(Answer::Same);
                }
                self.taken = true;
                self.picture().await.map(Answer::Picture)
            }
            Some(("ask", script)) => {
                let script: String = serde_json::from_str(script).map_err(|error| error.to_string())?;
                self.ask(&script).await.map(Answer::Text)
            }
            None if request == "picture" => self.picture().await.map(Answer::Picture),
            _ => Err(format!("'{request}' is no request")),
        }
    }

    async fn ask(&self, body: &str) -> Result<String, String> {
        let answered = self.view.call_async_javascript_function_future(body, None, None, None).await;
        let value = answered.map_err(|error| error.to_string())?;
        Ok(javascriptcore::ValueExt::to_str(&value).to_string())
    }

    async fn picture(&self) -> Result<Vec<u8>, String> {
        let taken = self.view.snapshot_future(SnapshotRegion::Visible, SnapshotOptions::NONE).await;
        let surface = taken.map_err(|error| error.to_string())?;
        let image = cairo::ImageSurface::try_from(surface).map_err(|_| "the picture has no pixels".to_string())?;
        if (image.width(), image.height()) != self.size {
            return Err(format!("a picture of {} by {} came", image.width(), image.height()));
        }
        let mut pixels = Vec::new();
        image.with_data(|data| pixels.extend_from_slice(data)).map_err(|error| error.to_string())?;
        Ok(pixels)
    }
}
