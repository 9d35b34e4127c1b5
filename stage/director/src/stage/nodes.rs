//! The processes behind a demo: the stack, and for some demos a second node that is its cloud, or a vault that holds keys of its tenants.

use super::line::Line;
use crate::parse::{KeyTimes, Profile, Program};
use crate::scrub::Secrets;
use crate::stack::{Client, Process, StackError, Start};
use crate::vault::{self, Vault};
use futures::future::OptionFuture;
use greenroom_model::control::{AccountKeys, NewAccount};
use greenroom_model::{AccountName, ContainerName, TenantName};
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// The name of the second node's tenant and account that steps know: those that name it mean that node where there is one, so that something
/// may lie elsewhere.
pub const CLOUD: &str = "cloud";
/// Tenant, account and container of the second node for what the first one offloads: apart, so that what is counted of the other is its own.
const DEPOT: &str = "depot";
/// How the stack learns what authorises it at its cloud: never on a command line, which every user of a machine can read.
pub const SECRET: &str = "GREENROOM_OFFLOAD_SECRET";

/// Where the processes keep their data, and what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    /// `None` for the stack that demos share.
    demo: Option<String>,
    profile: Profile,
    flash_bytes: Option<u64>,
    /// Where there is a vault.
    keys: Option<KeyTimes>,
}

/// How the second node is reached.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub url: String,
    pub key: SecretString,
    pub client: Client,
    /// Mirrors go over it.
    pub line: Line,
}

#[derive(Debug, Default)]
pub struct Nodes {
    pub stack: Option<Process>,
    cloud: Option<(Process, Cloud)>,
    vault: Option<vault::Process>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    Stack,
    Cloud,
    Vault,
}

impl Home {
    pub fn of(program: &Program) -> Home {
        match program.profile {
            Profile::Shared => Home::default(),
            profile @ (Profile::Fresh | Profile::Offload) => {
                let (flash_bytes, keys) = (program.flash_bytes, program.vault);
                Home { demo: Some(program.demo.slug.clone()), profile, flash_bytes, keys }
            }
        }
    }

    /// Where what is written ends up, and what that place is called: this machine's flash, and a cloud's where there is one.
    pub fn places(&self, workshop: &Path) -> Vec<(&'static str, PathBuf)> {
        let cloud = (self.profile == Profile::Offload).then(|| ("cloud", self.cloud_folder(workshop)));
        [("flash", self.stack_folder(workshop))].into_iter().chain(cloud).collect()
    }

    pub fn stack_folder(&self, workshop: &Path) -> PathBuf {
        self.folder(workshop).join("stack")
    }

    fn cloud_folder(&self, workshop: &Path) -> PathBuf {
        self.folder(workshop).join("cloud")
    }

    fn vault_folder(&self, workshop: &Path) -> PathBuf {
        self.folder(workshop).join("vault")
    }

    fn folder(&self, workshop: &Path) -> PathBuf {
        match &self.demo {
            None => workshop.to_path_buf(),
            Some(demo) => workshop.join(format!("own-{demo}")),
        }
    }

    /// Takes the data of stopped processes away.
    pub fn clear(&self, workshop: &Path) -> std::io::Result<()> {
        for folder in [self.stack_folder(workshop), self.cloud_folder(workshop), self.vault_folder(workshop)] {
            remove(&folder)?;
        }
        Ok(())
    }
}

impl Nodes {
    /// Starts what does not run yet, the cloud and the vault before the stack that needs them.
    pub async fn start(
        &mut self,
        program: &Path,
        home: &Home,
        workshop: &Path,
        secrets: &Secrets,
    ) -> Result<(), StackError> {
        if self.cloud.is_none() && home.profile == Profile::Offload {
            let folder = home.cloud_folder(workshop);
            self.cloud = Some(start_cloud(program, &folder, secrets).await?);
        }
        if self.vault.is_none() && home.keys.is_some() {
            let folder = home.vault_folder(workshop);
            self.vault = Some(vault::Process::start(&vault::program(program), &folder, secrets).await?);
        }
        if self.stack.is_none() {
            let mut start = Start { secrets: secrets.clone(), ..Start::default() };
            start.args.extend(home.flash_bytes.into_iter().flat_map(|bytes| ["--capacity".into(), bytes.to_string()]));
            if let Some((_, cloud)) = &self.cloud {
                start.args.extend(["--offload-to".into(), cloud.url.clone()]);
                // It is on loopback: copies and mirrors may ask it all the same.
                for allowed in [authority(&cloud.client.blob).to_string(), cloud.line.at.to_string()] {
                    start.args.extend(["--copy-source-allow".into(), allowed]);
                }
                start.env.insert(SECRET.into(), cloud.key.clone());
            }
            if let Some((vault, keys)) = self.vault.as_ref().zip(home.keys) {
                let vault::Client { args, secret } = vault.vault.client();
                start.args.extend(args.iter().cloned().chain(keys.args()));
                start.env.insert(vault::SECRET.into(), secret.clone());
            }
            self.stack = Some(Process::start(program, &home.stack_folder(workshop), start).await?);
        }
        Ok(())
    }

    pub fn cloud(&self) -> Option<Cloud> {
        self.cloud.as_ref().map(|(_, cloud)| cloud.clone())
    }

    pub fn vault(&self) -> Option<Vault> {
        self.vault.as_ref().map(|process| process.vault.clone())
    }

    pub async fn stop_stack(&mut self) {
        if let Some(stack) = self.stack.take() {
            stack.stop().await;
        }
    }

    /// The stack before its cloud and its vault, so that what it still has to say there arrives.
    pub async fn stop(&mut self) {
        self.stop_stack().await;
        if let Some(vault) = self.vault.take() {
            vault.stop().await;
        }
        if let Some((cloud, _)) = self.cloud.take() {
            cloud.stop().await;
        }
    }

    /// Waits until a process ends by itself, and says which, and its last words; forever where there is none.
    pub async fn died(&mut self) -> (Node, String) {
        let Nodes { stack, cloud, vault } = self;
        let stack = OptionFuture::from(stack.as_mut().map(Process::died));
        let cloud = OptionFuture::from(cloud.as_mut().map(|(cloud, _)| cloud.died()));
        let vault = OptionFuture::from(vault.as_mut().map(vault::Process::died));
        tokio::select! {
            Some(why) = stack => (Node::Stack, format!("it ended by itself ({why})")),
            Some(why) = cloud => (Node::Cloud, format!("its cloud ended by itself ({why})")),
            Some(why) = vault => (Node::Vault, format!("its vault ended by itself ({why})")),
            else => std::future::pending().await,
        }
    }

    /// Lets go of what has died. A stack without its cloud or its vault is stopped: what it would show is not what the demo tells.
    pub async fn lose(&mut self, node: Node) {
        match node {
            Node::Stack => self.stack = None,
            Node::Cloud => {
                self.cloud = None;
                self.stop_stack().await;
            }
            Node::Vault => {
                self.vault = None;
                self.stop_stack().await;
            }
        }
    }
}

async fn start_cloud(program: &Path, folder: &Path, secrets: &Secrets) -> Result<(Process, Cloud), StackError> {
    let start = Start { secrets: secrets.clone(), ..Start::default() };
    let process = Process::start(program, folder, start).await?;
    make_account(&process.client, CLOUD, vec![]).await?;
    let containers = vec![ContainerName::new(DEPOT).expect("a good name")];
    let keys = make_account(&process.client, DEPOT, containers).await?;
    let (url, client) = (format!("{}/{DEPOT}/{DEPOT}", process.client.blob), process.client.clone());
    let no_line = |why: String| StackError::Start(format!("there is no line to its cloud: {why}"));
    let at = authority(&client.blob).parse().map_err(|_| no_line(format!("it is at {}", client.blob)))?;
    let line = Line::to(at).await.map_err(|error| no_line(error.to_string()))?;
    let cloud = Cloud { url, key: keys.key.into(), client, line };
    Ok((process, cloud))
}

/// A tenant with an account of its name.
async fn make_account(client: &Client, name: &str, containers: Vec<ContainerName>) -> Result<AccountKeys, StackError> {
    let (tenant, account) = (TenantName::new(name), AccountName::new(name));
    let (tenant, account) = (tenant.expect("a good name"), account.expect("a good name"));
    client.put_tenant(&tenant).await?;
    client.put_account(&account, &NewAccount { tenant, containers, public_containers: None }).await
}

/// `HOST:PORT` of a base URL.
fn authority(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

pub fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
