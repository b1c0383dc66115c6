//! What is committed: topics, the segments of every partition with their ends, and the positions
//! of every group. One value, changed only by applying frames of the commit file.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use topology::{Cleanup, LogError, Offset, Position, TopicSpec};

use super::codec::{Reader, Writer};

/// A segment as far as it is committed. It covers the offsets from its base to the next one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentEntry {
    pub(super) base: i64,
    /// 0 as written; higher once compacted.
    pub(super) generation: u32,
    pub(super) bytes: u64,
    pub(super) append_time: i64,
}

/// A partition: never without a segment; the last one is appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionEntry {
    pub(super) end: i64,
    pub(super) segments: Vec<SegmentEntry>,
}

impl PartitionEntry {
    fn new() -> Self {
        Self { end: 0, segments: vec![SegmentEntry { base: 0, generation: 0, bytes: 0, append_time: 0 }] }
    }

    /// The first offset that is kept.
    pub(super) fn start(&self) -> i64 {
        self.segments[0].base
    }

    /// The segment that is appended to.
    pub(super) fn active(&self) -> SegmentEntry {
        self.segments[self.segments.len() - 1]
    }
}

/// How far one round moved one partition. A round that rolls a segment has two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) partition: u32,
    pub(super) end: i64,
    pub(super) segment: i64,
    pub(super) bytes: u64,
}

/// A group's new position in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) group: String,
    pub(super) partition: u32,
    pub(super) position: Position,
}

/// A change that becomes durable as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// All there is; each commit file begins with it.
    Snapshot(Manifest),
    /// Transactions that shared one sync.
    Round { transactions: u64, append_time: i64, moves: Vec<Move>, positions: Vec<Moved> },
    /// New topics, or new settings of known ones.
    Topics(Vec<TopicSpec>),
    /// Segments deleted by retention or rewritten by compaction.
    Replace { partition: u32, removed: Vec<i64>, added: Vec<SegmentEntry> },
}

/// Everything that is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Counts the transactions ever committed.
    pub(super) transactions: u64,
    /// Topics in the order of their creation, each with the number of its first partition.
    pub(super) topics: Vec<(TopicSpec, u32)>,
    pub(super) partitions: Vec<PartitionEntry>,
    pub(super) positions: BTreeMap<String, BTreeMap<u32, Position>>,
}

impl Manifest {
    /// Applies a frame. `None` when it does not fit what is known: the file is corrupt.
    pub(super) fn apply(&mut self, frame: Frame) -> Option<()> {
        match frame {
            Frame::Snapshot(manifest) => *self = manifest,
            Frame::Topics(specs) => specs.into_iter().for_each(|spec| self.apply_topic(spec)),
            Frame::Round { transactions, append_time, moves, positions } => {
                for Move { partition, end, segment, bytes } in moves {
                    let entry = self.partitions.get_mut(partition as usize)?;
                    let last = entry.segments.last_mut()?;
                    match last.base.cmp(&segment) {
                        Ordering::Equal => {
                            last.bytes = bytes;
                            last.append_time = last.append_time.max(append_time);
                        }
                        Ordering::Less => {
                            entry.segments.push(SegmentEntry { base: segment, generation: 0, bytes, append_time });
                        }
                        Ordering::Greater => return None,
                    }
                    entry.end = end;
                }
                for Moved { group, partition, position } in positions {
                    if partition as usize >= self.partitions.len() {
                        return None;
                    }
                    match self.positions.get_mut(&group) {
                        Some(group) => drop(group.insert(partition, position)),
                        None => drop(self.positions.insert(group, BTreeMap::from([(partition, position)]))),
                    }
                }
                self.transactions += transactions;
            }
            Frame::Replace { partition, removed, added } => {
                let entry = self.partitions.get_mut(partition as usize)?;
                entry.segments.retain(|segment| !removed.contains(&segment.base));
                entry.segments.extend(added);
                entry.segments.sort_by_key(|segment| segment.base);
                entry.segments.last()?;
            }
        }
        Some(())
    }

    /// Which of `specs` are new or changed.
    pub(super) fn missing(&self, specs: Vec<TopicSpec>) -> Result<Vec<TopicSpec>, LogError> {
        let mut missing: Vec<TopicSpec> = Vec::new();
        for spec in specs {
            let mut known = self.topics.iter().map(|(known, _)| known).chain(&missing);
            match known.rfind(|known| known.name == spec.name) {
                Some(known) if known.partitions != spec.partitions => {
                    let (topic, actual, wanted) = (spec.name, known.partitions, spec.partitions);
                    return Err(LogError::PartitionCount { topic, actual, wanted });
                }
                Some(known) if *known == spec => {}
                _ => missing.push(spec),
            }
        }
        Ok(missing)
    }

    fn apply_topic(&mut self, spec: TopicSpec) {
        if let Some((known, _)) = self.topics.iter_mut().find(|(known, _)| known.name == spec.name) {
            *known = spec;
            return;
        }
        let first = self.partitions.len() as u32;
        self.partitions.extend((0..spec.partitions).map(|_| PartitionEntry::new()));
        self.topics.push((spec, first));
    }
}

impl Frame {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::Snapshot(manifest) => {
                writer.u8(0);
                write_manifest(&mut writer, manifest);
            }
            Self::Round { transactions, append_time, moves, positions } => {
                writer.u8(1);
                writer.u64(*transactions);
                writer.i64(*append_time);
                writer.u32(moves.len() as u32);
                for entry in moves {
                    writer.u32(entry.partition);
                    writer.i64(entry.end);
                    writer.i64(entry.segment);
                    writer.u64(entry.bytes);
                }
                writer.u32(positions.len() as u32);
                for moved in positions {
                    writer.text(&moved.group);
                    write_position(&mut writer, moved.partition, &moved.position);
                }
            }
            Self::Topics(specs) => {
                writer.u8(2);
                writer.u32(specs.len() as u32);
                for spec in specs {
                    write_topic(&mut writer, spec);
                }
            }
            Self::Replace { partition, removed, added } => {
                writer.u8(3);
                writer.u32(*partition);
                writer.u32(removed.len() as u32);
                for base in removed {
                    writer.i64(*base);
                }
                write_segments(&mut writer, added);
            }
        }
        writer.0
    }

    /// Reads a frame; `None` when the bytes make no sense.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let frame = match reader.u8()? {
            0 => Self::Snapshot(read_manifest(&mut reader)?),
            1 => Self::Round {
                transactions: reader.u64()?,
                append_time: reader.i64()?,
                moves: reader.list(|reader| {
                    let (partition, end) = (reader.u32()?, reader.i64()?);
                    Some(Move { partition, end, segment: reader.i64()?, bytes: reader.u64()? })
                })?,
                positions: reader.list(|reader| {
                    let group = reader.text()?;
                    let (partition, position) = read_position(reader)?;
                    Some(Moved { group, partition, position })
                })?,
            },
            2 => Self::Topics(reader.list(read_topic)?),
            3 => Self::Replace {
                partition: reader.u32()?,
                removed: reader.list(Reader::i64)?,
                added: reader.list(read_segment)?,
            },
            _ => return None,
        };
        reader.0.is_empty().then_some(frame)
    }
}

fn write_manifest(writer: &mut Writer, manifest: &Manifest) {
    writer.u64(manifest.transactions);
    writer.u32(manifest.topics.len() as u32);
    for (spec, _) in &manifest.topics {
        write_topic(writer, spec);
    }
    for partition in &manifest.partitions {
        writer.i64(partition.end);
        write_segments(writer, &partition.segments);
    }
    writer.u32(manifest.positions.len() as u32);
    for (group, positions) in &manifest.positions {
        writer.text(group);
        writer.u32(positions.len() as u32);
        for (partition, position) in positions {
            write_position(writer, *partition, position);
        }
    }
}

fn read_manifest(reader: &mut Reader<'_>) -> Option<Manifest> {
    let mut manifest = Manifest { transactions: reader.u64()?, ..Manifest::default() };
    manifest.apply(Frame::Topics(reader.list(read_topic)?))?;
    for partition in &mut manifest.partitions {
        partition.end = reader.i64()?;
        partition.segments = reader.list(read_segment)?;
        partition.segments.last()?;
    }
    let groups = reader.list(|reader| Some((reader.text()?, reader.list(read_position)?)))?;
    manifest.positions = groups.into_iter().map(|(group, list)| (group, list.into_iter().collect())).collect();
    Some(manifest)
}

fn write_topic(writer: &mut Writer, spec: &TopicSpec) {
    writer.text(&spec.name);
    writer.u32(spec.partitions);
    writer.u8(match spec.cleanup {
        Cleanup::Delete => 0,
        Cleanup::Compact => 1,
        Cleanup::CompactDelete => 2,
    });
    writer.option_u64(spec.retention.map(|retention| retention.as_millis() as u64));
    writer.option_u64(spec.retention_bytes);
}

fn read_topic(reader: &mut Reader<'_>) -> Option<TopicSpec> {
    Some(TopicSpec {
        name: reader.text()?.into(),
        partitions: reader.u32()?,
        cleanup: match reader.u8()? {
            0 => Cleanup::Delete,
            1 => Cleanup::Compact,
            2 => Cleanup::CompactDelete,
            _ => return None,
        },
        retention: reader.optional()?.next().map(Duration::from_millis),
        retention_bytes: reader.optional()?.next(),
    })
}

fn write_segments(writer: &mut Writer, segments: &[SegmentEntry]) {
    writer.u32(segments.len() as u32);
    for segment in segments {
        writer.i64(segment.base);
        writer.u32(segment.generation);
        writer.u64(segment.bytes);
        writer.i64(segment.append_time);
    }
}

fn read_segment(reader: &mut Reader<'_>) -> Option<SegmentEntry> {
    let (base, generation) = (reader.i64()?, reader.u32()?);
    Some(SegmentEntry { base, generation, bytes: reader.u64()?, append_time: reader.i64()? })
}

fn write_position(writer: &mut Writer, partition: u32, position: &Position) {
    writer.u32(partition);
    writer.i64(position.next_offset.0);
    writer.text(&position.metadata);
}

fn read_position(reader: &mut Reader<'_>) -> Option<(u32, Position)> {
    let partition = reader.u32()?;
    Some((partition, Position { next_offset: Offset(reader.i64()?), metadata: reader.text()? }))
}
