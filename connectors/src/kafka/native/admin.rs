//! Administrative requests, asked and awaited: topics, positions of groups.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::bindings::rd_kafka_admin_op_t::{
    self, RD_KAFKA_ADMIN_OP_CREATETOPICS, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::{Event, Failure, Queue, millis, text_of};
use crate::kafka::client::Context;

/// A topic to be made.
pub(in crate::kafka) struct NewTopic {
    pub(in crate::kafka) name: String,
    pub(in crate::kafka) partitions: u32,
    pub(in crate::kafka) replication: Option<u16>,
    pub(in crate::kafka) properties: Vec<(&'static str, String)>,
}

/// How each of several things that were asked for went.
pub(in crate::kafka) type Answers<K, V, E = RDKafkaErrorCode> = Vec<(K, Result<V, E>)>;

/// A partition by name and number.
pub(in crate::kafka) type Place = (String, i32);

/// The administrative side of a client, which it keeps alive.
pub(in crate::kafka) struct Admin {
    pub(in crate::kafka) client: Arc<BaseConsumer<Context>>,
    pub(in crate::kafka) timeout: Duration,
}

/// The longest time-out that librdkafka takes.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Options, owned.
pub(super) struct Options(pub(super) *mut raw::rd_kafka_AdminOptions_t);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed only here.
        unsafe { raw::rd_kafka_AdminOptions_destroy(self.0) };
    }
}

impl Admin {
    /// The handle, alive for as long as this is.
    pub(super) fn rk(&self) -> *mut raw::rd_kafka_t {
        self.client.client().native_ptr()
    }

    pub(super) fn options(&self, operation: rd_kafka_admin_op_t) -> Options {
        self.options_for(operation, self.timeout)
    }

    fn options_for(&self, operation: rd_kafka_admin_op_t, timeout: Duration) -> Options {
        // SAFETY: the handle is alive; the options are ours.
        let options = Options(unsafe { raw::rd_kafka_AdminOptions_new(self.rk(), operation) });
        let mut why = [0; 128];
        // SAFETY: the buffer outlives the call and its length is given; a time-out in this range
        // is always taken.
        unsafe {
            raw::rd_kafka_AdminOptions_set_request_timeout(options.0, millis(timeout), why.as_mut_ptr(), why.len());
        }
        options
    }

    /// Asks and waits for the one answer.
    pub(super) fn ask(&self, start: impl FnOnce(*mut raw::rd_kafka_queue_t)) -> Result<Event, Failure> {
        let queue = Queue::new(self.rk());
        start(queue.0);
        // librdkafka answers by its own time-out at the latest; the second is for the way back.
        let event = queue.poll(self.timeout + Duration::from_secs(1)).ok_or_else(|| Failure {
            code: RDKafkaErrorCode::OperationTimedOut,
            text: "no answer in time".to_owned(),
        })?;
        event.error()?;
        Ok(event)
    }

    /// Makes topics; tells of each how it went, with the broker's sentence.
    pub(in crate::kafka) fn create_topics(&self, topics: &[NewTopic]) -> Result<Answers<String, (), Failure>, Failure> {
        let mut made = Made(Vec::with_capacity(topics.len()));
        for topic in topics {
            made.add(topic)?;
        }
        let options = self.options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
        let event = self.ask(|queue| {
            // SAFETY: the handle, the descriptions and the options live until after the call, which
            // copies them; the answer comes to the queue.
            unsafe { raw::rd_kafka_CreateTopics(self.rk(), made.0.as_mut_ptr(), made.0.len(), options.0, queue) };
        })?;
        let mut count = 0;
        // SAFETY: the event is of this request, so its result is there, and lives as long as it.
        let topics = unsafe {
            let result = raw::rd_kafka_event_CreateTopics_result(event.0);
            raw::rd_kafka_CreateTopics_result_topics(result, &raw mut count)
        };
        // SAFETY: librdkafka gives so many pointers; all of it is copied before the event ends.
        let answers = (0..count).map(|index| unsafe {
            let topic = *topics.add(index);
            let name = text_of(raw::rd_kafka_topic_result_name(topic));
            let answer = match RDKafkaErrorCode::from(raw::rd_kafka_topic_result_error(topic)) {
                RDKafkaErrorCode::NoError => Ok(()),
                code => Err(Failure { code, text: text_of(raw::rd_kafka_topic_result_error_string(topic)) }),
            };
            (name, answer)
        });
        Ok(answers.collect())
    }

    /// The committed positions of a group, with their notes. Where they shall be `stable`, those of transactions that
    /// have not ended are an error, to be asked for again. Nothing for partitions without one.
    ///
    /// A client that let the time pass must not be used again: librdkafka (2.12) frees a question whose time is over
    /// while its coordinator is looked for, and follows the pointer to it once that is found. So it is never told that
    /// time is over; and a client that goes lets all of its questions go.
    pub(in crate::kafka) fn positions(
        &self,
        group: &str,
        partitions: &[(String, i32)],
        stable: bool,
    ) -> Result<Answers<Place, Option<(i64, String)>>, Failure> {
        let list = list_of(partitions);
        let name = CString::new(group).map_err(|_| invalid("a group's name holds a zero"))?;
        // SAFETY: name and list live during the call, which copies them; the request is ours.
        let mut request = unsafe { raw::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), list.ptr()) };
        let options = self.options_for(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, LONGEST);
        // SAFETY: the options are of this request, so this is taken: no error to destroy.
        unsafe { raw::rd_kafka_AdminOptions_set_require_stable_offsets(options.0, i32::from(stable)) };
        let event = self.ask(|queue| {
            // SAFETY: handle, request and options live until after the call, which copies them.
            unsafe { raw::rd_kafka_ListConsumerGroupOffsets(self.rk(), &raw mut request, 1, options.0, queue) };
        });
        // SAFETY: ours, copied by the call above, destroyed once.
        unsafe { raw::rd_kafka_ListConsumerGroupOffsets_destroy(request) };
        let event = event?;
        let mut count = 0;
        // SAFETY: the event is of this request, so its result is there, and lives as long as it.
        let groups = unsafe {
            let result = raw::rd_kafka_event_ListConsumerGroupOffsets_result(event.0);
            raw::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count)
        };
        if count == 0 {
            return Err(invalid("the broker told nothing of the group"));
        }
        // SAFETY: one group was asked for, and its pointer lives as long as the event.
        let group = unsafe { *groups };
        // SAFETY: as above; the error belongs to the group.
        unsafe {
            let error = raw::rd_kafka_group_result_error(group);
            if !error.is_null() {
                return Err(Failure {
                    code: raw::rd_kafka_error_code(error).into(),
                    text: text_of(raw::rd_kafka_error_string(error)),
                });
            }
        }
        // SAFETY: as above; the list holds as many elements as it says.
        let found = unsafe {
            let list = raw::rd_kafka_group_result_partitions(group);
            if list.is_null() || (*list).cnt == 0 {
                &[][..]
            } else {
                std::slice::from_raw_parts((*list).elems, (*list).cnt as usize)
            }
        };
        let position =
            |found: &raw::rd_kafka_topic_partition_t| (found.offset >= 0).then(|| (found.offset, note(found)));
        Ok(found.iter().map(|found| (place_of(found), answer_of(found).map(|()| position(found)))).collect())
    }
}

/// Descriptions of topics, owned.
struct Made(Vec<*mut raw::rd_kafka_NewTopic_t>);

impl Made {
    fn add(&mut self, topic: &NewTopic) -> Result<(), Failure> {
        let name = CString::new(topic.name.as_str()).map_err(|_| invalid("a topic's name holds a zero"))?;
        let mut why = [0; 256];
        // SAFETY: the name is copied; the buffer outlives the call and its length is given.
        let made = unsafe {
            raw::rd_kafka_NewTopic_new(
                name.as_ptr(),
                topic.partitions as i32,
                topic.replication.map_or(-1, i32::from),
                why.as_mut_ptr(),
                why.len(),
            )
        };
        if made.is_null() {
            // SAFETY: on failure the buffer holds a sentence.
            return Err(invalid(&unsafe { text_of(why.as_ptr()) }));
        }
        self.0.push(made);
        for (name, value) in &topic.properties {
            let (name, value) = (CString::new(*name), CString::new(value.as_str()));
            let (Ok(name), Ok(value)) = (name, value) else { return Err(invalid("a property holds a zero")) };
            // SAFETY: the description is ours; both texts are copied.
            unsafe { raw::rd_kafka_NewTopic_set_config(made, name.as_ptr(), value.as_ptr()) };
        }
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for made in &self.0 {
            // SAFETY: ours, and destroyed only here.
            unsafe { raw::rd_kafka_NewTopic_destroy(*made) };
        }
    }
}

pub(super) fn invalid(text: &str) -> Failure {
    Failure { code: RDKafkaErrorCode::InvalidArgument, text: text.to_owned() }
}

fn list_of(partitions: &[(String, i32)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition_offset(topic, *partition, Offset::Invalid)
            .expect("an invalid offset is set by its own number");
    }
    list
}

fn place_of(found: &raw::rd_kafka_topic_partition_t) -> Place {
    // SAFETY: an element's name is a string that lives as long as its list.
    (unsafe { text_of(found.topic) }, found.partition)
}

fn answer_of(found: &raw::rd_kafka_topic_partition_t) -> Result<(), RDKafkaErrorCode> {
    match RDKafkaErrorCode::from(found.err) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(code),
    }
}

fn note(found: &raw::rd_kafka_topic_partition_t) -> String {
    if found.metadata.is_null() || found.metadata_size == 0 {
        return String::new();
    }
    // SAFETY: the note has so many bytes and lives as long as its list.
    let bytes = unsafe { std::slice::from_raw_parts(found.metadata.cast::<u8>(), found.metadata_size) };
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\0').to_owned()
}
