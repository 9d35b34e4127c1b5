//! The mirrors of the running stack: how far behind its origin each is, why, and what the presenter may do about it.

mod lag;

use super::polled::Polled;
use super::{Console, Overlay};
use crate::{bridge, time};
use greenroom_show::{
    call::{ActOnMirror, ReadMirrors},
    mirrors::{Complete, MirrorAct, MirrorLine, MirrorState, Mirrors, Objective},
    unit::{Unit, grouped, lasting, say_lasting},
};
use leptos::{ev, html, prelude::*, task::spawn_local};

/// What the stack said last, and what is being done.
#[derive(Clone, Copy)]
struct Page {
    mirrors: Polled<Mirrors>,
    /// The mirror that something is being done to.
    busy: RwSignal<Option<String>>,
    said: RwSignal<Option<Result<String, String>>>,
}

impl Page {
    fn act(self, line: &MirrorLine, act: MirrorAct) {
        let call = ActOnMirror { account: line.account.clone(), mirror: line.name.clone(), act };
        self.busy.set(Some(line.id()));
        spawn_local(async move {
            let reply = bridge::call(call).await.map_err(|error| error.to_string());
            let _ = self.busy.try_set(None);
            let _ = self.said.try_set(Some(reply));
            self.mirrors.ask(ReadMirrors {});
        });
    }

    fn line(self, id: &str) -> Option<MirrorLine> {
        self.mirrors.look(|mirrors| mirrors.mirrors.iter().find(|line| line.id() == id).cloned()).flatten()
    }
}

#[component]
pub fn MirrorsPage() -> impl IntoView {
    let console = expect_context::<Console>();
    let mirrors = Polled::of(|| ReadMirrors {});
    let page = Page { mirrors, busy: RwSignal::new(None), said: RwSignal::new(None) };
    let nothing = || view! { <Nothing /> }.into_any();
    let there = move || view! { <Lines page /> }.into_any();
    let body = mirrors.body(|mirrors| mirrors.mirrors.is_empty(), nothing, there);
    view! {
        <div class="overlay" data-testid="mirrors" role="dialog" aria-label="Mirrors">
            <div class="board mirrors">
                <header>
                    <h2>"Mirrors"</h2>
                    <button on:click=move |_| console.toggle(Overlay::Tenants)>"Tenants " <kbd>"Shift A"</kbd></button>
                </header>
                {body}
                {move || page.said.get().map(|said| match said {
                    Ok(said) => view! { <p class="said" role="status" data-testid="mirrors-said">{said}</p> }.into_any(),
                    Err(error) => view! { <p class="said failed" role="alert" data-testid="mirrors-said">{error}</p> }.into_any(),
                })}
            </div>
        </div>
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <p class="sentence" role="status">"Nothing is mirrored yet"</p>
        <p class="teaches">
            "A mirror shows in an account here what lies in another one, in a container or below a prefix, and follows what changes there. "
            "A demo attaches one with a step, and anybody who runs the stack with a command:"
        </p>
        <dl class="ways">
            <dt>"In a demo"</dt>
            <dd><code>"mirror attach shown lake --origin {blob:cloud/raw}"</code></dd>
            <dt>"At the command line"</dt>
            <dd><code>"greenroom-stack mirror attach ACCOUNT NAME --origin URL --data DIR"</code></dd>
            <dt>"For good"</dt>
            <dd><code>"mirrors: [{ name: lake, origin: … }]"</code>" in an account of tenants.yaml"</dd>
        </dl>
        <p class="teaches">"The secret of an origin is given there and never here: no window sees one."</p>
    }
}

/// Cards stay while their figures change, so that a button that is being pressed is not taken away.
#[component]
fn Lines(page: Page) -> impl IntoView {
    let told = move |tell: fn(&Mirrors) -> String| page.mirrors.look(tell).unwrap_or_default();
    let ids = move || {
        let ids = |mirrors: &Mirrors| mirrors.mirrors.iter().map(MirrorLine::id).collect::<Vec<_>>();
        page.mirrors.look(ids).unwrap_or_default()
    };
    view! {
        <p class="sentence" role="status">{move || told(Mirrors::in_words)}</p>
        <For each=ids key=String::clone let:id>
            <Card page id />
        </For>
        {move || Some(told(cut_off)).filter(|said| !said.is_empty()).map(|said| view! { <p class="said">{said}</p> })}
    }
}

/// What the page leaves out of what there is.
fn cut_off(mirrors: &Mirrors) -> String {
    let more = (mirrors.more > 0).then(|| format!("{} mirrors more are not shown.", mirrors.more));
    let unasked = (mirrors.unasked > 0).then(|| format!("{} accounts more were not asked.", mirrors.unasked));
    more.into_iter().chain(unasked).collect::<Vec<_>>().join(" ")
}

#[component]
fn Card(page: Page, id: String) -> impl IntoView {
    let known = id.clone();
    let line =
        Memo::new(move |before: Option<&MirrorLine>| page.line(&known).or_else(|| before.cloned()).unwrap_or_default());
    let state = Memo::new(move |_| line.with(|line| line.state));
    let complete = Memo::new(move |_| line.with(|line| line.complete));
    let (account, name) = line.with_untracked(|line| (line.account.clone(), line.name.clone()));
    let lagged = Memo::new(move |_| line.with(|line| (line.lag.clone(), line.objective_ms, line.state)));
    view! {
        <article class="mirror" data-mirror=id data-state=move || state_name(state.get())>
            <header>
                <h3><span>{account}" / "</span>{name}</h3>
                <b class="state"><i aria-hidden="true"></i>{move || state.get().words()}</b>
                <Acts page line />
            </header>
            <div class="told">
                <p class="why" data-testid="why">{move || line.with(|line| line.reason().to_owned())}</p>
                <p class="there">{move || line.with(origin)}</p>
            </div>
            <div class="figures">
                <section>
                    <h4>"Complete up to"</h4>
                    <p class="figure" data-testid="complete">
                        {move || complete.get().map_or("–".to_owned(), |complete| time::second(complete.until_unix_ms))}
                    </p>
                    <p class="under">{move || line.with(|line| listed(line.listed_unix_ms))}</p>
                </section>
                <section data-objective=move || complete.get().map(|complete| objective_name(complete.objective))>
                    <h4>"Behind now"</h4>
                    <p class="figure" data-testid="behind">{move || complete.get().map_or_else(
                        || view! { "–" }.into_any(),
                        |Complete { behind_ms, .. }| {
                            let (value, unit) = lasting(behind_ms);
                            view! { {value}<small>{unit}</small> }.into_any()
                        },
                    )}</p>
                    <div class="fill" aria-hidden="true"><i style=move || format!("width: {:.1}%", line.with(MirrorLine::used) * 100.0)></i></div>
                    <p class="under" data-testid="objective">{move || objective(complete.get(), line.with(|line| line.objective_ms))}</p>
                </section>
                <section class="lag">
                    <h4>"From a change there to here"</h4>
                    {move || lagged.with(|(lag, objective_ms, state)| lag::plot(lag, *objective_ms, *state))}
                </section>
            </div>
            <dl class="counts" title="Counted since it was taken up: attached, resumed, or started with the stack">{move || line.with(|line| counts(line).map(count))}</dl>
            {move || line.with(left_out).map(|said| view! { <p class="left-out">{said}</p> })}
        </article>
    }
}

/// What may be done, and before the end of a mirror how it is to end.
#[component]
fn Acts(page: Page, line: Memo<MirrorLine>) -> impl IntoView {
    let ends = RwSignal::new(false);
    let id = line.with_untracked(MirrorLine::id);
    let is_busy = Memo::new(move |_| page.busy.with(|busy| busy.as_ref() == Some(&id)));
    let act = move |act: MirrorAct| page.act(&line.get_untracked(), act);
    let paused = Memo::new(move |_| line.with(|line| line.state == MirrorState::Paused));
    move || {
        if ends.get() {
            return view! { <Ending line ends act /> }.into_any();
        }
        let follow = if paused.get() {
            view! { <button data-testid="resume" disabled=is_busy on:click=move |_| act(MirrorAct::Resume)>"Resume"</button> }.into_any()
        } else {
            view! { <button data-testid="pause" disabled=is_busy on:click=move |_| act(MirrorAct::Pause)>"Pause"</button> }.into_any()
        };
        view! {
            <div class="acts" aria-busy=move || is_busy.get().to_string()>
                {follow}
                <button
                    data-testid="relist"
                    title="Lists the origin again now, in place of when it is due"
                    disabled=move || is_busy.get() || paused.get()
                    on:click=move |_| act(MirrorAct::Relist)
                >
                    "List again"
                </button>
                <button data-testid="detach" disabled=is_busy on:click=move |_| ends.set(true)>"Detach"</button>
            </div>
        }
        .into_any()
    }
}

/// The question before a mirror ends. Its keys begin at what changes nothing, and Escape is that.
#[component]
fn Ending(
    line: Memo<MirrorLine>,
    ends: RwSignal<bool>,
    act: impl Fn(MirrorAct) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let keeps = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(button) = keeps.get() {
            // A button that is on the page takes the keys.
            let _ = button.focus();
        }
    });
    let end = move |how: MirrorAct| {
        ends.set(false);
        act(how);
    };
    let keys = move |event: ev::KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            event.prevent_default();
            ends.set(false);
        }
    };
    let blobs = move || match line.with(|line| line.blobs) {
        1 => "Its blob".to_owned(),
        blobs => format!("Its {} blobs", grouped(blobs as f64)),
    };
    view! {
        <div class="acts asks" role="group" aria-label="How the mirror ends" data-testid="ending" on:keydown=keys>
            <span>{blobs}</span>
            <button class="ends" data-testid="remove" title="The origin keeps them" on:click=move |_| end(MirrorAct::Remove)>"Go with it"</button>
            <button
                class="ends"
                data-testid="leave"
                title="Their container can be written then; what is not cached cannot be read"
                on:click=move |_| end(MirrorAct::Leave)
            >
                "Stay here"
            </button>
            <button node_ref=keeps data-testid="keep" on:click=move |_| ends.set(false)>"Keep the mirror"</button>
        </div>
    }
}

/// For style and for tests.
fn state_name(state: MirrorState) -> &'static str {
    match state {
        MirrorState::Listing => "listing",
        MirrorState::Following => "following",
        MirrorState::ByList => "by-list",
        MirrorState::Paused => "paused",
        MirrorState::Away => "away",
    }
}

fn objective_name(objective: Objective) -> &'static str {
    match objective {
        Objective::Met => "met",
        Objective::Missed => "missed",
    }
}

fn objective(complete: Option<Complete>, objective_ms: u64) -> String {
    let may_be = say_lasting(objective_ms);
    match complete.map(|complete| complete.objective) {
        None => format!("objective {may_be}"),
        Some(Objective::Met) => format!("✓ within its objective of {may_be}"),
        Some(Objective::Missed) => format!("✗ beyond its objective of {may_be}"),
    }
}

fn listed(unix_ms: Option<u64>) -> String {
    match unix_ms {
        Some(unix_ms) => format!("last listed whole at {}", time::second(unix_ms)),
        None => "not listed once yet".to_owned(),
    }
}

/// A name, a value, and what stands below it.
type Count = (&'static str, String, String);

fn counts(line: &MirrorLine) -> [Count; 6] {
    let count = |value: u64| grouped(value as f64);
    let bytes = |value: u64| Unit::Bytes.say(value as f64);
    let counts = &line.counts;
    let measured = line.canary.and_then(|canary| canary.lag_ms);
    let canary = measured.map_or("–".to_owned(), |ms| Unit::Milliseconds.say(ms as f64));
    let written = line.canary.map_or("none is written there".to_owned(), |canary| {
        format!("one there every {}", say_lasting(canary.every_ms))
    });
    [
        ("Events behind", count(line.events_behind), format!("{} reads of the feed", count(counts.feed_reads))),
        ("Canary", canary, written),
        ("Blobs", count(line.blobs), format!("{} written, {} removed", count(counts.put), count(counts.gone))),
        ("Cached", bytes(line.cached_bytes), format!("of {}", bytes(line.cache_bytes_max))),
        ("Read there", count(counts.reads), bytes(counts.bytes_read)),
        ("Lists", count(counts.lists), format!("{} to their end, {} gaps", count(counts.rounds), count(counts.gaps))),
    ]
}

fn count((name, value, under): Count) -> impl IntoView {
    view! { <div><dt>{name}</dt><dd>{value}</dd><dd class="under">{under}</dd></div> }
}

fn left_out(line: &MirrorLine) -> Option<String> {
    let reasons: Vec<_> =
        line.left_out.iter().map(|(why, count)| format!("{} ({})", grouped(*count as f64), why)).collect();
    (!reasons.is_empty()).then(|| format!("Left out: {}", reasons.join(", ")))
}

/// From where to where.
fn origin(line: &MirrorLine) -> String {
    let there = if line.origin.is_empty() { "an origin that cannot be told" } else { &line.origin };
    if line.containers.is_empty() { there.to_owned() } else { format!("{there}  →  {}", line.containers.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_is_said_with_whether_it_is_met() {
        let complete = |objective| Some(Complete { until_unix_ms: 1, behind_ms: 1, objective });
        for (complete, said) in [
            (None, "objective 10 s"),
            (complete(Objective::Met), "✓ within its objective of 10 s"),
            (complete(Objective::Missed), "✗ beyond its objective of 10 s"),
        ] {
            assert_eq!(objective(complete, 10_000), said);
        }
    }

    #[test]
    fn what_is_left_out_is_said_with_its_reason_and_nothing_says_nothing() {
        let mut line = MirrorLine::default();
        assert_eq!(left_out(&line), None);
        line.left_out.insert("page and append blobs".into(), 3);
        line.left_out.insert("names that cannot be here".into(), 1);
        assert_eq!(
            left_out(&line).expect("some"),
            "Left out: 1 (names that cannot be here), 3 (page and append blobs)"
        );
    }

    #[test]
    fn the_page_says_what_it_does_not_show() {
        assert_eq!(cut_off(&Mirrors::default()), "");
        let cut = Mirrors { more: 2, unasked: 5, ..Mirrors::default() };
        assert_eq!(cut_off(&cut), "2 mirrors more are not shown. 5 accounts more were not asked.");
    }
}
