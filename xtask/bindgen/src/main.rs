//! Turns the UI's wasm into modules and the glue that a webview loads: `greenroom-bindgen OUT_DIR WASM…`.
//! Knows nothing of cargo, of folders or of freshness. A crate of its own because what it links takes half a minute to
//! compile, which `cargo xtask doctor` should not have to wait for.

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let Some((out_dir, programs)) = arguments.split_first().filter(|(_, programs)| !programs.is_empty()) else {
        eprintln!("usage: greenroom-bindgen OUT_DIR WASM…");
        return ExitCode::FAILURE;
    };
    for wasm in programs {
        // Names of functions take two fifths of the file, and only a debugger reads them: what panics says where it stands.
        let bound = Bindgen::new().input_path(wasm).web(true).and_then(|web| {
            web.typescript(false).remove_name_section(true).remove_producers_section(true).generate(out_dir)
        });
        if let Err(error) = bound {
            eprintln!("bind {}: {error:#}", wasm.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
