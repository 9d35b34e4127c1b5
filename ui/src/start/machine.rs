//! What this machine has and lacks; tools of others, offered with their size and what they are for; and a report to hand on.

use super::Page as Start;
use crate::{bridge, presenter::preflight::line};
use greenroom_show::start::{
    CopyReport, Examine, FetchTool,
    doctor::{Chapter, Examination, Offer, Tool},
};
use leptos::{prelude::*, task::spawn_local};

#[component]
pub fn Page() -> impl IntoView {
    let page = expect_context::<Start>();
    let found = RwSignal::new(None::<Result<Examination, String>>);
    let look = move || {
        spawn_local(async move {
            let read = bridge::call(Examine {}).await.map_err(|error| error.to_string());
            // The page may have been left meanwhile.
            let _ = found.try_set(Some(read));
        });
    };
    look();
    // A tool that has come is here now.
    let job = page.of(|lobby| lobby.job.is_some());
    Effect::new(move |before: Option<bool>| {
        let is_busy = job.get().unwrap_or_default();
        if before == Some(true) && !is_busy {
            look();
        }
        is_busy
    });
    let copy = move |_| {
        page.ask(CopyReport {}, move |()| {
            page.tell("The report is on the clipboard. No account, key or name of yours is in it.".into())
        })
    };
    let body = move || match found.get() {
        None => view! { <p class="empty" role="status">"Looking at this machine"</p> }.into_any(),
        Some(Err(error)) => view! { <p class="empty failed" role="alert">{error}</p> }.into_any(),
        Some(Ok(Examination { chapters, tools })) => view! {
            <h3>"Tools of others"</h3>
            <ul class="tools">{tools.into_iter().map(|tool| view! { <ToolLine tool /> }).collect_view()}</ul>
            {chapters.into_iter().map(chapter).collect_view()}
        }
        .into_any(),
    };
    view! {
        <header class="top">
            <h2>"This machine"</h2>
            <button on:click=move |_| look()>"Look again"</button>
            <button class="new" data-testid="copy-report" on:click=copy>"Copy report"</button>
        </header>
        <div class="scroll machine board" data-testid="machine">{body}</div>
    }
}

fn chapter(Chapter { title, lines }: Chapter) -> impl IntoView {
    view! { <h3>{title}</h3><ul>{lines.into_iter().map(line).collect_view()}</ul> }
}

#[component]
fn ToolLine(tool: Tool) -> impl IntoView {
    let page = expect_context::<Start>();
    let Tool { name, title, path, version, why, offer } = tool;
    let is_here = path.is_some();
    let found = match (path, version) {
        (Some(path), Some(version)) => format!("{version}, {path}"),
        (Some(path), None) => path,
        (None, _) => "not here".into(),
    };
    let megabytes = |bytes: u64| format!("about {} MB", bytes.div_ceil(1_000_000));
    let offered = (!is_here).then(|| match offer {
        Offer::Fetch { from, about_bytes, licence } => {
            let fetch = move |_| page.ask(FetchTool { name: name.clone() }, |()| ());
            view! {
                <p class="offer">
                    <button class="main" data-testid="fetch" on:click=fetch>{format!("Fetch it, {}", megabytes(about_bytes))}</button>
                    <span>{format!("from {from}, licence {licence}; it is kept for you alone, and nothing is installed")}</span>
                </p>
            }
            .into_any()
        }
        Offer::Package { line, about_bytes } => view! {
            <p class="offer"><code>{line}</code><span>{format!("in a terminal; {} with what it needs", megabytes(about_bytes))}</span></p>
        }
        .into_any(),
        Offer::Nowhere { why } => view! { <p class="offer"><span>{why}</span></p> }.into_any(),
    });
    let verdict = if is_here { "go" } else { "look" };
    view! {
        <li class=format!("tool verdict-{verdict}") data-testid="tool" data-here=is_here.to_string()>
            <b>{verdict}</b><span class="id">{title}</span><span class="found">{found}</span>
            <span class="todo">{why}</span>
            {offered}
        </li>
    }
}
