//! A few strokes behind the words, in the light of the section: what it is about, seen before a word is read.

use greenroom_show::deck::Motif;
use leptos::prelude::*;
use std::f64::consts::TAU;

/// Its middle on the stage, and how far it reaches.
const MIDDLE: (f64, f64) = (1440.0, 500.0);
const REACH: f64 = 420.0;

#[component]
pub fn MotifView(motif: Motif) -> impl IntoView {
    let strokes: Vec<_> = strokes(motif).into_iter().map(|path| view! { <path d=path /> }).collect();
    view! { <svg class="motif" viewBox="0 0 1920 1080" aria-hidden="true">{strokes}</svg> }
}

/// Paths, the one that matters most first.
fn strokes(motif: Motif) -> Vec<String> {
    let (x, y) = MIDDLE;
    match motif {
        Motif::Rings => {
            let around = (0..6).map(|index| {
                let angle = TAU * f64::from(index) / 6.0;
                let (x, y) = (x + REACH * 0.82 * angle.cos(), y + REACH * 0.82 * angle.sin());
                format!("{}{}", circle(x, y, 64.0), line((x, y), MIDDLE, 64.0, 150.0))
            });
            std::iter::once(circle(x, y, 150.0)).chain(around).collect()
        }
        Motif::Box => {
            let at = |size: f64| {
                let (w, h) = (size * 0.87, size * 0.5);
                format!(
                    "M {x} {} l {w} {h} v {size} l {} {h} l {} {} v {} z M {} {} l {w} {h} l {w} {} M {x} {y} v {size}",
                    y - size,
                    -w,
                    -w,
                    -h,
                    -size,
                    x - w,
                    y - h,
                    -h,
                )
            };
            [380.0, 250.0, 120.0].map(at).to_vec()
        }
        Motif::Lanes => {
            let lanes = [(0.0, 40.0), (90.0, 90.0), (230.0, 160.0), (440.0, 240.0)];
            let lane = |(from, width): (f64, f64)| {
                let left = x - REACH + from * 1.24;
                format!("M {left} 1080 V 120 h {width} V 1080")
            };
            lanes.iter().rev().map(|at| lane(*at)).collect()
        }
        Motif::Gate => {
            let arch =
                |reach: f64| format!("M {} 1080 V {y} a {reach} {reach} 0 0 1 {} 0 V 1080", x - reach, reach * 2.0);
            [120.0, 220.0, 320.0, 420.0].map(arch).to_vec()
        }
        Motif::Echo => {
            const ASIDE: f64 = 80.0;
            let here = circle(x - ASIDE, y, 130.0);
            let waves = [220.0, 310.0, 400.0, 490.0].map(|reach: f64| {
                let (dx, dy) = (reach * 0.82, reach * 0.57);
                format!("M {} {} A {reach} {reach} 0 0 1 {} {}", x - ASIDE + dx, y - dy, x - ASIDE + dx, y + dy)
            });
            std::iter::once(here).chain(waves).collect()
        }
        Motif::Layers => {
            let layer = |index: i32| {
                let (top, half) = (y - 330.0 + f64::from(index) * 150.0, REACH - f64::from(index) * 60.0);
                let lean = half * 0.32;
                format!("M {} {top} l {half} {} l {half} {lean} l {} {lean} z", x - half, -lean, -half)
            };
            (0..5).map(layer).collect()
        }
        Motif::Loop => {
            let turn = |reach: f64| {
                let (from, to) = (TAU * 0.04, TAU * 0.9);
                let at = |angle: f64| (x + reach * angle.cos(), y + reach * angle.sin());
                let ((fx, fy), (tx, ty)) = (at(from), at(to));
                format!("M {fx} {fy} A {reach} {reach} 0 1 1 {tx} {ty} m -70 -6 l 70 6 l 8 -70")
            };
            [380.0, 240.0].map(turn).to_vec()
        }
        Motif::Steps => {
            let step = |index: i32| {
                let (left, top) = (x - REACH + f64::from(index) * 210.0, 900.0 - f64::from(index) * 190.0);
                format!("M {left} 1080 V {top} h 210 V 1080")
            };
            (0..4).rev().map(step).collect()
        }
    }
}

fn circle(x: f64, y: f64, reach: f64) -> String {
    format!("M {} {y} a {reach} {reach} 0 1 0 {} 0 a {reach} {reach} 0 1 0 {} 0 ", x - reach, reach * 2.0, -reach * 2.0)
}

/// Between two circles, from edge to edge.
fn line(from: (f64, f64), to: (f64, f64), from_reach: f64, to_reach: f64) -> String {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let (dx, dy) = (dx / length, dy / length);
    let (begin, end) = (from_reach, length - to_reach);
    format!("M {} {} L {} {} ", from.0 + dx * begin, from.1 + dy * begin, from.0 + dx * end, from.1 + dy * end)
}
