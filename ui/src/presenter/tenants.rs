//! The tenants of the running stack: what each gets, stores and waits for, and what the presenter may change.

use super::polled::Polled;
use super::{Console, Overlay};
use greenroom_show::{
    call::{ActOnTenant, ReadTenants, SetAdmission},
    tenants::{Act, Admission, KeyState, Step, Switch, TenantKey, TenantLine, TenantState, Tenants},
    unit::{Unit, say_lasting},
};
use leptos::prelude::*;

#[component]
pub fn TenantsPage() -> impl IntoView {
    let console = expect_context::<Console>();
    let tenants = Polled::of(|| ReadTenants {});
    let switch = Memo::new(move |_| tenants.look(|tenants| tenants.admission.switch));
    let nothing = || {
        view! {
            <p class="sentence" role="status">"No tenant yet: a demo makes them, or 'greenroom-stack apply tenants.yaml'."</p>
        }
        .into_any()
    };
    let there = move || view! { <Table tenants /> }.into_any();
    let body = tenants.body(|tenants| tenants.tenants.is_empty(), nothing, there);
    view! {
        <div class="overlay" data-testid="tenants" role="dialog" aria-label="Tenants">
            <div class="board tenants">
                <header>
                    <h2>"Tenants"</h2>
                    <button class="beside" on:click=move |_| console.toggle(Overlay::Mirrors)>"Mirrors " <kbd>"Shift M"</kbd></button>
                    {move || switch.get().map(|switch| view! {
                        <button
                            data-testid="admission"
                            data-switch=switch_name(switch)
                            on:click=move |_| console.send(SetAdmission { switch: switch.other() })
                        >
                            {match switch {
                                Switch::On => "Kept apart: switch off",
                                Switch::Off => "Not kept apart: switch on",
                            }}
                        </button>
                    })}
                </header>
                {body}
            </div>
        </div>
    }
}

fn switch_name(switch: Switch) -> &'static str {
    match switch {
        Switch::On => "on",
        Switch::Off => "off",
    }
}

/// Rows stay while their figures change, so that a button that is being pressed is not taken away.
#[component]
fn Table(tenants: Polled<Tenants>) -> impl IntoView {
    let said = move || {
        tenants.look(|tenants| {
            let Admission { in_flight, queued, fairness, .. } = &tenants.admission;
            format!("{in_flight} at work, {queued} wait; fairness {fairness:.2}")
        })
    };
    let names = move || {
        let names = |tenants: &Tenants| tenants.tenants.iter().map(|tenant| tenant.name.clone()).collect::<Vec<_>>();
        tenants.look(names).unwrap_or_default()
    };
    view! {
        <p class="sentence" role="status">{said}</p>
        <table class="spreads">
            <thead>
                <tr>
                    <th>"Tenant"</th><th>"weight"</th><th>"moves"</th><th>"share"</th><th>"requests"</th>
                    <th>"p50 / p99"</th><th>"waits p99"</th><th>"sent away"</th><th>"stores"</th>
                    <th class="acts" aria-label="change"></th>
                </tr>
            </thead>
            <tbody>
                <For each=names key=String::clone let:name>
                    <Row tenants name />
                </For>
            </tbody>
        </table>
    }
}

#[component]
fn Row(tenants: Polled<Tenants>, name: String) -> impl IntoView {
    let console = expect_context::<Console>();
    let (known, shown) = (name.clone(), name.clone());
    let line = Memo::new(move |before: Option<&TenantLine>| {
        let now = tenants.look(|tenants| tenants.tenants.iter().find(|tenant| tenant.name == known).cloned());
        now.flatten().or_else(|| before.cloned()).unwrap_or_default()
    });
    let state = Memo::new(move |_| line.with(|line| line.state));
    let send = move |act: Act| console.send(ActOnTenant { tenant: line.with_untracked(|line| line.name.clone()), act });
    let steps = move |what: &'static str, next: fn(&TenantLine, Step) -> Act| {
        let name = line.with_untracked(|line| line.name.clone());
        (state.get() == TenantState::Active).then(|| {
            [(Step::Less, "−", "less"), (Step::More, "+", "more")].map(|(step, sign, said)| {
                let label = format!("{said} {what} for {name}");
                let press = move |_| send(line.with_untracked(|line| next(line, step)));
                view! { <button title=label.clone() aria-label=label on:click=press>{sign}</button> }
            })
        })
    };
    let weights = move || steps("weight", |line, step| Act::Weight { weight: line.next_weight(step) });
    let quotas = move || steps("quota", |line, step| Act::Quota { bytes: line.next_quota(step) });
    let acts = move || match state.get() {
        TenantState::Active => view! {
            <button
                data-testid="hand-over"
                title="Copies a line to paste: AzCopy, the container's address, a signature for an hour"
                on:click=move |_| send(Act::HandOver)
            >
                "AzCopy line"
            </button>
            <button on:click=move |_| send(Act::Suspend)>"Suspend"</button>
        }
        .into_any(),
        TenantState::Suspended => view! { <button on:click=move |_| send(Act::Resume)>"Resume"</button> }.into_any(),
        TenantState::OffBoarded => view! { <small>"off-boarded"</small> }.into_any(),
    };
    let latency = |line: &TenantLine| match (line.p50_ms, line.p99_ms) {
        (Some(p50), Some(p99)) => format!("{} / {}", Unit::Milliseconds.say(p50), Unit::Milliseconds.say(p99)),
        _ => "–".to_string(),
    };
    let part = move || line.with(|line| line.share);
    let key = Memo::new(move |_| line.with(|line| line.key.clone()));
    view! {
        <tr data-tenant=name class:over=move || state.get() != TenantState::Active>
            <td class="named">
                <span>{shown}</span>
                {move || key.get().map(|key| {
                    let state = key_state(key.state);
                    view! { <small class="key" data-testid="key" data-state=state title=key.wrapped_by.clone()>{sealed(&key)}</small> }
                })}
            </td>
            <td class="acts" data-weight=move || line.with(|line| line.weight)>
                <span>{move || line.with(|line| line.weight)}</span>
                {weights}
            </td>
            <td>{move || Unit::BytesPerSecond.say(line.with(|line| line.bytes_per_s))}</td>
            <td>
                <div class="fill" title=move || format!("{:.0} %", part() * 100.0)><i style=move || width(part())></i></div>
            </td>
            <td>{move || Unit::OpsPerSecond.say(line.with(|line| line.ops_per_s))}</td>
            <td>{move || line.with(latency)}</td>
            <td>{move || Unit::Milliseconds.say(line.with(|line| line.queue_ms))}</td>
            <td>{move || line.with(|line| line.throttled)}</td>
            <td class="acts">
                <span>{move || line.with(stored)}</span>
                {quotas}
                {move || line.with(TenantLine::filled).map(|filled| {
                    view! { <div class="fill" aria-hidden="true"><i style=width(filled)></i></div> }
                })}
            </td>
            <td class="acts">{acts}</td>
        </tr>
    }
}

/// For style and for tests.
fn key_state(state: KeyState) -> &'static str {
    match state {
        KeyState::Usable => "usable",
        KeyState::Stopped => "stopped",
        KeyState::Refused => "refused",
        KeyState::Away => "away",
        KeyState::Erased => "erased",
    }
}

/// Which key it is and how it stands, by a mark and a word; for how long, where that is news.
fn sealed(key: &TenantKey) -> String {
    let (mark, is_news) = match key.state {
        KeyState::Usable => ("●", false),
        KeyState::Stopped => ("○", true),
        KeyState::Refused | KeyState::Away | KeyState::Erased => ("✕", true),
    };
    let lasts = key.for_ms.filter(|_| is_news).map(|ms| format!(" for {}", whole(ms))).unwrap_or_default();
    format!("{mark} key {} {}{lasts}", key.name(), key.state.as_str())
}

/// Seconds that tick, and then what a person says.
fn whole(ms: u64) -> String {
    say_lasting(if ms < 100_000 { ms / 1_000 * 1_000 } else { ms })
}

fn stored(tenant: &TenantLine) -> String {
    let stored = Unit::Bytes.say(tenant.bytes as f64);
    match tenant.bytes_max {
        Some(max) => format!("{stored} of {}", Unit::Bytes.say(max as f64)),
        None => stored,
    }
}

fn width(part: f64) -> String {
    format!("width: {:.1}%", part.clamp(0.0, 1.0) * 100.0)
}
