//! What the hub may do with topics, as the brokers tell.

use std::ffi::{CString, c_char};

use rdkafka::bindings as raw;
use rdkafka::bindings::rd_kafka_AclOperation_t::{RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_OPERATION_WRITE};
use rdkafka::bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
use rdkafka::error::RDKafkaErrorCode;

use super::admin::{Admin, Answers, invalid};
use super::{Failure, text_of};

/// What may be done with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::kafka) struct Rights {
    pub(in crate::kafka) read: bool,
    pub(in crate::kafka) write: bool,
}

/// Names of topics, owned.
struct Collection(*mut raw::rd_kafka_TopicCollection_t);

impl Drop for Collection {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed only here.
        unsafe { raw::rd_kafka_TopicCollection_destroy(self.0) };
    }
}

impl Admin {
    /// What the hub may do with each of these topics; nothing where the brokers do not say.
    pub(in crate::kafka) fn rights(
        &self,
        topics: &[String],
    ) -> Result<Answers<String, Option<Rights>, RDKafkaErrorCode>, Failure> {
        let names: Result<Vec<CString>, _> = topics.iter().map(|topic| CString::new(topic.as_str())).collect();
        let names = names.map_err(|_| invalid("a topic's name holds a zero"))?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: as many names as are told, each alive during the call, which copies them.
        let asked =
            Collection(unsafe { raw::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) });
        let options = self.options(RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        // SAFETY: the options are of this request, so this is taken: no error to destroy.
        unsafe { raw::rd_kafka_AdminOptions_set_include_authorized_operations(options.0, 1) };
        let event = self.ask(|queue| {
            // SAFETY: handle, names and options live until after the call, which copies them.
            unsafe { raw::rd_kafka_DescribeTopics(self.rk(), asked.0, options.0, queue) };
        })?;
        let mut count = 0;
        // SAFETY: the event is of this request, so its result is there, and lives as long as it.
        let described = unsafe {
            let result = raw::rd_kafka_event_DescribeTopics_result(event.0);
            raw::rd_kafka_DescribeTopics_result_topics(result, &raw mut count)
        };
        // SAFETY: librdkafka gives so many pointers; all of it is copied before the event ends.
        let answers = (0..count).map(|index| unsafe {
            let topic = *described.add(index);
            let name = text_of(raw::rd_kafka_TopicDescription_name(topic));
            let code = raw::rd_kafka_error_code(raw::rd_kafka_TopicDescription_error(topic));
            let answer = match RDKafkaErrorCode::from(code) {
                RDKafkaErrorCode::NoError => Ok(rights_of(topic)),
                code => Err(code),
            };
            (name, answer)
        });
        Ok(answers.collect())
    }
}

/// What may be done with a described topic.
///
/// # Safety
/// The description belongs to an event that lives.
unsafe fn rights_of(topic: *const raw::rd_kafka_TopicDescription_t) -> Option<Rights> {
    let mut count = 0;
    // SAFETY: as the caller promises.
    let operations = unsafe { raw::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count) };
    if operations.is_null() {
        return None;
    }
    // SAFETY: librdkafka gives so many of them, which live as long as the description.
    let operations = unsafe { std::slice::from_raw_parts(operations, count) };
    let may = |operation| operations.contains(&operation);
    Some(Rights { read: may(RD_KAFKA_ACL_OPERATION_READ), write: may(RD_KAFKA_ACL_OPERATION_WRITE) })
}
