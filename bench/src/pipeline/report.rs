//! What the programs came to on the order pipeline.

use std::fmt::Write as _;

use super::{Told, compare, measure};
use crate::cluster::Cluster;
use crate::measure::median;
use crate::program::Program;
use crate::throughput::Throughput;

/// Compares and measures, and says what came of it as a section of the results.
pub fn run(cluster: &mut Cluster, programs: &[Program], orders: u64, rounds: u32) -> anyhow::Result<String> {
    let programs: Vec<_> = programs.iter().copied().filter(|program| program.is_stateful()).collect();
    let told = Told::of(orders);
    let counts = compare(cluster, &programs, &told)?;
    println!("every record of the order pipeline is the same in all programs: {counts:?}");
    let mut all: Vec<(Program, Throughput)> = Vec::new();
    for round in 1..=rounds {
        for &program in &programs {
            let found = measure(cluster, program, &told)?;
            println!(
                "pipeline, round {round}, {}: {:.0} events/s, {:.1} CPU s per million, {:.0} MB",
                program.name(),
                found.per_second,
                found.processor_per_million,
                found.megabytes
            );
            all.push((program, found));
        }
    }
    let of = |program: Program, value: fn(&Throughput) -> f64| {
        median(all.iter().filter(|(other, _)| *other == program).map(|(_, found)| value(found))).unwrap_or_default()
    };
    let rows: Vec<_> = programs
        .iter()
        .map(|&program| {
            let per_second = of(program, |found| found.per_second);
            let processor_per_million = of(program, |found| found.processor_per_million);
            let megabytes = of(program, |found| found.megabytes);
            (program, Throughput { per_second, processor_per_million, megabytes })
        })
        .collect();
    Ok(section(&rows, orders, rounds, &counts))
}

fn section(rows: &[(Program, Throughput)], orders: u64, rounds: u32, counts: &[(&'static str, usize)]) -> String {
    let Some(((_, own), others)) = rows.split_first() else { return String::new() };
    let mut text = format!(
        "\n## The order pipeline\n\n\
         TMF622 events as JSON through ingest, entity, routes and SLA clocks: {orders} orders with four events each of some 2.5 kB, \
         a few of them late, early or told twice. Each\nprogram works itself warm, then stands still while the events are written. \
         Throughput: medians of {rounds} rounds, the programs in turn. Before that every record that\nthey make of 2000 orders was \
         found to be the same: {}.\n\n\
         | program | events/s | CPU s per million | peak MB | events/s to it | CPU to it | memory to it |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        counts.iter().map(|(topic, count)| format!("{count} on {topic}")).collect::<Vec<_>>().join(", ")
    );
    let own = *own;
    for (program, found) in rows {
        let Throughput { per_second, processor_per_million, megabytes } = *found;
        let _ = write!(text, "| {} | {per_second:.0} | {processor_per_million:.1} | {megabytes:.0} |", program.name());
        if others.iter().any(|(other, _)| other == program) {
            let _ = writeln!(
                text,
                " {:.2} | {:.2} | {:.2} |",
                own.per_second / per_second,
                own.processor_per_million / processor_per_million,
                own.megabytes / megabytes
            );
        } else {
            text += " | | |\n";
        }
    }
    text
}
