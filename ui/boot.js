// Starts the page's program. A file of its own: the content security policy allows no script within the page.
const asked = new URLSearchParams(location.search).get("view");
const view = ["audience", "start"].includes(asked) ? asked : "presenter";
const { default: init } = await import(`./greenroom-${view}.js`);
init({ module_or_path: `./greenroom-${view}_bg.wasm` });
