//! What the programs came to on the order pipeline.

use std::fmt::Write as _;

use super::{Told, compare, measure};
use crate::cluster::Cluster;
use crate::program::Program;
use crate::throughput::{self, Throughput};

/// Compares and measures, and says what came of it as a section of the results.
pub fn run(cluster: &mut Cluster, programs: &[Program], orders: u64, rounds: u32) -> anyhow::Result<String> {
    let programs: Vec<_> = programs.iter().copied().filter(|program| program.is_stateful()).collect();
    if programs.is_empty() {
        return Ok(String::new());
    }
    let told = Told::of(orders);
    let counts = compare(cluster, &programs, &told)?;
    println!("every record of the order pipeline is the same in all programs: {counts:?}");
    // A broker compiles itself for the first minute, with as much of a core as it works with.
    let cold = measure(cluster, programs[0], &told)?;
    println!("beside a broker that warms up, {}: {:.0} events/s, not counted", programs[0].name(), cold.per_second);
    let rows = throughput::in_turn(&programs, rounds, "events", |program| measure(cluster, program, &told))?;
    Ok(section(&rows, orders, rounds, &counts))
}

fn section(rows: &[(Program, Throughput)], orders: u64, rounds: u32, counts: &[(&'static str, usize)]) -> String {
    let Some(((_, own), others)) = rows.split_first() else { return String::new() };
    let mut text = format!(
        "\n## The order pipeline\n\n\
         TMF622 events as JSON through ingest, entity, routes and SLA clocks: {orders} orders with four events each of some 2.5 kB, \
         a few of them late, early or told twice. Each\nprogram works itself warm, then stands still while the events are written, on a broker that is warm as well. \
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
