//! A whole run, and what it comes to.

use std::fmt::Write as _;
use std::process::Command;

use crate::cluster::{Cluster, PARTITIONS, VALUE_BYTES};
use crate::latency::{self, Latency};
use crate::program::Program;
use crate::restart::{self, Restart};
use crate::throughput::{self, Throughput};
use crate::{Arguments, chart, pipeline};

/// What one program came to.
struct Row {
    program: Program,
    throughput: Throughput,
    latency: Option<Latency>,
    restart: Option<Restart>,
}

/// Measures everything and writes the table and the chart.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(&arguments.jars, &arguments.programs)?;
    let mut text = String::new();
    if arguments.records > 0 {
        text += &touching(&mut cluster, arguments)?;
    }
    if arguments.pipeline > 0 {
        text += &pipeline::report(&mut cluster, &arguments.programs, arguments.pipeline, arguments.rounds)?;
    }
    anyhow::ensure!(!text.is_empty(), "nothing is to be measured: neither --records nor --pipeline of these programs");
    println!("\n{text}");
    Ok(std::fs::write(&arguments.results, text)?)
}

/// The same small work in every program: throughput, latency and restart.
fn touching(cluster: &mut Cluster, arguments: &Arguments) -> anyhow::Result<String> {
    println!("filling the topic with {} records", arguments.records);
    let ends = cluster.fill("in", arguments.records, arguments.keys)?;
    let measured = throughput::in_turn(&arguments.programs, arguments.rounds, "records", |program| {
        throughput::measure(cluster, program, "in", &ends)
    })?;
    let mut rows = Vec::new();
    for (program, throughput) in measured {
        let mut row = Row { program, throughput, latency: None, restart: None };
        if program.is_stateful() && arguments.latency > 0 {
            let found = latency::measure(cluster, program, arguments.latency)?;
            println!("{}: p50 {:.1} ms, p99 {:.1} ms", program.name(), found.p50, found.p99);
            row.latency = Some(found);
        }
        if program.is_stateful() && arguments.restart_keys > 0 {
            let found = restart::measure(cluster, program, arguments.restart_keys)?;
            println!("{}: back after {:.2} s, {:.2} CPU s", program.name(), found.seconds, found.processor);
            row.restart = Some(found);
        }
        rows.push(row);
    }
    let bars: Vec<_> = rows.iter().map(|row| (row.program.name(), row.throughput.per_second)).collect();
    std::fs::write(arguments.results.with_extension("svg"), chart::bars("records per second", &bars))?;
    Ok(results(arguments, &rows))
}

fn results(arguments: &Arguments, rows: &[Row]) -> String {
    let name = arguments.results.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut text = format!(
        "# What the runtime costs on Apache Kafka\n\n\
         Written by `make bench-kafka`. One broker (Apache Kafka 4.3.1) and one program at a time on one machine; each program has one \
         processing thread.\n\
         The work: {} records of {VALUE_BYTES} bytes over {PARTITIONS} partitions and {} keys; for each a state of 64 bytes is read and \
         written with a changelog,\nand one record is sent; everything is committed together every 100 ms, exactly once. \
         Throughput: medians of {} rounds, the programs in turn.\n\n{}\n\n![records per second]({name}.svg)\n\n",
        arguments.records,
        arguments.keys,
        arguments.rounds,
        machine()
    );
    text += "| program | records/s | CPU s per million | peak MB | p50 ms | p99 ms | CPU s per million at that rate | restart s | restart CPU s |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for row in rows {
        let Throughput { per_second, processor_per_million, megabytes } = row.throughput;
        let _ =
            write!(text, "| {} | {per_second:.0} | {processor_per_million:.2} | {megabytes:.0} |", row.program.name());
        match row.latency {
            Some(Latency { p50, p99, processor_per_million }) => {
                let _ = write!(text, " {p50:.1} | {p99:.1} | {processor_per_million:.2} |");
            }
            None => text += " | | |",
        }
        match row.restart {
            Some(Restart { seconds, processor }) => {
                let _ = writeln!(text, " {seconds:.2} | {processor:.2} |");
            }
            None => text += " | |\n",
        }
    }
    let _ = write!(
        text,
        "\nLatency: at {} records per second, from being produced to being visible to a reader of committed records, after a warm-up of 10 s. \
         Restart: kill -9 with {} keys of state,\nthen the time and processor time from the start of the process to its first commit of a new record.\n\n",
        latency::RATE,
        arguments.restart_keys
    );
    text += &ratios(rows);
    text
}

/// How the first row compares with the others.
fn ratios(rows: &[Row]) -> String {
    let Some((own, others)) = rows.split_first() else { return String::new() };
    let mut text = format!("## Ratios: {} to each\n\n", own.program.name());
    text += "| | records/s | CPU | memory | p50 | p99 | restart | restart CPU |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for other in others {
        let _ = write!(
            text,
            "| {} | {:.2} | {:.2} | {:.2} |",
            other.program.name(),
            own.throughput.per_second / other.throughput.per_second,
            own.throughput.processor_per_million / other.throughput.processor_per_million,
            own.throughput.megabytes / other.throughput.megabytes
        );
        match (own.latency, other.latency) {
            (Some(own), Some(other)) => {
                let _ = write!(text, " {:.2} | {:.2} |", own.p50 / other.p50, own.p99 / other.p99);
            }
            _ => text += " | |",
        }
        match (own.restart, other.restart) {
            (Some(own), Some(other)) => {
                let _ =
                    writeln!(text, " {:.3} | {:.3} |", own.seconds / other.seconds, own.processor / other.processor);
            }
            _ => text += " | |\n",
        }
    }
    text
}

/// The machine, the versions and the commit.
fn machine() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        text.lines().next().map(|line| line.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    [
        Some(format!("{cores} cores, shared with the broker")),
        memory.map(|kilobytes| format!("{:.0} GB", kilobytes * 1024.0 / 1e9)),
        said("uname", &["-sr"]),
        said("rustc", &["--version"]),
        said("java", &["-version"]),
        said("git", &["rev-parse", "--short", "HEAD"]).map(|commit| format!("commit {commit}")),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" · ")
}
