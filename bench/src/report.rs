//! A whole run, and what it comes to.

use std::fmt::Write as _;

use crate::cluster::{Cluster, PARTITIONS, VALUE_BYTES};
use crate::latency::{self, Latency};
use crate::program::Program;
use crate::restart::{self, Restart};
use crate::throughput::{self, Throughput};
use crate::{Arguments, chart, machine, pipeline};

/// What one program came to.
struct Row {
    program: Program,
    throughput: Throughput,
    /// By rate; nothing of a rate that it does not keep up with.
    latency: Vec<(u64, Option<Latency>)>,
    restart: Option<Restart>,
}

/// Measures everything and writes the table and the chart.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(&arguments.jars, &arguments.programs)?;
    let heading = format!(
        "# What the runtime costs on Apache Kafka\n\n\
         Written by `make bench-kafka`. One broker (Apache Kafka 4.3.1) and one program at a time on one machine; each program \
         has one processing thread.\n\n{}\n",
        machine::line()
    );
    // What was measured is kept, whatever happens to the rest.
    let write = |text: &str| match &arguments.results {
        Some(results) if !text.is_empty() => std::fs::write(results, format!("{heading}{text}")),
        _ => Ok(()),
    };
    let mut text = String::new();
    if arguments.records > 0 {
        text += &touching(&mut cluster, arguments)?;
        write(&text)?;
    }
    if arguments.pipeline > 0 {
        text += &pipeline::report(&mut cluster, &arguments.programs, arguments.pipeline, arguments.rounds)?;
        write(&text)?;
    }
    anyhow::ensure!(!text.is_empty(), "nothing is to be measured: neither --records nor --pipeline of these programs");
    println!("\n{heading}{text}");
    Ok(())
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
        let mut row = Row { program, throughput, latency: Vec::new(), restart: None };
        let rates = latency::RATES.into_iter().filter(|_| program.is_stateful() && arguments.latency > 0);
        for rate in rates {
            let found = latency::measure(cluster, program, rate, arguments.latency)?;
            match found {
                Some(Latency { p50, p99, .. }) => {
                    println!("{} at {rate}/s: p50 {p50:.1} ms, p99 {p99:.1} ms", program.name());
                }
                None => println!("{} does not keep up with {rate}/s", program.name()),
            }
            row.latency.push((rate, found));
        }
        if program.is_stateful() && arguments.restart_keys > 0 {
            row.restart = Some(restart::measure(cluster, program, arguments.restart_keys, arguments.rounds)?);
        }
        rows.push(row);
    }
    let mut text = results(arguments, &rows);
    if let Some(path) = &arguments.results {
        let bars: Vec<_> = rows.iter().map(|row| (row.program.name(), row.throughput.per_second)).collect();
        std::fs::write(path.with_extension("svg"), chart::bars("records per second", &bars))?;
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        text += &format!("\n![records per second]({name}.svg)\n");
    }
    if arguments.latency > 0 {
        text += &latencies(&rows);
    }
    Ok(text)
}

fn results(arguments: &Arguments, rows: &[Row]) -> String {
    let mut text = format!(
        "\n## A state for each record\n\n\
         {} records of {VALUE_BYTES} bytes over {PARTITIONS} partitions and {} keys; for each a state of 64 bytes is read and \
         written with a changelog, and one record is sent;\neverything is committed together every 100 ms, exactly once. \
         Medians of {} rounds; throughput with the programs in turn. Restart: kill -9 with {} keys of state and\n{} records \
         worked through since a rest of 15 s, then the time and processor time from the start of the process to its first \
         commit of a new record.\n\n\
         | program | records/s | CPU s per million | peak MB | restart s | restart CPU s |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
        arguments.records,
        arguments.keys,
        arguments.rounds,
        arguments.restart_keys,
        restart::TAIL
    );
    for row in rows {
        let Throughput { per_second, processor_per_million, megabytes } = row.throughput;
        let _ =
            write!(text, "| {} | {per_second:.0} | {processor_per_million:.2} | {megabytes:.0} |", row.program.name());
        match row.restart {
            Some(Restart { seconds, processor }) => {
                let _ = writeln!(text, " {seconds:.2} | {processor:.2} |");
            }
            None => text += " | |\n",
        }
    }
    text + &ratios(rows)
}

/// How the first row compares with the others.
fn ratios(rows: &[Row]) -> String {
    let Some((own, others)) = rows.split_first() else { return String::new() };
    let mut text = format!("\n{} to each:\n\n", own.program.name());
    text += "| | records/s | CPU | memory | restart | restart CPU |\n| --- | ---: | ---: | ---: | ---: | ---: |\n";
    for other in others {
        let _ = write!(
            text,
            "| {} | {:.2} | {:.2} | {:.2} |",
            other.program.name(),
            own.throughput.per_second / other.throughput.per_second,
            own.throughput.processor_per_million / other.throughput.processor_per_million,
            own.throughput.megabytes / other.throughput.megabytes
        );
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

/// From being produced to being visible, by rate, and how the first row compares with the others.
fn latencies(rows: &[Row]) -> String {
    let Some(own) = rows.first() else { return String::new() };
    let mut text = "\n## Latency at fixed rates\n\n\
         From being produced to being visible to a reader of committed records, the same work, after a warm-up of 10 s at the \
         rate.\n\n\
         | program | records/s | p50 ms | p99 ms | CPU s per million | p50 to it | p99 to it | CPU to it |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for row in rows {
        for ((rate, found), (_, first)) in row.latency.iter().zip(&own.latency) {
            let _ = write!(text, "| {} | {rate} |", row.program.name());
            let Some(found) = found else {
                text += " does not keep up | | | | | |\n";
                continue;
            };
            let Latency { p50, p99, processor_per_million } = found;
            let _ = write!(text, " {p50:.1} | {p99:.1} | {processor_per_million:.2} |");
            match first {
                Some(first) if row.program != own.program => {
                    let cpu = first.processor_per_million / processor_per_million;
                    let _ = writeln!(text, " {:.2} | {:.2} | {cpu:.2} |", first.p50 / p50, first.p99 / p99);
                }
                _ => text += " | | |\n",
            }
        }
    }
    text
}
