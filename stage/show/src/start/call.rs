//! What the start page asks.

use super::doctor::Examination;
use super::settings::{Retention, Settings};
use super::{Draft, Lobby};
use crate::call::calls;
use crate::deck::Level;
use serde::{Deserialize, Serialize};

calls! {
    /// Every call of the start page. The presenter's window makes those of settings, and no other.
    Start(StartRequest):

    /// What there is, as far as it is known yet.
    ReadLobby {} -> Lobby;
    /// A deck as it is on disk now.
    ReadDraft { folder: String, deck: String } -> Draft;
    /// Opens the project that a folder or a file is, or is in.
    OpenFolder { path: String } -> ();
    /// Takes a folder off the list of those that were open; nothing in it changes.
    ForgetFolder { path: String } -> ();
    /// Makes a talk that runs as it is, or a copy of another. Answers the name of its folder.
    NewTalk { name: String, from: Option<String> } -> String;
    NewDemo { name: String } -> String;
    /// Opens the user's editor. Answers what was started.
    EditFile { folder: String, file: String, line: usize } -> String;
    ExportTalk { folder: String, deck: String, form: String, level: Level } -> ();
    ExportTake { folder: String, id: String, form: String } -> ();
    CancelJob {} -> ();
    /// Opens the folder of exports where the desktop shows files.
    ShowExports {} -> ();
    FetchTool { name: String } -> ();
    Examine {} -> Examination;
    /// Puts the report of an examination on the clipboard.
    CopyReport {} -> ();
    ReadSettings {} -> Settings;
    WriteSettings { settings: Settings } -> ();
    /// What is kept of the takes of the project that is open.
    ReadRetention {} -> Retention;
    WriteRetention { retention: Retention } -> ();
}
