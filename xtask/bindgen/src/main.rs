//! Turns the UI's wasm into the module and the glue that a webview loads: `greenroom-bindgen WASM OUT_DIR`.
//! Knows nothing of cargo, of folders or of freshness. A crate of its own because what it links takes half a minute to
//! compile, which `cargo xtask doctor` should not have to wait for.

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [wasm, out_dir] = arguments.as_slice() else {
        eprintln!("usage: greenroom-bindgen WASM OUT_DIR");
        return ExitCode::FAILURE;
    };
    let bound = Bindgen::new().input_path(wasm).web(true).and_then(|web| web.typescript(false).generate(out_dir));
    let Err(error) = bound else { return ExitCode::SUCCESS };
    eprintln!("bind {}: {error:#}", wasm.display());
    ExitCode::FAILURE
}
