//! A data folder with something of everything in it, beside the folder of the cloud that it offloads to, and what there is to know of it.

use super::cloud::{CLOUD_CONTAINER, Cloud};
use super::tiering::{set_rules, wait};
use super::{Headers, Stack, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_model::AccountName;
use greenroom_model::control::{IdentityToken, Role, SasRequest};
use greenroom_model::offload::{OffloadState, Rule, Rules, Scope, Treatment};
use greenroom_model::tenancy::{KeyPair, TenantsPlan};
use reqwest::{Method, Response};
use roxmltree::Document;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

const TENANTS: &str = "
version: 1
tenants:
  - name: gold
    contacts: [{ name: Ada, email: ada@example.com }]
    quota: { bytes: 64 MiB }
    share: { weight: 400 }
    projects:
      - name: training
        quota: { bytes: 60 MiB }
        accounts:
          - name: goldacct
            containers:
              - name: hot
                policies: [{ id: readers, permissions: rl, expiry: 2030-01-01T00:00:00Z }]
              - name: cold
              - name: both
  - name: silver
    projects:
      - name: archive
        accounts: [{ name: silveracct, containers: [{ name: hot }] }]
";
const ACCOUNTS: [&str; 2] = ["goldacct", "silveracct"];
const CONTAINERS: [(&str, &str); 4] =
    [("goldacct", "hot"), ("goldacct", "cold"), ("goldacct", "both"), ("silveracct", "hot")];
/// More blocks, and pieces, than a blob's row holds.
const MANY_BLOCKS: usize = 40;
/// More than one transaction sweeps.
const GONE_BLOBS: usize = 1_200;
const PUTS_AT_ONCE: usize = 32;
/// What is told of a blob, besides its metadata.
const TOLD: [&str; 16] = [
    "etag",
    "last-modified",
    "content-length",
    "content-type",
    "content-md5",
    "cache-control",
    "x-ms-blob-type",
    "x-ms-creation-time",
    "x-ms-access-tier",
    "x-ms-lease-state",
    "x-ms-lease-duration",
    "x-ms-blob-sequence-number",
    "x-ms-tag-count",
    "x-ms-copy-id",
    "x-ms-copy-status",
    "x-ms-blob-public-access",
];

/// What was written down of a folder when it was made.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Of the account that the folder offloads to.
    pub cloud_key: String,
    /// All there is to know of what is named, a line each: accounts, containers, blobs, snapshots.
    pub facts: BTreeMap<String, Vec<String>>,
}

/// The two servers, over the folders `node` and `cloud`.
pub struct Pair {
    pub node: Stack,
    pub cloud: Stack,
}

impl Pair {
    pub async fn start(dir: &Path, cloud_key: Option<&str>) -> (Pair, String) {
        let cloud = Stack::start_in(dir.join("cloud"), &[]).await;
        let key = match cloud_key {
            Some(key) => key.to_owned(),
            None => cloud.make_account("cloud", "cloud", &[CLOUD_CONTAINER]).await.key,
        };
        let at = Cloud::at(format!("{}/cloud/{CLOUD_CONTAINER}", cloud.ready.blob), Some(key.clone()));
        let arguments = at.arguments(&["--flash-size=256MiB"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let node = Stack::start_with_env(dir.join("node"), &arguments, &at.variables()).await;
        wait(&node, "the cloud", |status| status.state == OffloadState::Ready).await;
        (Pair { node, cloud }, key)
    }

    /// Pulls both plugs.
    pub async fn kill(&mut self) {
        self.node.kill().await;
        self.cloud.kill().await;
    }
}

/// Makes the two folders as clients do, and pulls the plug while what was deleted last is not swept yet.
pub async fn make(dir: &Path) -> Expected {
    let (mut pair, cloud_key) = Pair::start(dir, None).await;
    let node = &pair.node;
    // One of them has a key; what older folders were declared as says nothing of that.
    let declared = TENANTS.replace("- name: silver\n", "- name: silver\n    encryption: { key: node }\n");
    let applied = node.control(Method::PUT, "/v1/tenants").body(declared).send().await.expect("an answer");
    assert!(applied.status().is_success(), "{}", applied.text().await.expect("a text"));
    let here = |container: &str, treat| Rule {
        scope: Scope { tenant: Some("gold".to_owned()), container: Some(container.to_owned()), ..Scope::default() },
        treat,
    };
    let rules = vec![here("cold", Treatment::AtOnce), here("both", Treatment::Copy)];
    set_rules(node, &Rules { rules, otherwise: Treatment::Pin, ..Rules::default() }).await;

    let gold = Client::of(node, "goldacct").await;
    for container in ["cold", "both", "hot"] {
        fill(&gold, container).await;
    }
    gold.put("hot?restype=container&comp=metadata", &[("x-ms-meta-why", "held")], "").await;
    gold.put("hot/leased", &BLOCK_BLOB, "nobody else writes this").await;
    let lease = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
    gold.put("hot/leased?comp=lease", &lease, "").await;
    gold.put("hot/staged?comp=block&blockid=QUFB", &[], "never committed").await;
    pages(&gold).await;
    let silver = Client::of(node, "silveracct").await;
    silver.put("hot/of silver", &BLOCK_BLOB, "another tenant's").await;
    wait(node, "all that is to leave has left", |status| status.offloaded.blobs == 10 && status.pending.blobs == 0)
        .await;
    let facts = facts(node).await;

    gold.put("gone?restype=container", &[], "").await;
    let gone: Vec<usize> = (0..GONE_BLOBS).collect();
    for part in gone.chunks(PUTS_AT_ONCE) {
        let puts = part.iter().map(async |number| gold.put(&format!("gone/{number}"), &BLOCK_BLOB, "soon gone").await);
        futures::future::join_all(puts).await;
    }
    let deleted = gold.send(Method::DELETE, "gone?restype=container", &[], "").await;
    assert_eq!(deleted.status(), 202);
    pair.kill().await;
    Expected { cloud_key, facts }
}

const BLOCK_BLOB: [(&str, &str); 1] = [("x-ms-blob-type", "BlockBlob")];

/// Blobs of one piece and of many, overwritten, copied, with snapshots, tags, metadata; five that count.
async fn fill(client: &Client<'_>, container: &str) {
    let said = [
        BLOCK_BLOB[0],
        ("content-type", "text/plain"),
        ("x-ms-blob-cache-control", "no-store"),
        ("x-ms-meta-title", "a short one"),
        ("x-ms-tags", "team=gold&season=winter"),
        ("x-ms-access-tier", "Cool"),
    ];
    client.put(&format!("{container}/short"), &BLOCK_BLOB, "the first of its name").await;
    client.put(&format!("{container}/short?comp=snapshot"), &[], "").await;
    client.put(&format!("{container}/short"), &said, &format!("what is in {container}")).await;
    let ids: Vec<String> = (0..MANY_BLOCKS).map(|number| BASE64_STANDARD.encode(format!("{number:06}"))).collect();
    for id in &ids {
        let path = format!("{container}/long?comp=block&blockid={id}");
        client.put(&path, &[], &format!("{container} {id} ").repeat(100)).await;
    }
    let list: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
    client.put(&format!("{container}/long?comp=blocklist"), &[], &format!("<BlockList>{list}</BlockList>")).await;
    let source = client.url(&format!("{container}/long"));
    client.put(&format!("{container}/copy"), &[("x-ms-copy-source", &source)], "").await;
    client.put(&format!("{container}/a folder/ü \u{1F3AC}.txt"), &BLOCK_BLOB, "a name of many bytes").await;
}

/// A page blob with gaps, in more runs than its row would hold, and a snapshot of what it was before.
async fn pages(client: &Client<'_>) {
    const PAGE: usize = 512;
    let length = (100 * PAGE).to_string();
    let new = [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", length.as_str())];
    client.put("hot/disk.vhd", &new, "").await;
    for number in (0..100).step_by(3) {
        let range = format!("bytes={}-{}", number * PAGE, (number + 1) * PAGE - 1);
        let write = [("x-ms-page-write", "update"), ("x-ms-range", range.as_str())];
        client.put("hot/disk.vhd?comp=page", &write, &format!("{number:>8}").repeat(PAGE / 8)).await;
        if number == 51 {
            client.put("hot/disk.vhd?comp=snapshot", &[], "").await;
        }
    }
    let clear = [("x-ms-page-write", "clear"), ("x-ms-range", "bytes=0-1023")];
    client.put("hot/disk.vhd?comp=page", &clear, "").await;
}

/// All there is to know of a folder, as a client and an operator see it.
pub async fn facts(node: &Stack) -> BTreeMap<String, Vec<String>> {
    let mut facts = BTreeMap::new();
    let planned = node.control(Method::POST, "/v1/tenants/plan").body(TENANTS).send().await.expect("an answer");
    let TenantsPlan { etag, changes } = planned.json().await.expect("a plan");
    facts.insert("tenants".to_owned(), vec![etag, format!("{} changes to what was declared", changes.len())]);
    for account in ACCOUNTS {
        let path = format!("/v1/accounts/{account}/keys");
        let keys: KeyPair =
            node.control(Method::GET, &path).send().await.expect("an answer").json().await.expect("keys");
        let told = serde_json::to_value(&keys).expect("plain values serialise");
        let identity = node.identity(account, Role::Owner).await;
        facts.insert(format!("account {account}"), vec![told.to_string(), identity.object_id, identity.header]);
    }
    for (account, container) in CONTAINERS {
        let client = Client::of(node, account).await;
        let named = client.get(&format!("{container}?restype=container")).await;
        let mut told = said_of(&named);
        told.push(client.acl(container).await);
        facts.insert(format!("container {account}/{container}"), told);
        let list = format!("{container}?restype=container&comp=list&include=snapshots,uncommittedblobs");
        for (name, snapshot) in listed(&client.text(&list).await) {
            let shown = format!("{account}/{container}/{name} {snapshot}");
            facts.insert(shown.trim_end().to_owned(), client.facts_of(container, &name, &snapshot).await);
        }
    }
    facts
}

/// Names, and the moments of snapshots.
fn listed(xml: &str) -> Vec<(String, String)> {
    let parsed = Document::parse(xml.trim_start_matches('\u{feff}')).expect("XML");
    let text = |blob: roxmltree::Node<'_, '_>, tag: &str| {
        let found = blob.children().find(|child| child.has_tag_name(tag)).and_then(|child| child.text());
        found.unwrap_or_default().to_owned()
    };
    let blobs = parsed.descendants().filter(|node| node.has_tag_name("Blob"));
    blobs.map(|blob| (text(blob, "Name"), text(blob, "Snapshot"))).collect()
}

fn said_of(answer: &Response) -> Vec<String> {
    let metadata = answer.headers().keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-ms-meta-"));
    let told = TOLD.into_iter().chain(metadata).map(|name| (name, header(answer, name)));
    told.filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}")).collect()
}

/// Requests to one account, with a signature that allows everything.
struct Client<'s> {
    stack: &'s Stack,
    account: String,
    base: String,
    sas: String,
}

impl<'s> Client<'s> {
    async fn of(stack: &'s Stack, account: &str) -> Self {
        let name = AccountName::new(account).expect("a good name");
        let sas = stack.mint(&SasRequest::new(name, "rwdlact", 3600)).await;
        Self { stack, account: account.to_owned(), base: format!("{}/{account}", stack.ready.blob), sas }
    }

    fn url(&self, path: &str) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{}/{path}{joint}{}", self.base, self.sas)
    }

    async fn send(&self, method: Method, path: &str, headers: Headers<'_>, body: &str) -> Response {
        let mut request = self.stack.http.request(method.clone(), self.url(path));
        if method == Method::PUT {
            request = request.header("content-length", body.len()).body(body.to_owned());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn put(&self, path: &str, headers: Headers<'_>, body: &str) {
        let answer = self.send(Method::PUT, path, headers, body).await;
        let (status, text) = (answer.status(), answer.text().await.expect("a text"));
        assert!(status.is_success(), "{path}: {status} {text}");
    }

    async fn get(&self, path: &str) -> Response {
        let answer = self.send(Method::GET, path, &[], "").await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer
    }

    async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.expect("a text")
    }

    /// No signature reaches it.
    async fn acl(&self, container: &str) -> String {
        let endpoint = self.stack.identity(&self.account, Role::Owner).await.endpoint;
        let token: IdentityToken =
            self.stack.http.get(endpoint).send().await.expect("an answer").json().await.expect("a token");
        let url = format!("{}/{container}?restype=container&comp=acl", self.base);
        let asked = self.stack.http.get(url).bearer_auth(token.access_token).header("x-ms-version", "2022-11-02");
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{container}");
        answer.text().await.expect("a text")
    }

    async fn facts_of(&self, container: &str, name: &str, snapshot: &str) -> Vec<String> {
        let path = format!("{container}/{name}");
        let with = |query: &str| match (query, snapshot) {
            ("", "") => path.clone(),
            ("", snapshot) => format!("{path}?snapshot={snapshot}"),
            (query, "") => format!("{path}?{query}"),
            (query, snapshot) => format!("{path}?{query}&snapshot={snapshot}"),
        };
        let answer = self.send(Method::GET, &with(""), &[], "").await;
        // Of a name that has nothing but staged blocks, these are all there is to know.
        if answer.status() == 404 {
            return vec![self.text(&with("comp=blocklist&blocklisttype=all")).await];
        }
        assert_eq!(answer.status(), 200, "{path}");
        let mut facts = said_of(&answer);
        let is_page_blob = header(&answer, "x-ms-blob-type") == "PageBlob";
        let content = answer.bytes().await.expect("its content");
        facts.push(format!(
            "sha256: {}",
            Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        ));
        facts.push(self.text(&with("comp=tags")).await);
        let lists = if is_page_blob { "comp=pagelist" } else { "comp=blocklist&blocklisttype=all" };
        facts.push(self.text(&with(lists)).await);
        facts
    }
}
