//! Messages as records: keys, values and headers copied once, into one piece of memory.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;
use schemas::Timestamp;
use topology::{Header, Offset, Record, TopicName, TopicPartition};

use super::{Queue, millis};
use crate::kafka::event_time;
use crate::kafka::reader::size_of_record;

/// Header names that were seen: few, again and again.
#[derive(Default)]
pub(in crate::kafka) struct Names(Vec<Arc<str>>);

/// So many names are remembered; a writer that invents names must not fill the memory.
const NAMES: usize = 64;

impl Names {
    fn get(&mut self, name: &CStr) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| known.as_bytes() == name.to_bytes()) {
            return known.clone();
        }
        // A name that is not text is nobody's, but its record must come through.
        let name: Arc<str> = name.to_string_lossy().into();
        if self.0.len() < NAMES {
            self.0.push(name.clone());
        }
        name
    }
}

/// A header as it stands in the message.
struct RawHeader<'m> {
    name: &'m CStr,
    value: &'m [u8],
}

/// The record that a message holds. The message is one that the client handed out, not yet destroyed.
fn record(message: &raw::rd_kafka_message_t, topic: TopicName, names: &mut Names) -> Record {
    let (key, value) = (part(message, message.key, message.key_len), part(message, message.payload, message.len));
    let mut headers = headers(message);
    let event_time = take_event_time(&mut headers);
    let headers_length: usize = headers.iter().map(|header| header.value.len()).sum();
    let mut memory = Vec::with_capacity(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers_length);
    key.into_iter().chain(value).chain(headers.iter().map(|header| header.value)).for_each(|part| {
        memory.extend_from_slice(part);
    });
    let mut memory = Bytes::from(memory);
    let mut next = |part: &[u8]| memory.split_to(part.len());
    let (key, value) = (key.map(&mut next), value.map(&mut next));
    let headers: Vec<Header> = headers.iter().map(|header| (names.get(header.name), next(header.value))).collect();
    let mut kind = raw::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is alive, as its reference says.
    let timestamp = unsafe { raw::rd_kafka_message_timestamp(message, &raw mut kind) };
    Record {
        topic,
        partition: message.partition as u32,
        offset: Offset(message.offset),
        timestamp: event_time.unwrap_or(Timestamp(timestamp.max(0))),
        key,
        value,
        headers,
    }
}

/// The bytes at a pointer of the message; `None` for null, which is not the same as empty.
fn part(_message: &raw::rd_kafka_message_t, at: *mut std::ffi::c_void, length: usize) -> Option<&[u8]> {
    // SAFETY: librdkafka's key and payload pointers are null or hold so many bytes, unchanged
    // until the message is destroyed, which its reference rules out for the result's lifetime.
    (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts(at.cast(), length) })
}

/// The headers, whatever their names hold; the wrapper panics on names that are not UTF-8.
fn headers(message: &raw::rd_kafka_message_t) -> Vec<RawHeader<'_>> {
    let mut headers = std::ptr::null_mut();
    // SAFETY: the message is alive; the headers stay its own and are only read.
    let code = unsafe { raw::rd_kafka_message_headers(message, &raw mut headers) };
    if code != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
        return Vec::new();
    }
    // SAFETY: as above.
    let count = unsafe { raw::rd_kafka_header_cnt(headers) };
    let mut found = Vec::with_capacity(count);
    for index in 0..count {
        let (mut name, mut value, mut length) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the index is below the count; the three places are written before use.
        let code =
            unsafe { raw::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut length) };
        if code != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            break;
        }
        // SAFETY: names end with a zero, which librdkafka adds; both live as long as the message.
        let name = unsafe { CStr::from_ptr(name) };
        // SAFETY: as for the name; a null value has no bytes.
        let value = if value.is_null() { &[][..] } else { unsafe { std::slice::from_raw_parts(value.cast(), length) } };
        found.push(RawHeader { name, value });
    }
    found
}

/// The time at which something happened, where the record's own is that of its writing.
fn take_event_time(headers: &mut Vec<RawHeader<'_>>) -> Option<Timestamp> {
    let read = |header: &RawHeader<'_>| {
        let is_it = header.name.to_bytes() == event_time::HEADER.as_bytes();
        is_it.then(|| event_time::read(header.value)).flatten()
    };
    let (at, event_time) = headers.iter().enumerate().find_map(|(at, header)| Some((at, read(header)?)))?;
    headers.remove(at);
    Some(event_time)
}

/// The topics that a queue brings records of. They come in runs, so the last one is asked first.
#[derive(Default)]
pub(in crate::kafka) struct Topics {
    known: Vec<(String, TopicName)>,
    /// The client's handle of the last record's topic, and which one of the known it is.
    last: Option<(*mut raw::rd_kafka_topic_t, Option<usize>)>,
}

// SAFETY: the pointer is compared and never followed.
unsafe impl Send for Topics {}

impl Topics {
    /// Knows these, by the broker's names.
    pub(in crate::kafka) fn new(known: Vec<(String, TopicName)>) -> Self {
        Self { known, last: None }
    }

    /// The one with the broker's name.
    pub(in crate::kafka) fn find(&self, name: &str) -> Option<&TopicName> {
        self.known.iter().find(|(known, _)| known == name).map(|(_, topic)| topic)
    }

    /// The broker's names.
    pub(in crate::kafka) fn names(&self) -> Vec<&str> {
        self.known.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn of(&mut self, message: &raw::rd_kafka_message_t) -> Option<TopicName> {
        let found = match self.last {
            Some((last, found)) if last == message.rkt => found,
            _ => {
                // SAFETY: the message is alive and holds its topic, whose name lives as long as it.
                let name = unsafe { CStr::from_ptr(raw::rd_kafka_topic_name(message.rkt)) };
                let found = self.known.iter().position(|(known, _)| known.as_bytes() == name.to_bytes());
                self.last = Some((message.rkt, found));
                found
            }
        };
        found.map(|found| self.known[found].1.clone())
    }
}

/// What came instead of a record.
pub(in crate::kafka) struct Fault {
    pub(in crate::kafka) code: RDKafkaErrorCode,
    /// Of which partition; `None` where it is of none.
    pub(in crate::kafka) partition: Option<TopicPartition>,
    /// Where that was to be read.
    pub(in crate::kafka) at: Offset,
}

/// Takes what is in a queue that several partitions are forwarded to, about `max_bytes` of it, without waiting;
/// returns how many bytes came. What is no record goes to `fault`.
pub(in crate::kafka) fn take_all(
    queue: &Queue,
    max_bytes: usize,
    topics: &mut Topics,
    names: &mut Names,
    into: &mut Vec<Record>,
    mut fault: impl FnMut(Fault),
) -> usize {
    let mut messages = [std::ptr::null_mut(); BATCH];
    let mut bytes = 0;
    while bytes < max_bytes {
        // SAFETY: the queue is alive; the array has room for as many as are asked for.
        let count = unsafe { raw::rd_kafka_consume_batch_queue(queue.0, 0, messages.as_mut_ptr(), BATCH) };
        let count = usize::try_from(count).unwrap_or(0);
        for message in &messages[..count] {
            {
                // SAFETY: the call wrote `count` valid messages, which are ours until destroyed below.
                let message = unsafe { &**message };
                match RDKafkaErrorCode::from(message.err) {
                    RDKafkaErrorCode::NoError => {
                        if let Some(topic) = topics.of(message) {
                            let record = record(message, topic, names);
                            bytes += size_of_record(&record);
                            into.push(record);
                        }
                    }
                    code => {
                        let topic = if message.rkt.is_null() { None } else { topics.of(message) };
                        let partition = topic.map(|topic| TopicPartition::new(topic, message.partition as u32));
                        fault(Fault { code, partition, at: Offset(message.offset) });
                    }
                }
            }
            // SAFETY: ours, destroyed once, and no reference to it is left.
            unsafe { raw::rd_kafka_message_destroy(*message) };
        }
        if count < BATCH {
            break;
        }
    }
    bytes
}

/// What a partition's queue gave.
pub(in crate::kafka) enum Taken {
    /// A record.
    Record(Record),
    /// Everything before this offset was given.
    End(Offset),
    /// The partition cannot be read.
    Failed(RDKafkaErrorCode),
}

/// So many messages are taken off a queue at once.
const BATCH: usize = 256;

/// Takes what is in a partition's queue, and waits for the first if there is nothing.
pub(in crate::kafka) fn take(
    queue: &Queue,
    timeout: Duration,
    limit: usize,
    topic: &TopicName,
    names: &mut Names,
    into: &mut Vec<Taken>,
) {
    let mut messages = [std::ptr::null_mut(); BATCH];
    let mut take = |timeout: Duration, limit: usize| {
        // SAFETY: the queue is alive; the array has room for as many as are asked for.
        let count =
            unsafe { raw::rd_kafka_consume_batch_queue(queue.0, millis(timeout), messages.as_mut_ptr(), limit) };
        usize::try_from(count).unwrap_or(0)
    };
    // The call waits for as many as it was asked for: for one only, then for none.
    let mut count = take(Duration::ZERO, limit.clamp(1, BATCH));
    if count == 0 && !timeout.is_zero() {
        count = take(timeout, 1);
    }
    for message in messages.into_iter().take(count) {
        {
            // SAFETY: the call wrote `count` valid messages, which are ours until destroyed below.
            let message = unsafe { &*message };
            into.push(match RDKafkaErrorCode::from(message.err) {
                RDKafkaErrorCode::NoError => Taken::Record(record(message, topic.clone(), names)),
                RDKafkaErrorCode::PartitionEOF => Taken::End(Offset(message.offset)),
                code => Taken::Failed(code),
            });
        }
        // SAFETY: ours, destroyed once, and no reference to it is left.
        unsafe { raw::rd_kafka_message_destroy(message) };
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::time::Instant;

    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, Producer as _};
    use rdkafka::types::RDKafkaRespErr;

    use super::*;

    /// Writes a record with one header, whatever its name is.
    fn produce(producer: &BaseProducer, topic: &str, name: &[u8], value: &[u8]) {
        use raw::rd_kafka_vtype_t::*;
        let (topic, payload) = (CString::new(topic).unwrap(), b"payload");
        // SAFETY: all pointers live during the calls, which copy what they point to; the headers
        // become the client's own when the record is taken.
        let code = unsafe {
            let headers = raw::rd_kafka_headers_new(1);
            let added = raw::rd_kafka_header_add(
                headers,
                name.as_ptr().cast(),
                name.len() as isize,
                value.as_ptr().cast(),
                value.len() as isize,
            );
            assert_eq!(added, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
            raw::rd_kafka_producev(
                producer.client().native_ptr(),
                RD_KAFKA_VTYPE_TOPIC,
                topic.as_ptr(),
                RD_KAFKA_VTYPE_PARTITION,
                0_i32,
                RD_KAFKA_VTYPE_MSGFLAGS,
                raw::RD_KAFKA_MSG_F_COPY,
                RD_KAFKA_VTYPE_VALUE,
                payload.as_ptr(),
                payload.len(),
                RD_KAFKA_VTYPE_TIMESTAMP,
                17_i64,
                RD_KAFKA_VTYPE_HEADERS,
                headers,
                RD_KAFKA_VTYPE_END,
            )
        };
        assert_eq!(code, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
        producer.flush(Duration::from_secs(20)).unwrap();
    }

    #[test]
    fn a_header_whose_name_is_no_text_ends_nobody() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        let config = |properties: &[(&str, &str)]| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", cluster.bootstrap_servers());
            for (name, value) in properties {
                config.set(*name, *value);
            }
            config
        };
        let producer: BaseProducer = config(&[]).create().unwrap();
        produce(&producer, "t", b"name \xff\xfe", b"\x00\xff");
        let consumer: BaseConsumer = config(&[("group.id", "g"), ("auto.offset.reset", "earliest")]).create().unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_offset("t", 0, rdkafka::Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let message = loop {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => break message,
                _ => assert!(Instant::now() < deadline, "the record does not come"),
            }
        };
        // SAFETY: the wrapper keeps the message alive for as long as it is borrowed.
        let record = record(unsafe { &*message.ptr() }, "t".into(), &mut Names::default());
        assert_eq!((&record.key, record.value.as_deref()), (&None, Some(&b"payload"[..])));
        assert_eq!((record.timestamp, record.offset), (Timestamp(17), Offset(0)));
        assert_eq!(record.headers, [("name \u{fffd}\u{fffd}".into(), Bytes::from_static(b"\x00\xff"))]);
    }
}
