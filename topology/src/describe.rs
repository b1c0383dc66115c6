//! A plan as text, as a Mermaid graph and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::{StoreKind, StoreSpec, SubTopology, Topology};

impl Topology {
    /// The plan as indented text.
    ///
    /// ```text
    /// sub-topology count
    ///   source in <- words
    ///   processor counter <- in [stores: counts]
    ///   sink out -> counts <- counter
    ///   store counts: key-value
    /// ```
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for part in &self.sub_topologies {
            describe_part(&mut text, part);
        }
        for table in &self.tables {
            line(&mut text, format_args!("global table {} <- {}", table.name, table.topic));
        }
        text
    }

    /// The plan as a Mermaid flow chart: topics are drawn round, stores as cylinders.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for part in &self.sub_topologies {
            let node = |name: &str| id(&format!("{}.{name}", part.name));
            line(&mut text, format_args!("  subgraph {}[\"{}\"]", id(&part.name), part.name));
            for processor in &part.processors {
                line(&mut text, format_args!("    {}[\"{}\"]", node(&processor.name), processor.name));
            }
            for store in &part.stores {
                line(&mut text, format_args!("    {}[(\"{}\")]", node(&store.name), store.name));
            }
            line(&mut text, format_args!("  end"));
            for source in &part.sources {
                line(&mut text, format_args!("  {}([\"{}\"])", topic_id(&source.topic), source.topic));
            }
            for processor in &part.processors {
                for parent in &processor.parents {
                    let source = part.sources.iter().find(|source| source.name == *parent);
                    let from = source.map_or_else(|| node(parent), |source| topic_id(&source.topic));
                    line(&mut text, format_args!("  {from} --> {}", node(&processor.name)));
                }
                for store in &processor.stores {
                    line(&mut text, format_args!("  {} --- {}", node(&processor.name), node(store)));
                }
                for table in part.tables.iter().filter(|table| processor.tables.contains(&table.name)) {
                    line(
                        &mut text,
                        format_args!(
                            "  {}([\"{}\"]) -.-> {}",
                            topic_id(&table.topic),
                            table.topic,
                            node(&processor.name)
                        ),
                    );
                }
            }
            for sink in &part.sinks {
                for parent in &sink.parents {
                    line(
                        &mut text,
                        format_args!("  {} --> {}([\"{}\"])", node(parent), topic_id(&sink.topic), sink.topic),
                    );
                }
            }
        }
        text
    }

    /// The plan as JSON, for programs.
    pub fn to_json(&self) -> serde_json::Value {
        let plan = PlanView {
            sub_topologies: self.sub_topologies.iter().map(PartView::from).collect(),
            global_tables: self
                .tables
                .iter()
                .map(|table| TopicView { name: &table.name, topic: &table.topic, parents: &[] })
                .collect(),
        };
        serde_json::to_value(plan).expect("names and numbers are always JSON")
    }
}

fn describe_part(text: &mut String, part: &SubTopology) {
    line(text, format_args!("sub-topology {}", part.name));
    for source in &part.sources {
        line(text, format_args!("  source {} <- {}", source.name, source.topic));
    }
    for node in &part.processors {
        let mut uses = String::new();
        for (kind, names) in [("stores", &node.stores), ("tables", &node.tables)] {
            if !names.is_empty() {
                write!(uses, " [{kind}: {}]", names.join(", ")).expect("a string takes every text");
            }
        }
        line(text, format_args!("  processor {} <- {}{uses}", node.name, node.parents.join(", ")));
    }
    for sink in &part.sinks {
        line(text, format_args!("  sink {} -> {} <- {}", sink.name, sink.topic, sink.parents.join(", ")));
    }
    for store in &part.stores {
        line(text, format_args!("  store {}: {}", store.name, kind(store)));
    }
}

fn kind(store: &StoreSpec) -> String {
    match store.kind {
        StoreKind::KeyValue => "key-value".into(),
        StoreKind::OrderedKeyValue => "ordered key-value".into(),
        StoreKind::Window { retention, segment, .. } => {
            format!("window, kept {retention:?} in segments of {segment:?}")
        }
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes every line");
}

/// A name as Mermaid takes it.
fn id(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

fn topic_id(topic: &str) -> String {
    format!("topic_{}", id(topic))
}

#[derive(Serialize)]
struct PlanView<'a> {
    sub_topologies: Vec<PartView<'a>>,
    global_tables: Vec<TopicView<'a>>,
}

#[derive(Serialize)]
struct PartView<'a> {
    name: &'a str,
    sources: Vec<TopicView<'a>>,
    processors: Vec<NodeView<'a>>,
    sinks: Vec<TopicView<'a>>,
    stores: Vec<StoreView<'a>>,
}

#[derive(Serialize)]
struct TopicView<'a> {
    name: &'a str,
    topic: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    parents: &'a [String],
}

#[derive(Serialize)]
struct NodeView<'a> {
    name: &'a str,
    parents: &'a [String],
    stores: &'a [String],
    tables: &'a [String],
}

#[derive(Serialize)]
struct StoreView<'a> {
    name: &'a str,
    kind: String,
}

impl<'a> From<&'a SubTopology> for PartView<'a> {
    fn from(part: &'a SubTopology) -> Self {
        let sources = part.sources.iter().map(|node| TopicView { name: &node.name, topic: &node.topic, parents: &[] });
        let sinks =
            part.sinks.iter().map(|node| TopicView { name: &node.name, topic: &node.topic, parents: &node.parents });
        let nodes = part.processors.iter().map(|node| NodeView {
            name: &node.name,
            parents: &node.parents,
            stores: &node.stores,
            tables: &node.tables,
        });
        Self {
            name: &part.name,
            sources: sources.collect(),
            processors: nodes.collect(),
            sinks: sinks.collect(),
            stores: part.stores.iter().map(|store| StoreView { name: &store.name, kind: kind(store) }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{Nothing, plan};

    #[test]
    fn text_names_every_node_and_what_it_is_connected_to() {
        let mut builder = plan();
        builder
            .sub_topology("next")
            .source("in", "out.a")
            .processor("p", &["in"], &[], &["partners"], || Box::new(Nothing));
        assert_eq!(
            builder.build().unwrap().describe(),
            "sub-topology part\n  source in <- a\n  processor first <- in [stores: s]\n  processor second <- first\n  \
             sink out -> out.a <- second\n  store s: key-value\n\
             sub-topology next\n  source in <- out.a\n  processor p <- in [tables: partners]\n\
             global table partners <- hub.partner\n"
        );
    }

    #[test]
    fn the_graph_joins_parts_by_their_topics() {
        let graph = plan().build().unwrap().to_mermaid();
        for edge in [
            "topic_a --> part_first",
            "part_first --> part_second",
            "part_second --> topic_out_a",
            "part_first --- part_s",
        ] {
            assert!(graph.contains(edge), "{edge} in\n{graph}");
        }
    }

    #[test]
    fn json_has_the_same_nodes() {
        let json = plan().build().unwrap().to_json();
        assert_eq!(json["sub_topologies"][0]["processors"][1]["parents"][0], "first");
        assert_eq!(json["sub_topologies"][0]["stores"][0]["kind"], "key-value");
        assert_eq!(json["global_tables"][0]["topic"], "hub.partner");
    }
}
