//! Programs of others that demos and exports run: what each is for, and how one comes by it. Nothing is fetched unless somebody says so.

use crate::editor::on_path;
use crate::http;
use crate::places::{Home, Places};
use crate::tool;
use crate::version::{Found, Versions};
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures::StreamExt as _;
use greenroom_show::start::doctor::{Offer, Tool};
use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Of an archive, and of the program in it.
const BYTES_MAX: u64 = 512 << 20;
/// A server that sends nothing for so long has gone.
const SILENT_MAX: Duration = Duration::from_secs(30);

/// A program, as this system comes by it.
#[derive(Debug, Clone, Copy)]
struct Kit {
    name: &'static str,
    title: &'static str,
    why: &'static str,
    source: Source,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// Its maker's own link to the release of today, and what that tells when it is asked for its version.
    Maker {
        link: &'static str,
        maker: &'static str,
        about_bytes: u64,
        licence: &'static str,
        tells: &'static str,
    },
    /// By the system's packages.
    Package {
        names: [(&'static str, &'static str); 4],
        about_bytes: u64,
    },
    None,
}

const MIB: u64 = 1 << 20;

/// All that there are; a new one is a row.
const KITS: [Kit; 2] = [
    Kit {
        name: "azcopy",
        title: "AzCopy",
        why: "the demos move data with it, as the audience does; without it the built-in mover does, and says so on stage",
        source: AZCOPY,
    },
    Kit {
        name: "ffmpeg",
        title: "ffmpeg",
        why: "films of takes (mp4, webm, gif, webp) are made by it; pages, PDF, PowerPoint, tables and casts need nothing",
        source: Source::Package {
            names: [
                ("apt", "sudo apt install ffmpeg"),
                ("dnf", "sudo dnf install ffmpeg-free"),
                ("pacman", "sudo pacman -S ffmpeg"),
                ("brew", "brew install ffmpeg"),
            ],
            about_bytes: 130 * MIB,
        },
    },
];

const AZCOPY: Source = {
    let link = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        "https://aka.ms/downloadazcopy-v10-linux"
    } else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
        "https://aka.ms/downloadazcopy-v10-linux-arm64"
    } else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        "https://aka.ms/downloadazcopy-v10-mac-arm64"
    } else if cfg!(target_os = "macos") {
        "https://aka.ms/downloadazcopy-v10-mac"
    } else if cfg!(target_os = "windows") {
        "https://aka.ms/downloadazcopy-v10-windows"
    } else {
        ""
    };
    if link.is_empty() {
        Source::None
    } else {
        Source::Maker { link, maker: "Microsoft", about_bytes: 25 * MIB, licence: "MIT", tells: "azcopy version 10." }
    }
};

#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("there is no tool '{name}'; there are: {}", KITS.map(|kit| kit.name).join(", "))]
    Unknown { name: String },
    #[error("{title} is not fetched from here: {how}")]
    NotFetched { title: &'static str, how: String },
    #[error(
        "{link} cannot be had: {why}; a file that was fetched elsewhere can be put in place with 'greenroom tools add {name} FILE'"
    )]
    Network { name: &'static str, link: String, why: String },
    #[error("what came is not {title}: {why}; nothing was changed")]
    Wrong { title: &'static str, why: String },
    #[error("it was cancelled, and nothing was changed")]
    Cancelled,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

/// All tools: which are here, of which version, and what is offered of the others.
pub async fn look(places: &Places, versions: &Versions) -> Vec<Tool> {
    let mut tools = Vec::new();
    for kit in KITS {
        let path = tool::find(places, kit.name);
        let version = match &path {
            Some(program) => {
                let asked = Some(vec![if kit.name == "ffmpeg" { "-version" } else { "--version" }.to_owned()]);
                Some(versions.of(&Found { program: program.clone(), asked }).await)
            }
            None => None,
        };
        tools.push(Tool {
            name: kit.name.into(),
            title: kit.title.into(),
            path: path.map(|path| path.display().to_string()),
            version,
            why: kit.why.into(),
            offer: offer(&kit, &|name| on_path(name).is_some()),
        });
    }
    tools
}

fn offer(kit: &Kit, is_here: &dyn Fn(&str) -> bool) -> Offer {
    match kit.source {
        Source::Maker { maker, about_bytes, licence, .. } => {
            Offer::Fetch { from: maker.into(), about_bytes, licence: licence.into() }
        }
        Source::Package { names, about_bytes } => match names.iter().find(|(program, _)| is_here(program)) {
            Some((_, line)) => Offer::Package { line: (*line).into(), about_bytes },
            None => Offer::Nowhere { why: format!("install {} as this system installs programs", kit.title) },
        },
        Source::None => Offer::Nowhere { why: format!("{} is not made for this system", kit.title) },
    }
}

fn kit(name: &str) -> Result<Kit, ToolError> {
    KITS.into_iter().find(|kit| kit.name == name).ok_or_else(|| ToolError::Unknown { name: name.to_owned() })
}

/// Fetches a tool from its maker and puts it in place for this user. `progress` hears which share has come, where that is known, and may break it off.
pub async fn fetch(
    home: &Home,
    name: &str,
    progress: &mut (dyn FnMut(Option<f64>) -> ControlFlow<()> + Send),
) -> Result<PathBuf, ToolError> {
    let kit = kit(name)?;
    let Source::Maker { link, .. } = kit.source else {
        let how = match offer(&kit, &|name| on_path(name).is_some()) {
            Offer::Package { line, .. } => line,
            Offer::Fetch { .. } | Offer::Nowhere { .. } => "install it as this system installs programs".into(),
        };
        return Err(ToolError::NotFetched { title: kit.title, how });
    };
    let client = http::client().https_only(true).read_timeout(SILENT_MAX).connect_timeout(SILENT_MAX).build();
    let client = client.map_err(|error| network(&kit, link, &error))?;
    let archive = load(&client, &kit, link, progress).await?;
    put(home, kit, archive).await
}

/// Puts a tool in place from a file: the program itself, or the archive that its maker hands out.
pub async fn add(home: &Home, name: &str, file: &Path) -> Result<PathBuf, ToolError> {
    let kit = kit(name)?;
    let io = |source| ToolError::Io { path: file.to_owned(), source };
    if tokio::fs::metadata(file).await.map_err(io)?.len() > BYTES_MAX {
        return Err(ToolError::Wrong {
            title: kit.title,
            why: format!("{} is larger than {BYTES_MAX} bytes", file.display()),
        });
    }
    let archive = tokio::fs::read(file).await.map_err(io)?;
    put(home, kit, archive).await
}

fn network(kit: &Kit, link: &str, error: &reqwest::Error) -> ToolError {
    // What is behind it tells more than "error sending request".
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        why = inner.to_string();
        source = inner.source();
    }
    ToolError::Network { name: kit.name, link: link.to_owned(), why }
}

async fn load(
    client: &reqwest::Client,
    kit: &Kit,
    link: &str,
    progress: &mut (dyn FnMut(Option<f64>) -> ControlFlow<()> + Send),
) -> Result<Vec<u8>, ToolError> {
    let answer = client.get(link).send().await.and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(|error| network(kit, link, &error))?;
    let length = answer.content_length();
    let (mut parts, mut archive) = (answer.bytes_stream(), Vec::new());
    loop {
        let share = length.filter(|length| *length > 0).map(|length| archive.len() as f64 / length as f64);
        if progress(share).is_break() {
            return Err(ToolError::Cancelled);
        }
        // A wait is short enough to be broken off.
        let part: Option<Result<Bytes, _>> = match tokio::time::timeout(Duration::from_millis(200), parts.next()).await
        {
            Ok(part) => part,
            Err(_) => continue,
        };
        match part.transpose().map_err(|error| network(kit, link, &error))? {
            Some(part) if (archive.len() + part.len()) as u64 <= BYTES_MAX => archive.extend_from_slice(&part),
            Some(_) => {
                return Err(ToolError::Wrong { title: kit.title, why: format!("it has more than {BYTES_MAX} bytes") });
            }
            None => return Ok(archive),
        }
    }
}

/// It runs before it takes the place of another.
async fn put(home: &Home, kit: Kit, archive: Vec<u8>) -> Result<PathBuf, ToolError> {
    let folder = home.tools().join(kit.name);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ToolError::Io { path: path.clone(), source }
    };
    let program =
        tokio::task::spawn_blocking(move || unpacked(kit, archive)).await.expect("unpacking does not panic")?;
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    let beside = tempfile::Builder::new().prefix(".new-").tempdir_in(&folder).map_err(io(&folder))?;
    let fresh = beside.path().join(kit.name);
    std::fs::write(&fresh, program).map_err(io(&fresh))?;
    let_run(&fresh).map_err(io(&fresh))?;
    if let Source::Maker { tells, .. } = kit.source {
        let told =
            Versions::default().of(&Found { program: fresh.clone(), asked: Some(vec!["--version".into()]) }).await;
        if !told.starts_with(tells) {
            let why = format!("asked for its version, it does not say '{tells}…' but '{told}'");
            return Err(ToolError::Wrong { title: kit.title, why });
        }
    }
    let place = folder.join(kit.name);
    std::fs::rename(&fresh, &place).map_err(io(&place))?;
    Ok(place)
}

#[cfg(unix)]
fn let_run(program: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755))
}

/// What runs there is told by its name.
#[cfg(not(unix))]
fn let_run(_program: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The program in what a maker hands out: a tar, a zip, or the program itself. Of an archive nothing but that file is read.
fn unpacked(kit: Kit, archive: Vec<u8>) -> Result<Vec<u8>, ToolError> {
    let wrong = |why: String| ToolError::Wrong { title: kit.title, why };
    let is_it = |path: &Path| {
        path.file_stem().is_some_and(|stem| stem == kit.name) && path.extension().is_none_or(|end| end == "exe")
    };
    let absent = || wrong(format!("no file in it is called {}", kit.name));
    let whole = |file: &mut dyn Read| {
        let mut program = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut program).map_err(|error| wrong(error.to_string()))?;
        if program.len() as u64 > BYTES_MAX {
            Err(wrong(format!("it has more than {BYTES_MAX} bytes")))
        } else {
            Ok(program)
        }
    };
    match archive.get(..4) {
        Some([0x1f, 0x8b, ..]) => {
            let mut tar = tar::Archive::new(GzDecoder::new(archive.as_slice()).take(4 * BYTES_MAX));
            for file in tar.entries().map_err(|error| wrong(error.to_string()))? {
                let mut file = file.map_err(|error| wrong(error.to_string()))?;
                let path = file.path().map_err(|error| wrong(error.to_string()))?.into_owned();
                if is_it(&path) && file.header().entry_type().is_file() {
                    return whole(&mut file);
                }
            }
            Err(absent())
        }
        Some(b"PK\x03\x04") => {
            let mut zip = zip::ZipArchive::new(Cursor::new(archive)).map_err(|error| wrong(error.to_string()))?;
            let is_named = |zip: &mut zip::ZipArchive<_>, index| {
                zip.by_index(index).is_ok_and(|file| file.name().is_ok_and(|name| is_it(Path::new(name.as_ref()))))
            };
            let index = (0..zip.len()).find(|index| is_named(&mut zip, *index)).ok_or_else(absent)?;
            let mut file = zip.by_index(index).map_err(|error| wrong(error.to_string()))?;
            whole(&mut file)
        }
        Some(b"\x7fELF" | [0xcf, 0xfa, 0xed, 0xfe] | [b'M', b'Z', ..] | [b'#', b'!', ..]) => Ok(archive),
        _ => Err(wrong("it is no archive and no program".into())),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn packed(name: &str, program: &[u8]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, content) in [("azcopy_linux_amd64_10.99/NOTICE.txt", &b"words"[..]), (name, program)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, path, content).expect("packed");
        }
        tar.into_inner().and_then(GzEncoder::finish).expect("packed")
    }

    fn zipped(name: &str, program: &[u8]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("begun");
        zip.write_all(program).expect("written");
        zip.finish().expect("zipped").into_inner()
    }

    const GOOD: &[u8] = b"#!/bin/sh\necho azcopy version 10.99.0\n";

    #[tokio::test]
    async fn a_tool_is_put_in_place_from_whatever_its_maker_hands_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::find(Some(folder.path().join("home of one"))).expect("a home");
        let file = folder.path().join("azcopy.download");
        for archive in [packed("azcopy_linux_amd64_10.99/azcopy", GOOD), zipped("x/azcopy", GOOD), GOOD.to_vec()] {
            std::fs::write(&file, archive).expect("written");
            let place = add(&home, "azcopy", &file).await.expect("put in place");
            assert_eq!(std::fs::read(&place).expect("there"), GOOD);
            let beside: Vec<_> = std::fs::read_dir(place.parent().expect("a folder")).expect("there").collect();
            assert_eq!(beside.len(), 1, "nothing is left beside it");
        }
        let places = Places::of(&folder.path().join("project"), &home);
        let tools = look(&places, &Versions::default()).await;
        assert_eq!(tools[0].version.as_deref(), Some("azcopy version 10.99.0"), "{tools:?}");
    }

    #[tokio::test]
    async fn what_is_not_the_tool_takes_no_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::find(Some(folder.path().to_owned())).expect("a home");
        let file = folder.path().join("download");
        let other = b"#!/bin/sh\necho something else\n";
        for (content, said) in [
            (packed("a/other", GOOD), "no file in it is called azcopy"),
            (packed("a/azcopy.txt", GOOD), "no file in it is called azcopy"),
            (packed("a/azcopy", other), "something else"),
            (b"<html>sign in first</html>".to_vec(), "no archive and no program"),
            (packed("a/azcopy", GOOD)[..40].to_vec(), "not AzCopy"),
            (vec![], "no archive and no program"),
        ] {
            std::fs::write(&file, content).expect("written");
            let error = add(&home, "azcopy", &file).await.expect_err("refused").to_string();
            assert!(error.contains(said), "{said}: {error}");
            assert!(!home.tools().join("azcopy/azcopy").exists());
        }
        assert!(matches!(add(&home, "nothing", &file).await, Err(ToolError::Unknown { .. })));
        let ffmpeg =
            fetch(&home, "ffmpeg", &mut |_| ControlFlow::Continue(())).await.expect_err("a package").to_string();
        assert!(ffmpeg.contains("ffmpeg"), "{ffmpeg}");
    }

    /// One answer, to whoever asks; then nothing more comes.
    async fn serve(answer: Vec<u8>) -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let link = format!("http://{}/azcopy", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.expect("somebody asks");
            let mut asked = [0; 1024];
            let bytes = client.read(&mut asked).await.expect("a request");
            assert!(asked[..bytes].starts_with(b"GET /azcopy "));
            client.write_all(&answer).await.expect("sent");
            std::future::pending::<()>().await;
        });
        link
    }

    #[tokio::test]
    async fn what_comes_is_told_by_its_share_and_can_be_broken_off() {
        let kit = kit("azcopy").expect("known");
        let client = http::client().build().expect("a client");
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";
        let link = serve(format!("{head}12345678").into_bytes()).await;
        let mut shares = Vec::new();
        let mut hear = |share| {
            shares.extend(share);
            ControlFlow::Continue(())
        };
        let archive = load(&client, &kit, &link, &mut hear).await;
        assert_eq!(archive.expect("all of it"), b"12345678");
        assert_eq!((shares.first(), shares.last()), (Some(&0.0), Some(&1.0)), "{shares:?}");

        let link = serve(format!("{head}1234").into_bytes()).await;
        let mut asked = 0;
        let mut hear = |_| {
            asked += 1;
            if asked < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let broken = load(&client, &kit, &link, &mut hear).await;
        assert!(matches!(broken, Err(ToolError::Cancelled)));
        let link = serve(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
        let error =
            load(&client, &kit, &link, &mut |_| ControlFlow::Continue(())).await.expect_err("not found").to_string();
        assert!(error.contains("404") && error.contains("greenroom tools add azcopy FILE"), "{error}");
    }
}
