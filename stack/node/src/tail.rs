//! `events tail`: what changes in an account, line by line, as it happens. A consumer with a name goes on where it stopped.

use crate::args;
use crate::declare::{Server, run};
use crate::fault::Fault;
use greenroom_gateway::time;
use greenroom_model::feed::{BlobEvent, EventKind, EventPage, FeedStatus, Sink};
use greenroom_store::Timestamp;
use reqwest::Method;
use std::io::{self, Write as _};
use std::process::{self, ExitCode};
use std::time::Duration;

/// Between questions while nothing happens.
const ASK_EVERY: Duration = Duration::from_millis(200);

pub fn tail(args: &args::Tail) -> Result<ExitCode, Fault> {
    let server = Server::of(&args.server)?;
    let name = args.name.as_ref().map_or_else(|| format!("tail-{}", process::id()), ToString::to_string);
    let sink = format!("/v1/accounts/{}/sinks/{name}", args.account);
    run(async {
        let make = server.request(Method::PUT, &sink).json(&Sink::Pull);
        if let Err(code) = server.send::<FeedStatus>(make, "").await? {
            return Ok(code);
        }
        let told = tokio::select! {
            told = follow(&server, &sink, args) => told,
            signal = tokio::signal::ctrl_c() => signal.map(|()| ExitCode::SUCCESS).map_err(Fault::Signal),
        };
        if args.name.is_none() {
            // Nobody else knows its name: what waits for it would wait for ever.
            let _ = server.send::<FeedStatus>(server.request(Method::DELETE, &sink), "").await?;
        }
        told
    })
}

/// Until so many have come, or nobody reads them any more.
async fn follow(server: &Server<'_>, sink: &str, args: &args::Tail) -> Result<ExitCode, Fault> {
    let (mut query, mut left, mut lost) = (String::new(), args.count.unwrap_or(u64::MAX), 0);
    loop {
        let asked = server.request(Method::GET, &format!("{sink}/events{query}"));
        let page: EventPage = match server.send(asked, "").await? {
            Ok(page) => page,
            Err(code) => return Ok(code),
        };
        if page.dropped > lost {
            eprintln!("{} events were given up before they were asked for", page.dropped - lost);
            lost = page.dropped;
        }
        let nothing = page.events.is_empty();
        for event in page.events {
            let printed = print(&event, args.json);
            if printed.is_ok() {
                query = format!("?after={}", event.sequence);
                left -= 1;
            }
            if left == 0 || printed.is_err() {
                // What was printed has come.
                let noted = server.request(Method::GET, &format!("{sink}/events{query}"));
                return Ok(server.send::<EventPage>(noted, "").await?.map_or_else(|code| code, |_| ExitCode::SUCCESS));
            }
        }
        if nothing {
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

fn print(event: &BlobEvent, json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut stdout, event)?;
        writeln!(stdout)?;
    } else {
        writeln!(stdout, "{}", line(event))?;
    }
    stdout.flush()
}

fn line(event: &BlobEvent) -> String {
    let what = match event.kind {
        EventKind::Created => "created",
        EventKind::Deleted => "deleted",
        EventKind::PropertiesUpdated => "changed",
        EventKind::SnapshotCreated => "snapshot",
        EventKind::TierChanged => "tier",
        EventKind::Control => "feed on",
    };
    let blob = event.blob.as_ref().map(|blob| format!("/{blob}")).unwrap_or_default();
    let at = time::iso(Timestamp(event.at_us));
    format!("{at}  {what:<8}  {}{blob}  {} B  {}", event.container, event.content_length, event.cause.api)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_model::feed::{BlobType, Cause};

    #[test]
    fn an_event_is_one_line() {
        let event = BlobEvent {
            sequence: 7,
            at_us: 1_800_000_000_000_000,
            kind: EventKind::Created,
            account: "goldacct".parse().expect("a good name"),
            container: "photos".parse().expect("a good name"),
            blob: Some("a/b c".parse().expect("a good name")),
            cause: Cause { api: "PutBlob".to_owned(), ..Cause::default() },
            etag: 1,
            content_type: String::new(),
            content_length: 12,
            blob_type: BlobType::Block,
        };
        assert_eq!(line(&event), "2027-01-15T08:00:00.0000000Z  created   photos/a/b c  12 B  PutBlob");
        let control = BlobEvent { kind: EventKind::Control, blob: None, ..event };
        assert!(line(&control).contains("feed on   photos  12 B"), "{}", line(&control));
    }
}
