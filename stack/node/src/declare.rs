//! What an operator says to a running server from the command line: `apply` hands it a file of tenants and says what that changes,
//! `hand-over` asks it for the line that a tenant's user pastes, `take-over` makes it the writer of its volume.

use crate::args;
use crate::fault::Fault;
use crate::tls;
use greenroom_model::control::TOKEN_FILE;
use greenroom_model::offload::TakeOver;
use greenroom_model::tenancy::{Change, ChangeAction, FieldProblem, HandOver, HandOverRequest, TenantsPlan};
use reqwest::{Client, Method, RequestBuilder};
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The server does not do it, such as for a file that is not good; nothing was done.
const REFUSED: u8 = 3;

/// A running server's control API, as its operator.
pub struct Server<'a> {
    client: Client,
    control: &'a str,
    token: String,
}

pub fn apply(args: &args::Apply) -> Result<ExitCode, Fault> {
    let (server, file) = (Server::of(&args.server)?, read(&args.file)?);
    let shown = args.file.display().to_string();
    run(async {
        let call = |method: Method, path: &str| server.request(method, path).body(file.clone());
        let planned: TenantsPlan = match server.send(call(Method::POST, "/v1/tenants/plan"), &shown).await? {
            Ok(planned) => planned,
            Err(code) => return Ok(code),
        };
        planned.changes.iter().for_each(|change| println!("{}", line(change)));
        let count = planned.changes.len();
        if args.plan {
            println!("{count} changes; nothing was done");
            return Ok(ExitCode::SUCCESS);
        }
        let put = call(Method::PUT, "/v1/tenants").header("if-match", planned.etag);
        match server.send(put, &shown).await? {
            Ok(TenantsPlan { etag, changes }) => println!("{} changes done, the file is now {etag}", changes.len()),
            Err(code) => return Ok(code),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The line alone goes to standard output, for a pipe to the clipboard.
pub fn hand_over(args: &args::HandOver) -> Result<ExitCode, Fault> {
    let server = Server::of(&args.server)?;
    let (account, container) = (args.account.clone(), args.container.clone());
    let request = HandOverRequest { account, container, expires_in_s: Some(args.minutes * 60) };
    run(async {
        let path = format!("/v1/tenants/{}/hand-over", args.tenant);
        let made: HandOver = match server.send(server.request(Method::POST, &path).json(&request), "").await? {
            Ok(made) => made,
            Err(code) => return Ok(code),
        };
        let HandOver { url, permissions, expires_at, command, .. } = made;
        eprintln!("{url}: {permissions} until {expires_at}; whoever has this line has that:");
        println!("{command}");
        Ok(ExitCode::SUCCESS)
    })
}

pub fn take_over(args: &args::Running) -> Result<ExitCode, Fault> {
    let server = Server::of(args)?;
    run(async {
        let asked = server.request(Method::POST, "/v1/offload/take-over");
        let TakeOver { added, replaced, kept_as_snapshots, dropped, left } = match server.send(asked, "").await? {
            Ok(done) => done,
            Err(code) => return Ok(code),
        };
        println!(
            "the volume is this folder's: {added} came in, {replaced} replaced, {dropped} deleted by the other's clients"
        );
        if kept_as_snapshots > 0 {
            println!(
                "{kept_as_snapshots} were written in both folders: what this one had is a snapshot of the other's"
            );
        }
        if left > 0 {
            println!("{left} snapshots stay in the volume only: their blobs were on the other folder's flash");
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub fn run(work: impl Future<Output = Result<ExitCode, Fault>>) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Fault::Call(format!("cannot start the runtime: {error}")))?.block_on(work)
}

fn read(file: &Path) -> Result<String, Fault> {
    fs::read_to_string(file).map_err(|error| Fault::Call(format!("cannot read {}: {error}", file.display())))
}

impl<'a> Server<'a> {
    pub fn of(args: &'a args::Running) -> Result<Self, Fault> {
        let token = read(&args.data.join(TOKEN_FILE))?.trim().to_owned();
        let client = tls::http().build();
        let client = client.map_err(|error| Fault::Call(format!("cannot make an HTTP client: {error}")))?;
        Ok(Self { client, control: &args.control, token })
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.control)).bearer_auth(&self.token)
    }

    /// The answer, or the exit code of a refusal, which is said here: field by field, each after `what`.
    pub async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        what: &str,
    ) -> Result<Result<T, ExitCode>, Fault> {
        let control = self.control;
        let failed =
            |error: reqwest::Error| Fault::Call(format!("no answer from {control}: {error}; is the server running?"));
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if status.is_success() {
            let read = serde_json::from_str(&text).map(Ok);
            return read.map_err(|error| Fault::Call(format!("{control} answers what is not known here: {error}")));
        }
        match serde_json::from_str::<FieldProblem>(&text) {
            Ok(problem) if !problem.errors.is_empty() => {
                problem.errors.iter().for_each(|fault| eprintln!("{what}: {}: {}", fault.path, fault.message));
            }
            Ok(problem) => eprintln!("{}: {}", problem.title, problem.detail),
            Err(_) => eprintln!("{control} answers {status}"),
        }
        Ok(Err(ExitCode::from(REFUSED)))
    }
}

fn line(change: &Change) -> String {
    let Change { action, subject, field, from, to } = change;
    match action {
        ChangeAction::Create => format!("+ {subject}"),
        ChangeAction::Update => format!("~ {subject} {field}: {} -> {}", said(from), said(to)),
        ChangeAction::Keep => format!("= {subject} is not in the file, and stays"),
    }
}

fn said(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
