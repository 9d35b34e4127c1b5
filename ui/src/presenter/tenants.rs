//! The tenants of the running stack: what each gets, stores and waits for, and what the presenter may change.

use super::Console;
use crate::bridge;
use greenroom_show::{
    call::{ActOnTenant, ReadTenants, SetAdmission},
    tenants::{Act, Step, Switch, TenantLine, TenantState, Tenants},
    unit::Unit,
};
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

const READ_EVERY: Duration = Duration::from_millis(500);

#[component]
pub fn TenantsPage() -> impl IntoView {
    let console = expect_context::<Console>();
    let tenants = RwSignal::new(None::<Result<Tenants, String>>);
    let read = move || {
        spawn_local(async move {
            let reply = bridge::call(&ReadTenants {}).await.map_err(|error| error.to_string());
            // The page may have been closed meanwhile.
            let _ = tenants.try_set(Some(reply));
        });
    };
    read();
    if let Ok(timer) = set_interval_with_handle(read, READ_EVERY) {
        on_cleanup(move || timer.clear());
    }
    let switch = Memo::new(move |_| {
        tenants.with(|tenants| tenants.as_ref()?.as_ref().ok().map(|tenants| tenants.admission.switch))
    });
    let body = move || {
        match tenants.get() {
        None => view! { <p class="sentence" role="status">"Asking the stack"</p> }.into_any(),
        Some(Err(error)) => view! { <p class="sentence" role="alert">{error}</p> }.into_any(),
        Some(Ok(tenants)) if tenants.tenants.is_empty() => view! {
            <p class="sentence" role="status">"No tenant yet: a demo makes them, or 'greenroom-stack apply tenants.yaml'."</p>
        }
        .into_any(),
        Some(Ok(tenants)) => table(console, &tenants).into_any(),
    }
    };
    view! {
        <div class="overlay" data-testid="tenants" role="dialog" aria-label="Tenants">
            <div class="board tenants">
                <header>
                    <h2>"Tenants"</h2>
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

fn table(console: Console, tenants: &Tenants) -> impl IntoView + use<> {
    let admission = &tenants.admission;
    let said =
        format!("{} at work, {} wait; fairness {:.2}", admission.in_flight, admission.queued, admission.fairness);
    let rows: Vec<_> = tenants.tenants.iter().map(|tenant| row(console, tenant)).collect();
    view! {
        <p class="sentence" role="status">{said}</p>
        <table class="spreads">
            <thead>
                <tr>
                    <th>"Tenant"</th><th>"weight"</th><th>"moves"</th><th>"share"</th><th>"requests"</th><th>"waits p99"</th>
                    <th>"sent away"</th><th>"stores"</th><th class="acts" aria-label="change"></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn row(console: Console, tenant: &TenantLine) -> impl IntoView + use<> {
    let stored = Unit::Bytes.say(tenant.bytes as f64);
    let stored = match tenant.bytes_max {
        Some(max) => format!("{stored} of {}", Unit::Bytes.say(max as f64)),
        None => stored,
    };
    let bar = |share: f64| format!("width: {:.1}%", share.clamp(0.0, 1.0) * 100.0);
    let fill =
        tenant.filled().map(|filled| view! { <div class="fill" aria-hidden="true"><i style=bar(filled)></i></div> });
    let act = move |act: Act, name: &str| {
        let tenant = name.to_string();
        move |_| console.send(ActOnTenant { tenant: tenant.clone(), act })
    };
    let quota = |step| Act::Quota { bytes: tenant.next_quota(step) };
    let acts = match tenant.state {
        TenantState::Active => view! {
            <button title="A smaller quota" on:click=act(quota(Step::Less), &tenant.name)>"−"</button>
            <button title="A larger quota" on:click=act(quota(Step::More), &tenant.name)>"+"</button>
            <button on:click=act(Act::Suspend, &tenant.name)>"Suspend"</button>
        }
        .into_any(),
        TenantState::Suspended => {
            view! { <button on:click=act(Act::Resume, &tenant.name)>"Resume"</button> }.into_any()
        }
        TenantState::OffBoarded => view! { <small>"off-boarded"</small> }.into_any(),
    };
    view! {
        <tr data-tenant=tenant.name.clone() class:over=tenant.state != TenantState::Active>
            <td>{tenant.name.clone()}</td>
            <td>{tenant.weight}</td>
            <td>{Unit::BytesPerSecond.say(tenant.bytes_per_s)}</td>
            <td><div class="fill" title=format!("{:.0} %", tenant.share * 100.0)><i style=bar(tenant.share)></i></div></td>
            <td>{Unit::OpsPerSecond.say(tenant.ops_per_s)}</td>
            <td>{Unit::Milliseconds.say(tenant.queue_ms)}</td>
            <td>{tenant.throttled}</td>
            <td>{stored} {fill}</td>
            <td class="acts">{acts}</td>
        </tr>
    }
}
