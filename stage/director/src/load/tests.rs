use super::*;
use clap::Parser;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    shape: Shape,
}

fn shape(line: &str) -> Shape {
    Line::try_parse_from(format!("load {line}").split_whitespace()).unwrap_or_else(|error| panic!("{error}")).shape
}

#[test]
fn one_seed_gives_one_schedule_and_the_mix_that_was_asked_for() {
    let asked = shape("--put 3 --get 1 --rate 1000/s --for 10s --keys 8 --seed 5");
    let all: Vec<_> = Schedule::new(&asked).collect();
    assert_eq!(all, Schedule::new(&asked).collect::<Vec<_>>());
    let other = shape("--put 3 --get 1 --rate 1000/s --for 10s --keys 8 --seed 6");
    assert_ne!(all, Schedule::new(&other).collect::<Vec<_>>());
    assert!((9_500..10_500).contains(&all.len()), "{}", all.len());
    assert!(all.is_sorted_by_key(|arrival| arrival.at) && all.iter().all(|arrival| arrival.key < 8));
    let puts = all.iter().filter(|arrival| arrival.op == Op::Put).count() as f64 / all.len() as f64;
    assert!((0.72..0.78).contains(&puts), "{puts}");
    let even: Vec<_> = times(&shape("--rate 4/s --for 1s --arrivals even")).collect();
    assert_eq!(even, [0, 250_000, 500_000, 750_000]);
}

#[test]
fn rates_and_sizes_that_are_none_are_refused_in_words() {
    for (line, wanted) in [
        ("--rate 400 --for 1s", "'400' is no rate"),
        ("--rate 0/s --for 1s", "is no rate"),
        ("--rate 1/h --for 1s", "is no rate"),
        ("--rate 1e9/s --for 1s", "more than one machine can schedule"),
        ("--rate 1/s --for soon", "'soon' is no duration"),
        ("--rate 1/s --for 1s --size 1GiB", "at most"),
        ("--rate 1/s --for 1s --connections 0", "connections"),
    ] {
        let said = Line::try_parse_from(format!("load {line}").split_whitespace()).map(|_| ()).expect_err(line);
        assert!(said.to_string().contains(wanted), "{line}: {said}");
    }
}

/// A server that answers at once, but for one pause in which it answers nobody.
async fn stalling(stall: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/a/box?sig=x", listener.local_addr().expect("bound"));
    let answered = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(tokio::sync::RwLock::new(()));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (answered, gate) = (answered.clone(), gate.clone());
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while socket.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                    if answered.fetch_add(1, Ordering::SeqCst) == 50 {
                        let _closed = gate.write().await;
                        tokio::time::sleep(stall).await;
                    }
                    drop(gate.read().await);
                    let reply = "HTTP/1.1 404 Not Found\r\nx-ms-error-code: BlobNotFound\r\ncontent-length: 0\r\n\r\n";
                    let reply = if answered.load(Ordering::SeqCst) % 10 == 0 {
                        reply
                    } else {
                        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
                    };
                    if socket.write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_counts_for_all_that_were_due_while_it_lasted() {
    let asked = shape("--delete 1 --rate 200/s --for 2s --connections 1 --arrivals even");
    let target = Arc::new(Target::new(&stalling(Duration::from_secs(1)).await, 1).expect("a target"));
    let meter = Arc::new(Meter::default());
    run(&asked, &target, &meter, &CancellationToken::new()).await;
    let report = meter.report();
    assert_eq!(report.scheduled, 400, "{report:?}");
    assert_eq!(report.done + report.missed + report.errors.values().sum::<u64>(), 400, "{report:?}");
    assert!(report.errors["BlobNotFound"] > 10, "{report:?}");
    // With one connection, a generator that waits for answers would have seen the stall once.
    let delete = report.ops[&Op::Delete];
    assert!(delete.p90_ms > 300.0 && report.late > 100, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_keeps_what_it_measured() {
    let asked = shape("--delete 1 --rate 100/s --for 10m --connections 2");
    let target = Arc::new(Target::new(&stalling(Duration::from_mins(10)).await, 2).expect("a target"));
    let meter = Arc::new(Meter::default());
    let cancel = CancellationToken::new();
    let (own, stop) = (meter.clone(), cancel.clone());
    let work = tokio::spawn(async move { run(&asked, &target, &own, &stop).await });
    tokio::time::timeout(Duration::from_secs(30), async {
        while meter.report().ops.get(&Op::Delete).is_none_or(|op| op.done < 20) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        cancel.cancel();
        work.await.expect("it ends");
    })
    .await
    .expect("it ends although nobody answers");
    assert!(meter.report().ops[&Op::Delete].done >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_answered_counts_with_its_wait() {
    let asked = shape("--delete 1 --rate 100/s --for 1s --connections 64 --arrivals even");
    let target = Arc::new(Target::new(&stalling(Duration::from_mins(10)).await, 64).expect("a target"));
    let meter = Arc::new(Meter::default());
    run(&asked, &target, &meter, &CancellationToken::new()).await;
    let report = meter.report();
    assert_eq!(report.scheduled, 100, "{report:?}");
    assert!(report.unanswered >= 40, "half of them: {report:?}");
    let errors: u64 = report.errors.values().sum();
    assert_eq!(report.done + errors + report.missed + report.unanswered, 100, "{report:?}");
    assert!(report.ops[&Op::Delete].p99_ms > 9_000.0, "their wait is among the latencies: {report:?}");
    assert!(report.seconds > 9.0 && report.ops_per_s < 10.0, "over the time that passed: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_stopped_waits_a_moment_for_what_is_under_way() {
    let asked = shape("--delete 1 --rate 400/s --for 10m --connections 4");
    let target = Arc::new(Target::new(&stalling(Duration::ZERO).await, 4).expect("a target"));
    let (meter, cancel) = (Arc::new(Meter::default()), CancellationToken::new());
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cancel.cancel();
    };
    tokio::join!(run(&asked, &target, &meter, &cancel), stopping);
    assert_eq!(meter.report().unanswered, 0, "{:?}", meter.report());
}

#[test]
fn a_target_names_a_container_and_no_error_shows_its_secret() {
    for good in ["http://127.0.0.1:1/a/box?sig=x", "https://account.blob.core.windows.net/box?sig=x"] {
        assert!(Target::new(good, 1).is_ok(), "{good}");
    }
    for bad in ["http://127.0.0.1:1/a?sig=SECRET", "box?sig=SECRET", "ftp://host/box?sig=SECRET"] {
        let said = Target::new(bad, 1).expect_err(bad).to_string();
        assert!(!said.contains("SECRET"), "{said}");
    }
}
