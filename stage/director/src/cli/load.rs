//! `greenroom load`: open-loop load on any Blob endpoint.

use anyhow::Context;
use greenroom_director::load::{self, Meter, Report, Shape, Target};
use greenroom_show::unit::{Unit, grouped};
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const INTERRUPTED: u8 = 130;

/// Runs the same shape on each target at once. Ctrl-C ends it, and what was measured until then is printed.
pub fn run(to: &[String], shape: &Shape, json: bool) -> anyhow::Result<ExitCode> {
    let targets: Vec<_> =
        to.iter().map(|url| Target::new(url, shape.connections.get()).map(Arc::new)).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let (reports, interrupted) = runtime.block_on(on_all(&targets, shape))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        for (number, report) in reports.iter().enumerate() {
            if reports.len() > 1 {
                println!("target {}", number + 1);
            }
            print!("{}", table(report));
        }
    }
    let good = reports.iter().all(|report| report.errors.is_empty() && report.missed + report.unanswered == 0);
    Ok(match (interrupted, good) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

async fn on_all(targets: &[Arc<Target>], shape: &Shape) -> anyhow::Result<(Vec<Report>, bool)> {
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let listening = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    for target in targets {
        match load::prepare(shape, target, &cancel).await {
            Err(_) if cancel.is_cancelled() => return Ok((vec![], true)),
            prepared => prepared.context("write the blobs that will be read")?,
        };
    }
    let runs = targets.iter().map(|target| async {
        let meter = Arc::new(Meter::default());
        load::run(shape, target, &meter, &cancel).await;
        meter.report()
    });
    let reports = futures::future::join_all(runs).await;
    listening.abort();
    Ok((reports, cancel.is_cancelled()))
}

fn table(report: &Report) -> String {
    let mut text = format!(
        "{} of {} due in {}: {}, {}\n",
        grouped(report.done as f64),
        grouped(report.scheduled as f64),
        Unit::Seconds.say(report.seconds),
        Unit::OpsPerSecond.say(report.ops_per_s),
        Unit::BytesPerSecond.say(report.bytes_per_s),
    );
    text.push_str(&format!(
        "{:<8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
        "", "done", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"
    ));
    for (op, seen) in &report.ops {
        let row = format!(
            "{:<8}{:>10}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{:>10.2}\n",
            op.as_str(),
            seen.done,
            seen.p50_ms,
            seen.p90_ms,
            seen.p99_ms,
            seen.p999_ms,
            seen.max_ms
        );
        text.push_str(&row);
    }
    for (code, count) in &report.errors {
        text.push_str(&format!("error   {:>10}  {code}\n", grouped(*count as f64)));
    }
    let behind = |count: u64, what: &str| match count {
        0 => String::new(),
        count => format!("behind  {:>10}  {what}\n", grouped(count as f64)),
    };
    text.push_str(&behind(report.late, "begun more than 10 ms after they were due"));
    text.push_str(&behind(report.missed, "due and never begun"));
    text.push_str(&behind(report.unanswered, "begun and never answered"));
    text
}
