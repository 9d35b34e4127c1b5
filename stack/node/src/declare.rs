//! `apply`: hands a file of tenants to a running server, and says what it changes.

use crate::args::Apply;
use crate::fault::Fault;
use greenroom_model::control::TOKEN_FILE;
use greenroom_model::tenancy::{Change, ChangeAction, FieldProblem, TenantsPlan};
use reqwest::{Client, Method, RequestBuilder, Response};
use std::fs;
use std::process::ExitCode;

/// The file is not good, or another one was applied meanwhile; nothing was done.
const REFUSED: u8 = 3;

pub fn run(args: &Apply) -> Result<ExitCode, Fault> {
    let read = |file: std::path::PathBuf| {
        fs::read_to_string(&file).map_err(|error| Fault::Apply(format!("cannot read {}: {error}", file.display())))
    };
    let (file, token) = (read(args.file.clone())?, read(args.data.join(TOKEN_FILE))?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::Apply(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(apply(args, file, token.trim()))
}

async fn apply(args: &Apply, file: String, token: &str) -> Result<ExitCode, Fault> {
    let client = Client::new();
    let call = |method: Method, path: &str| {
        client.request(method, format!("{}{path}", args.control)).bearer_auth(token).body(file.clone())
    };
    let planned = match send(call(Method::POST, "/v1/tenants/plan"), args).await? {
        Ok(planned) => planned,
        Err(code) => return Ok(code),
    };
    planned.changes.iter().for_each(|change| println!("{}", line(change)));
    let count = planned.changes.len();
    if args.plan {
        println!("{count} changes; nothing was done");
        return Ok(ExitCode::SUCCESS);
    }
    match send(call(Method::PUT, "/v1/tenants").header("if-match", planned.etag), args).await? {
        Ok(TenantsPlan { etag, changes }) => println!("{} changes done, the file is now {etag}", changes.len()),
        Err(code) => return Ok(code),
    }
    Ok(ExitCode::SUCCESS)
}

async fn send(request: RequestBuilder, args: &Apply) -> Result<Result<TenantsPlan, ExitCode>, Fault> {
    let failed = |error: reqwest::Error| {
        Fault::Apply(format!("no answer from {}: {error}; is the server running?", args.control))
    };
    let answer: Response = request.send().await.map_err(failed)?;
    let status = answer.status();
    let text = answer.text().await.map_err(failed)?;
    if status.is_success() {
        let plan = serde_json::from_str(&text);
        return plan
            .map(Ok)
            .map_err(|error| Fault::Apply(format!("{} answers what is no plan: {error}", args.control)));
    }
    match serde_json::from_str::<FieldProblem>(&text) {
        Ok(problem) if !problem.errors.is_empty() => {
            problem
                .errors
                .iter()
                .for_each(|fault| eprintln!("{}: {}: {}", args.file.display(), fault.path, fault.message));
        }
        Ok(problem) => eprintln!("{}: {}", problem.title, problem.detail),
        Err(_) => eprintln!("{} answers {status}", args.control),
    }
    Ok(Err(ExitCode::from(REFUSED)))
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
