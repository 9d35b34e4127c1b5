//! `segment`: a small reader of what lies in the cloud, written from docs/OFFLOAD_FORMAT.md and from nothing else, so that the document is
//! known to suffice. It shares no code with what writes segments.

use crate::args;
use crate::fault::Fault;
use crate::offload::target::{Secret, Target};
use crate::token::to_hex;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytesize::ByteSize;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

/// It was read, and is not what was written.
const DAMAGED: u8 = 3;
const HEADER: usize = 64;
const TRAILER: usize = 40;
const CHUNK_HEADER: usize = 92;
const DOCUMENT_HEAD: usize = 32;
const HASH: usize = 32;
/// Those that this reader knows: none, and that some of it may be sealed.
const FEATURES: [&[u8]; 2] = [&[0; 4], &[1, 0, 0, 0]];
const KEY_CONTEXT: &str = "greenroom offload v1 chunk id";

#[derive(Debug, Deserialize)]
struct Footer {
    chunks: Vec<Chunk>,
    #[serde(default)]
    borrowed: Vec<Borrowed>,
    recipes: Vec<Recipe>,
}

#[derive(Debug, Clone, Deserialize)]
struct Chunk {
    offset: u64,
    stored: u64,
    raw: u64,
    codec: String,
    #[serde(default)]
    cipher: Option<String>,
    id: String,
}

#[derive(Debug, Deserialize)]
struct Borrowed {
    segment: String,
    #[serde(flatten)]
    chunk: Chunk,
}

#[derive(Debug, Deserialize)]
struct Recipe {
    #[serde(flatten)]
    label: Label,
    length: u64,
    #[serde(default)]
    parts: Vec<(usize, u64, u64)>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Named { key: Key, etag: String },
    Sealed { tenant: String, sealed: String },
}

impl Label {
    fn tenant(&self) -> &str {
        match self {
            Label::Named { key, .. } => &key.tenant,
            Label::Sealed { tenant, .. } => tenant,
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Named { key, .. } => key.fmt(f),
            Label::Sealed { tenant, sealed } => write!(f, "what is sealed by key {} of {tenant}", key_of(sealed)),
        }
    }
}

/// The id of the data key, of what is sealed.
fn key_of(sealed: &str) -> String {
    let bytes = BASE64_STANDARD.decode(sealed).unwrap_or_default();
    to_hex(bytes.get(..16).unwrap_or_default())
}

#[derive(Debug, Deserialize)]
struct Key {
    tenant: String,
    account: String,
    #[serde(default)]
    container: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    snapshot: Option<String>,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.container, self.name)?;
        self.snapshot.as_ref().map_or(Ok(()), |snapshot| write!(f, "?snapshot={snapshot}"))
    }
}

#[derive(Debug, Deserialize)]
struct Format {
    id_key: String,
}

/// A volume's folder, and the segment in it that is meant.
struct Place {
    store: std::sync::Arc<dyn ObjectStore>,
    root: Path,
    segment: String,
}

pub async fn run(what: &args::Segment) -> Result<ExitCode, Fault> {
    match what {
        args::Segment::Ls(at) => {
            let place = Place::open(at)?;
            let bytes = place.get(&place.segment).await?;
            let footer = footer(&bytes).map_err(|why| bad(&at.url, why))?;
            for recipe in &footer.recipes {
                let etag = match &recipe.label {
                    Label::Named { etag, .. } => etag,
                    Label::Sealed { .. } => "sealed",
                };
                println!("{:>12}  {etag:<20}  {}", recipe.length, recipe.label);
            }
            let (chunks, borrowed) = (footer.chunks.len(), footer.borrowed.len());
            let raw: u64 = footer.chunks.iter().map(|chunk| chunk.raw).sum();
            println!(
                "{} recipes; {chunks} chunks of {} in {}, {borrowed} borrowed from other segments",
                footer.recipes.len(),
                ByteSize(raw),
                ByteSize(bytes.len() as u64)
            );
            Ok(ExitCode::SUCCESS)
        }
        args::Segment::Verify(at) => {
            let place = Place::open(at)?;
            let bytes = place.get(&place.segment).await?;
            let keys = place.keys().await;
            match verify(&bytes, &place.segment, &keys) {
                Ok(footer) => {
                    let sealed = footer.chunks.iter().filter(|chunk| chunk.cipher.is_some()).count();
                    let opened = match sealed {
                        0 => String::new(),
                        sealed => format!(
                            "; {sealed} chunks are sealed, and were checked as they lie there, without their keys"
                        ),
                    };
                    println!(
                        "{} chunks and {} recipes: all is well{opened}",
                        footer.chunks.len(),
                        footer.recipes.len()
                    );
                    Ok(ExitCode::SUCCESS)
                }
                Err(why) => {
                    println!("damaged: {why}");
                    Ok(ExitCode::from(DAMAGED))
                }
            }
        }
        args::Segment::Cat { at, name } => {
            let place = Place::open(at)?;
            let content = place.cat(name).await.map_err(|why| bad(&at.url, why))?;
            std::io::stdout().lock().write_all(&content).map_err(Fault::Ready)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn bad(url: &str, why: impl ToString) -> Fault {
    let shown = url.split(['?', '#']).next().unwrap_or_default().to_owned();
    Fault::OffloadTarget { target: shown, why: why.to_string() }
}

impl Place {
    fn open(at: &args::SegmentAt) -> Result<Self, Fault> {
        let (path, query) = at.url.split_once('?').map_or((at.url.as_str(), None), |(path, query)| (path, Some(query)));
        let (root, segment) = path.rsplit_once("/seg/").ok_or_else(|| bad(path, "give …/seg/<2 digits>/<hash>.seg"))?;
        let url = query.map_or_else(|| root.to_owned(), |query| format!("{root}?{query}"));
        let secret = Secret::find(at.offload_secret_file.as_deref())?;
        let target = Target::open(&url, secret.as_ref())?;
        Ok(Self { store: target.store, root: target.prefix, segment: format!("seg/{segment}") })
    }

    async fn get(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let path: Path = self.root.parts().chain(name.split('/').map(Into::into)).collect();
        let read = async { self.store.get(&path).await?.bytes().await };
        read.await.map(|bytes| bytes.to_vec()).map_err(|error| bad(name, error))
    }

    /// The volume's key for chunk ids, where there is a volume around the segment.
    async fn keys(&self) -> Option<[u8; 32]> {
        let bytes = self.get("FORMAT").await.ok()?;
        let format: Format = document(&bytes, b"GRFORMAT").ok()?;
        hex(&format.id_key)
    }

    async fn cat(&self, name: &str) -> Result<Vec<u8>, String> {
        let load = async |segment: String| self.get(&segment).await.map_err(|error| error.to_string());
        let bytes = load(self.segment.clone()).await?;
        let footer = footer(&bytes)?;
        let recipe = footer
            .recipes
            .iter()
            .find(|recipe| matches!(&recipe.label, Label::Named { key, .. } if key.to_string() == name));
        let recipe = recipe.ok_or_else(|| format!("it holds no {name}: `segment ls` lists what it holds"))?;
        let mut others: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        let mut content = Vec::new();
        for (number, skip, length) in &recipe.parts {
            let (bytes, entry) = match footer.chunks.get(*number) {
                Some(entry) => (&bytes, entry),
                None => {
                    let borrowed = footer.borrowed.get(number - footer.chunks.len()).ok_or("a part names no chunk")?;
                    let name = borrowed.segment.as_str();
                    if !others.contains_key(name) {
                        let file = format!("seg/{}/{name}.seg", name.get(..2).unwrap_or_default());
                        others.insert(name, load(file).await?);
                    }
                    (&others[name], &borrowed.chunk)
                }
            };
            let chunk =
                chunk(bytes, entry)?.ok_or("a chunk of it is sealed: only a server that has the key reads it")?;
            let part = chunk.get(*skip as usize..(skip + length) as usize).ok_or("a part reaches out of its chunk")?;
            content.extend_from_slice(part);
        }
        if content.len() as u64 == recipe.length { Ok(content) } else { Err("its parts do not add up".to_owned()) }
    }
}

/// Everything that the document says can be checked, is.
fn verify(bytes: &[u8], name: &str, volume_key: &Option<[u8; 32]>) -> Result<Footer, String> {
    let hash = blake3::hash(bytes).to_hex().to_string();
    if !name.ends_with(&format!("/{hash}.seg")) {
        return Err("its hash is not its name".to_owned());
    }
    let header = bytes.get(..HEADER).ok_or("it is cut short")?;
    if &header[..8] != b"GRSEGMT\n" || blake3::hash(&header[..48]).as_bytes()[..16] != header[48..] {
        return Err("its header is not one".to_owned());
    }
    if !FEATURES.contains(&&header[8..12]) {
        return Err("it has features that this reader does not know".to_owned());
    }
    let footer = footer(bytes)?;
    let mut at = HEADER as u64;
    let mut chunks = Vec::new();
    for entry in &footer.chunks {
        if entry.offset != at {
            return Err(format!("the chunk at {} begins elsewhere", entry.offset));
        }
        chunks.push(chunk(bytes, entry)?);
        at += CHUNK_HEADER as u64 + entry.stored;
    }
    for recipe in &footer.recipes {
        if recipe.parts.iter().map(|(_, _, length)| length).sum::<u64>() != recipe.length {
            return Err(format!("the parts of {} do not add up", recipe.label));
        }
        let Some(volume_key) = volume_key else { continue };
        let mut key = blake3::Hasher::new_derive_key(KEY_CONTEXT);
        let key = key.update(volume_key).update(recipe.label.tenant().as_bytes()).finalize();
        for (number, _, _) in &recipe.parts {
            if let (Some(Some(content)), Some(entry)) = (chunks.get(*number), footer.chunks.get(*number))
                && blake3::keyed_hash(key.as_bytes(), content).to_hex().as_str() != entry.id
            {
                return Err(format!("a chunk of {} is not what its id says", recipe.label));
            }
        }
    }
    Ok(footer)
}

fn footer(bytes: &[u8]) -> Result<Footer, String> {
    let begin = bytes.len().checked_sub(TRAILER).ok_or("it is cut short")?;
    let trailer = &bytes[begin..];
    if &trailer[..8] != b"GRSEGEND" || blake3::hash(&trailer[..24]).as_bytes()[..16] != trailer[24..] {
        return Err("its trailer is not one".to_owned());
    }
    let (offset, length) = (number(trailer, 8), number(trailer, 16));
    if offset.checked_add(length) != Some(begin as u64) {
        return Err("its footer does not end where its trailer begins".to_owned());
    }
    document(&bytes[offset as usize..begin], b"GRFOOT\n\n")
}

fn document<T: serde::de::DeserializeOwned>(bytes: &[u8], kind: &[u8; 8]) -> Result<T, String> {
    if bytes.len() < DOCUMENT_HEAD + HASH || &bytes[..8] != kind {
        return Err("a document is not one".to_owned());
    }
    let (framed, hash) = bytes.split_at(bytes.len() - HASH);
    if blake3::hash(framed).as_bytes() != hash {
        return Err("a document's hash differs".to_owned());
    }
    if !FEATURES.contains(&&framed[8..12]) {
        return Err("a document has features that this reader does not know".to_owned());
    }
    let (length, stored) = (number(framed, 16), number(framed, 24));
    let body = &framed[DOCUMENT_HEAD..];
    if length > 1 << 30 || stored != body.len() as u64 {
        return Err("a document's lengths are wrong".to_owned());
    }
    let json = match framed[12..16] {
        [0, 0, 0, 0] => body.to_vec(),
        [1, 0, 0, 0] => unpack(body, length)?,
        _ => return Err("a document is packed in an unknown way".to_owned()),
    };
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

/// A chunk's content, checked; `None` where it is sealed, and only what lies there could be.
fn chunk(bytes: &[u8], entry: &Chunk) -> Result<Option<Vec<u8>>, String> {
    let at = format!("the chunk at {}", entry.offset);
    let begin = usize::try_from(entry.offset).map_err(|_| format!("{at} is out of reach"))?;
    let framed = begin.checked_add(CHUNK_HEADER + entry.stored as usize).and_then(|end| bytes.get(begin..end));
    let framed = framed.ok_or_else(|| format!("{at} is cut short"))?;
    let (header, stored) = framed.split_at(CHUNK_HEADER);
    let mut check = blake3::Hasher::new();
    check.update(&header[..76]).update(stored);
    if &header[..4] != b"GRCH" || check.finalize().as_bytes()[..16] != header[76..] {
        return Err(format!("{at} fails its check"));
    }
    let raw = u64::from(u32::from_le_bytes([header[8], header[9], header[10], header[11]]));
    if raw != entry.raw || hex(&entry.id).is_none_or(|id| id != header[16..48]) {
        return Err(format!("{at} is not the one that the table names"));
    }
    match (header[5], entry.cipher.as_deref()) {
        (0, None) => {}
        (1, Some("sealed")) => return Ok(None),
        _ => return Err(format!("{at} is sealed in another way than the table says")),
    }
    let content = match (header[4], entry.codec.as_str()) {
        (0, "raw") => stored.to_vec(),
        (1, "zstd") => unpack(stored, raw)?,
        _ => return Err(format!("{at} is packed in another way than the table says")),
    };
    if content.len() as u64 == raw { Ok(Some(content)) } else { Err(format!("{at} has another length")) }
}

fn unpack(packed: &[u8], length: u64) -> Result<Vec<u8>, String> {
    zstd::bulk::decompress(packed, length as usize).map_err(|error| format!("it does not unpack: {error}"))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

fn hex(text: &str) -> Option<[u8; 32]> {
    Some(*blake3::Hash::from_hex(text).ok()?.as_bytes())
}
