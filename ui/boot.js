// Starts the page's program. A file of its own: the content security policy allows no script within the page.
const view = new URLSearchParams(location.search).get("view") === "audience" ? "audience" : "presenter";
const { default: init } = await import(`./greenroom-${view}.js`);
init({ module_or_path: `./greenroom-${view}_bg.wasm` });
