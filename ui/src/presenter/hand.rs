//! The presenter's hand: what the mouse points at and draws on the slide.

use super::Console;
use crate::{
    bridge,
    marks::{Mouse, Tool, Touch},
    stage::{HEIGHT, WIDTH},
};
use greenroom_show::{
    call::{DrawInk, Point},
    marks::{Ink, Pointer, PointerKind, Spot},
};
use leptos::{ev, prelude::*, task::spawn_local};

/// The presenter's hand. One call is under way at a time; what the mouse does meanwhile goes with the next.
#[derive(Debug, Clone, Copy)]
pub struct Hand {
    console: Console,
    draws: StoredValue<bool>,
    calls: StoredValue<bool>,
    along: StoredValue<Vec<Spot>>,
    at: StoredValue<Option<Pointer>>,
}

impl Hand {
    pub fn new(console: Console) -> Self {
        Self {
            console,
            draws: StoredValue::new(false),
            calls: StoredValue::new(false),
            along: StoredValue::new(vec![]),
            at: StoredValue::new(None),
        }
    }

    /// What slides are told of it.
    pub fn mouse(self) -> Mouse {
        let does = Callback::new(move |(touch, event): (Touch, ev::PointerEvent)| match touch {
            Touch::Down => self.down(&event),
            Touch::Moves => self.moves(&event),
            Touch::Up => self.up(),
            Touch::Leaves => self.leaves(),
        });
        Mouse { tool: self.console.tool.into(), does }
    }

    fn down(self, event: &ev::PointerEvent) {
        if self.console.tool.get_untracked() == Some(Tool::Ink)
            && let Some(spot) = spot(event)
        {
            self.draws.set_value(true);
            self.console.send(DrawInk { ink: Ink::Down(spot) });
        }
    }

    fn moves(self, event: &ev::PointerEvent) {
        let Some(spot) = spot(event) else { return };
        match self.console.tool.get_untracked() {
            Some(Tool::Ink) if self.draws.get_value() => self.along.update_value(|along| along.push(spot)),
            Some(Tool::Laser) => self.at.set_value(Some(Pointer { kind: PointerKind::Laser, at: spot })),
            Some(Tool::Spotlight) => self.at.set_value(Some(Pointer { kind: PointerKind::Spotlight, at: spot })),
            _ => return,
        }
        self.say();
    }

    fn up(self) {
        self.draws.set_value(false);
    }

    fn leaves(self) {
        self.up();
        if matches!(self.console.tool.get_untracked(), Some(Tool::Laser | Tool::Spotlight)) {
            self.at.set_value(None);
            self.console.send(Point { pointer: None });
        }
    }

    fn say(self) {
        if self.calls.get_value() {
            return;
        }
        self.calls.set_value(true);
        spawn_local(async move {
            loop {
                let along = self.along.try_update_value(std::mem::take).unwrap_or_default();
                let pointer = self.at.try_update_value(Option::take).flatten();
                // What is refused here is said by the next call that a key makes.
                if !along.is_empty() {
                    bridge::tell(DrawInk { ink: Ink::Along(along) }).await;
                } else if pointer.is_some() {
                    bridge::tell(Point { pointer }).await;
                } else {
                    break;
                }
            }
            let _ = self.calls.try_set_value(false);
        });
    }
}

/// Where on the stage a mouse is.
fn spot(event: &ev::PointerEvent) -> Option<Spot> {
    let over = event_target::<web_sys::Element>(event).closest("svg").ok()??.get_bounding_client_rect();
    let part = |at: f64, start: f64, length: f64| ((at - start) / length.max(1.0)).clamp(0.0, 1.0);
    let x = part(f64::from(event.client_x()), over.left(), over.width()) * WIDTH;
    let y = part(f64::from(event.client_y()), over.top(), over.height()) * HEIGHT;
    Some((x as f32, y as f32))
}
