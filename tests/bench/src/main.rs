//! `make bench`: how long children take, and what the operator costs.
//!
//! A raw writer POSTs the very objects that the operator would create, 8 requests in flight over TLS, before and
//! after the operator does it (A-B-A), so that both meet the same machine and the same API server.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;

mod audit;
mod load;
mod measure;
mod process;
mod table;

use load::Load;
use table::Row;

#[derive(Parser)]
struct Args {
    /// Services
    #[arg(long, default_value_t = 200)]
    services: usize,
    /// Raw writer runs before the operator's; one more follows it
    #[arg(long, default_value_t = 2)]
    before: usize,
    /// Seconds of idling to watch
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// The operator, built with the release profile
    #[arg(long, default_value = "target/release/llmisvc-operator")]
    operator: std::path::PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let bench = measure::Bench::start(&args.operator).await?;
    let mut raw = Vec::new();
    for round in 0..args.before {
        raw.push(bench.raw(&Load::new(&format!("raw-before-{round}"), args.services)).await?);
    }
    let ours = bench.operator(&Load::new("operator", args.services), Duration::from_secs(args.idle)).await?;
    raw.push(bench.raw(&Load::new("raw-after", args.services)).await?);
    table::print(&rows(&args, &raw, &ours));
    bench.stop()
}

fn rows(args: &Args, raw: &[Duration], ours: &measure::Figures) -> Vec<Row> {
    let median = table::median(raw);
    let services = u32::try_from(args.services).unwrap_or(u32::MAX);
    let per = |count: u64| table::ratio(count, u64::from(services));
    vec![
        Row::new("raw writer, median", format!("{:.2} s", median.as_secs_f64()), ""),
        Row::new("operator, first create to last child", format!("{:.2} s", ours.children.as_secs_f64()), ""),
        Row::new("ratio", format!("{:.2}", ours.children.as_secs_f64() / median.as_secs_f64()), "1.8"),
        Row::new("operator, first create to settled", format!("{:.2} s", ours.settled.as_secs_f64()), ""),
        Row::new(
            "CPU per service",
            format!("{:.1} ms", (ours.cpu / services).as_secs_f64() * 1000.0),
            "20 ms",
        ),
        Row::new(
            "validation by the webhook, on average",
            format!("{:.1} ms", ours.review.as_secs_f64() * 1000.0),
            "200 ms",
        ),
        Row::new("resident memory right after the burst", format!("{:.1} MB", ours.burst), ""),
        Row::new("resident memory after idling", format!("{:.1} MB", ours.memory), "40 MB"),
        Row::new(
            "creates of children per service",
            per(ours.writes.children),
            &ours.children_each.to_string(),
        ),
        Row::new("status writes per service", per(ours.writes.status), "2"),
        Row::new("service patches per service (finalizer)", per(ours.writes.service), "1"),
        Row::new("events per service", per(ours.writes.events), "1"),
        Row::new(
            "writes of configs, at most one a second for each of three",
            ours.writes.configs.to_string(),
            &(3 * (ours.settled.as_secs() + 2)).to_string(),
        ),
        Row::new("other writes", ours.writes.other.to_string(), "0"),
        Row::new("writes after a restart", ours.restart_writes.to_string(), "0"),
        Row::new(
            &format!("requests while idle for {} s, without watches and lease", args.idle),
            ours.idle.to_string(),
            "0",
        ),
    ]
}

/// How long `work` takes, beside what it returns.
async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(Duration, T)> {
    let start = Instant::now();
    let done = work.await?;
    Ok((start.elapsed(), done))
}
