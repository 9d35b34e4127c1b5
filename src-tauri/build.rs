//! Embeds the page, and names the three commands that it may send: what is not listed cannot be allowed to a window.

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&["call", "subscribe", "acknowledge"]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands))
        .expect("the shell's configuration is sound");
}
