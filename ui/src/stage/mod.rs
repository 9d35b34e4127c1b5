//! The canvas of 1920 by 1080 that everything on stage is set on: scaled whole to its frame, never reflowed.

use leptos::{html, prelude::*};
use wasm_bindgen::prelude::*;

pub const WIDTH: f64 = 1920.0;
pub const HEIGHT: f64 = 1080.0;

/// How many pixels of the page one pixel of the stage takes.
#[derive(Debug, Clone, Copy)]
pub struct Scale(pub RwSignal<f64>);

#[component]
pub fn Stage(children: Children) -> impl IntoView {
    let scale = RwSignal::new(0.0);
    provide_context(Scale(scale));
    let frame = NodeRef::<html::Div>::new();
    let watch = StoredValue::new_local(None);
    frame.on_load(move |frame| watch.set_value(Watch::start(frame, scale)));
    on_cleanup(move || watch.update_value(|watch| *watch = None));
    let style = move || format!("transform: translate(-50%, -50%) scale({:.5})", scale.get());
    view! {
        <div class="stage-frame" node_ref=frame>
            <div class="stage" style=style>
                {children()}
            </div>
        </div>
    }
}

/// Follows the size of a frame; stops when dropped.
struct Watch {
    observer: web_sys::ResizeObserver,
    /// What the observer calls.
    _measure: Closure<dyn Fn()>,
}

impl Watch {
    fn start(frame: web_sys::HtmlDivElement, scale: RwSignal<f64>) -> Option<Self> {
        let element = frame.clone();
        let measure = Closure::<dyn Fn()>::new(move || {
            let fit = (f64::from(element.client_width()) / WIDTH).min(f64::from(element.client_height()) / HEIGHT);
            if (scale.get_untracked() - fit).abs() > 1e-6 {
                scale.set(fit);
            }
        });
        let observer = web_sys::ResizeObserver::new(measure.as_ref().unchecked_ref()).ok()?;
        observer.observe(&frame);
        Some(Self { observer, _measure: measure })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}
