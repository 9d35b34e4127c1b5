// Starts the page. A file of its own: the content security policy allows no script within the page.
import init from "./greenroom-ui.js";
init({ module_or_path: "./greenroom-ui_bg.wasm" });
