//! The start page: talks as cards, demos, takes, what is set, and what this machine has. All of it by mouse or by keys.

mod cards;
mod dialog;
mod draft;
mod keys;
mod machine;
mod settings;

use crate::{bridge, presenter::polled::Polled};
use greenroom_show::{
    call::{
        Call,
        window::{ChooseFolder, Face, OpenShow, Staged},
    },
    deck::Theme,
    start::{
        self, CancelJob, Job, Lobby, Origin, ReadLobby, ReadSettings, Said, Shelf, ShowExports, settings::Settings,
    },
};
use leptos::{prelude::*, task::spawn_local};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Talks,
    Demos,
    Takes,
    Settings,
    Machine,
}

impl Section {
    pub const ALL: [Section; 5] = [Section::Talks, Section::Demos, Section::Takes, Section::Settings, Section::Machine];

    fn title(self) -> &'static str {
        match self {
            Section::Talks => "Talks",
            Section::Demos => "Demos",
            Section::Takes => "Takes",
            Section::Settings => "Settings",
            Section::Machine => "This machine",
        }
    }

    fn count(self, lobby: &Lobby) -> Option<usize> {
        match self {
            Section::Talks => Some(lobby.shelves.iter().map(|shelf| shelf.talks.len()).sum()),
            Section::Demos => Some(lobby.shelves.iter().map(|shelf| shelf.demos.len()).sum()),
            Section::Takes => Some(lobby.takes.len() + lobby.more_takes),
            Section::Settings | Section::Machine => None,
        }
    }
}

/// What lies over the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    NewTalk { from: Option<String> },
    NewDemo,
    OpenFolder,
    Export(Leaving),
    Draft { folder: String, deck: String },
    Help,
}

/// What is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    Talk { folder: String, deck: String, title: String },
    Take { folder: String, id: String, title: String },
}

/// The state of this page, and what its buttons and keys do.
#[derive(Clone, Copy)]
pub struct Page {
    lobby: Polled<Lobby>,
    pub section: RwSignal<Section>,
    pub over: RwSignal<Option<Over>>,
    /// What is looked for.
    pub wanted: RwSignal<String>,
    /// Why the last call did nothing, or what it did.
    pub said: RwSignal<Option<Said>>,
    /// What is being opened.
    opening: RwSignal<Option<String>>,
    settings: RwSignal<Settings>,
}

impl Page {
    /// Again whenever what was told changes.
    fn of<T: PartialEq + Send + Sync + 'static>(
        self,
        read: impl Fn(&Lobby) -> T + Send + Sync + 'static,
    ) -> Memo<Option<T>> {
        Memo::new(move |_| self.lobby.look(&read))
    }

    /// Calls, and says why where that fails.
    pub fn ask<C: Call + 'static>(self, call: C, then: impl FnOnce(C::Reply) + 'static) {
        spawn_local(async move {
            match bridge::call(call).await {
                Ok(reply) => {
                    then(reply);
                    self.lobby.ask(ReadLobby {});
                }
                Err(error) => self.fail(error.to_string()),
            }
        });
    }

    pub fn fail(self, text: String) {
        // The page may have gone meanwhile.
        let _ = self.said.try_set(Some(Said { text, failed: true }));
    }

    pub fn tell(self, text: String) {
        let _ = self.said.try_set(Some(Said { text, failed: false }));
    }

    pub fn put_on_stage(self, folder: String, title: &str, what: Staged, face: Face) {
        if self.opening.get_untracked().is_some() {
            return;
        }
        self.said.set(None);
        self.opening.set(Some(title.to_owned()));
        spawn_local(async move {
            let opened = bridge::call(OpenShow { folder, what, face }).await;
            let _ = self.opening.try_set(None);
            if let Err(error) = opened {
                self.fail(error.to_string());
            }
        });
    }

    /// By the desktop's own dialog.
    pub fn choose_folder(self) {
        self.ask(ChooseFolder {}, move |chosen| {
            if let Some(path) = chosen {
                self.open_folder(path);
            }
        });
    }

    pub fn open_folder(self, path: String) {
        self.ask(start::OpenFolder { path }, move |()| {
            self.over.set(None);
            self.section.set(Section::Talks);
            self.wanted.set(String::new());
        });
    }

    pub fn edit(self, folder: String, file: String, line: usize) {
        let shown = file.clone();
        self.ask(start::EditFile { folder, file, line }, move |program| {
            self.tell(format!("{shown} is open in {program}"))
        });
    }

    fn keep(self, settings: Settings) {
        let kept = settings.clone();
        spawn_local(async move {
            match bridge::call(start::WriteSettings { settings }).await {
                Ok(()) => {
                    let _ = self.settings.try_set(kept);
                    let _ = self.said.try_set(None);
                }
                Err(error) => self.fail(error.to_string()),
            }
        });
    }
}

#[component]
pub fn StartPage(theme: RwSignal<Option<Theme>>) -> impl IntoView {
    let page = Page {
        lobby: Polled::of(|| ReadLobby {}),
        section: RwSignal::new(Section::Talks),
        over: RwSignal::new(None),
        wanted: RwSignal::new(String::new()),
        said: RwSignal::new(None),
        opening: RwSignal::new(None),
        settings: RwSignal::new(Settings::default()),
    };
    provide_context(page);
    spawn_local(async move {
        match bridge::call(ReadSettings {}).await {
            Ok(settings) => page.settings.set(settings),
            Err(error) => page.fail(error.to_string()),
        }
    });
    Effect::new(move || theme.set(page.settings.read().theme));
    keys::listen(page);
    let over = move || match page.over.get() {
        None => ().into_any(),
        Some(Over::NewTalk { from }) => view! { <dialog::New kind=dialog::Kind::Talk from /> }.into_any(),
        Some(Over::NewDemo) => view! { <dialog::New kind=dialog::Kind::Demo from=None /> }.into_any(),
        Some(Over::OpenFolder) => view! { <dialog::Open /> }.into_any(),
        Some(Over::Export(leaving)) => view! { <dialog::Export leaving /> }.into_any(),
        Some(Over::Draft { folder, deck }) => view! { <draft::Desk folder deck /> }.into_any(),
        Some(Over::Help) => view! { <keys::Help /> }.into_any(),
    };
    let body = move || match page.section.get() {
        Section::Talks => view! { <cards::Talks /> }.into_any(),
        Section::Demos => view! { <cards::Demos /> }.into_any(),
        Section::Takes => view! { <cards::Takes /> }.into_any(),
        Section::Settings => view! { <settings::Page /> }.into_any(),
        Section::Machine => view! { <machine::Page /> }.into_any(),
    };
    let opening = move || {
        page.opening.get().map(|title| {
            view! { <div class="overlay opening" role="status"><p>"Opening " <b>{title}</b></p></div> }
        })
    };
    view! {
        <main class="start" data-testid="start" data-section=move || page.section.get().title()>
            <Rail />
            <section class="room">{body}</section>
            <Foot />
            {over}
            {opening}
            <div class="drop" aria-hidden="true"><p>"Drop a folder to open it"</p></div>
        </main>
    }
}

/// What there is, and which project it is of.
#[component]
fn Rail() -> impl IntoView {
    let page = expect_context::<Page>();
    let links: Vec<_> = Section::ALL
        .into_iter()
        .enumerate()
        .map(|(index, section)| {
            let count = page.of(move |lobby| section.count(lobby));
            view! {
                <button
                    data-section=section.title()
                    aria-current=move || (page.section.get() == section).then_some("page")
                    on:click=move |_| page.section.set(section)
                >
                    <span>{section.title()}</span>
                    {move || count.get().flatten().map(|count| view! { <i>{count}</i> })}
                    <kbd>{index + 1}</kbd>
                </button>
            }
        })
        .collect();
    let project = page.of(|lobby| lobby.shelves.first().map(|shelf| (shelf.folder.shown.clone(), shelf.origin)));
    view! {
        <nav class="rail">
            <h1><i class="light" aria-hidden="true"></i>"Greenroom"</h1>
            <div class="links">{links}</div>
            <div class="project">
                <h2>"Project"</h2>
                {move || project.get().flatten().map(|(shown, origin)| view! {
                    <p class="path" title=shown.clone()>{breaks(&shown)}</p>
                    <p class="whose">{whose(origin)}</p>
                })}
                <button on:click=move |_| page.over.set(Some(Over::OpenFolder)) data-testid="open-folder">"Open folder" <kbd>"O"</kbd></button>
            </div>
        </nav>
    }
}

/// A path may break after each folder.
fn breaks(path: &str) -> String {
    path.replace('/', "/\u{200b}")
}

pub fn whose(origin: Origin) -> &'static str {
    match origin {
        Origin::Own => "Yours",
        Origin::Example => "Came with Greenroom: copy one to change it",
        Origin::ReadOnly => "Read-only: show it, or copy a talk to change it",
    }
}

/// What is under way or was just said, and what the keys do.
#[component]
fn Foot() -> impl IntoView {
    let page = expect_context::<Page>();
    let told = page.of(|lobby| (lobby.job.clone(), lobby.said.clone()));
    let line = move || {
        let (job, came_to) = told.get().unwrap_or_default();
        match (job, page.said.get(), came_to) {
            (Some(job), ..) => view! { <Progress job /> }.into_any(),
            (None, Some(said), _) | (None, None, Some(said)) => {
                let shows = (!said.failed && said.text.starts_with("Written")).then(|| {
                    view! { <button on:click=move |_| page.ask(ShowExports {}, |()| ())>"Show in folder"</button> }
                });
                let role = if said.failed { "alert" } else { "status" };
                view! { <p class="said" class:failed=said.failed role=role data-testid="said">{said.text}</p>{shows} }
                    .into_any()
            }
            (None, None, None) => ().into_any(),
        }
    };
    view! {
        <footer>
            <div class="told">{line}</div>
            <p class="hints">{move || keys::hints(page.section.get())}</p>
        </footer>
    }
}

#[component]
fn Progress(job: Job) -> impl IntoView {
    let page = expect_context::<Page>();
    let Job { what, share } = job;
    let percent = share.map(|share| format!(": {} %", (share * 100.0).round())).unwrap_or_default();
    view! {
        <p class="said" role="status" data-testid="job">{what}{percent}</p>
        <progress max="1" value=share></progress>
        <button on:click=move |_| page.ask(CancelJob {}, |()| ())>"Cancel"</button>
    }
}

/// Whether any of the words holds what is looked for.
pub fn is_wanted(wanted: &str, words: &[&str]) -> bool {
    let wanted = wanted.trim().to_lowercase();
    wanted.split_whitespace().all(|part| words.iter().any(|word| word.to_lowercase().contains(part)))
}

/// What stands above the shelf of another project.
pub fn heading(index: usize, shelf: &Shelf) -> Option<String> {
    (index > 0).then(|| match shelf.origin {
        Origin::Example => "Examples".to_owned(),
        Origin::Own | Origin::ReadOnly => shelf.folder.shown.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_found_by_any_of_its_words() {
        for (wanted, found) in [("", true), ("azc", true), ("BLOB azc", true), ("azc nothing", false), ("  ", true)] {
            assert_eq!(is_wanted(wanted, &["Bring your own AzCopy", "azcopy-into-blob"]), found, "{wanted}");
        }
    }
}
