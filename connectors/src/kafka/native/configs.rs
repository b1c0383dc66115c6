//! Settings of topics, asked for and changed.

use std::ffi::CString;

use rdkafka::bindings as raw;
use rdkafka::bindings::rd_kafka_admin_op_t::{
    RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS,
};
use rdkafka::error::RDKafkaErrorCode;

use super::admin::{Admin, Answers, invalid};
use super::{Failure, text_of};

/// The settings of a topic, by name.
pub(in crate::kafka) type Settings = Vec<(String, String)>;

/// Topics whose settings are asked for or changed, owned.
struct Resources(Vec<*mut raw::rd_kafka_ConfigResource_t>);

impl Resources {
    fn add(&mut self, topic: &str) -> Result<*mut raw::rd_kafka_ConfigResource_t, Failure> {
        let name = CString::new(topic).map_err(|_| invalid("a topic's name holds a zero"))?;
        let kind = raw::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: the name is copied by the call.
        let resource = unsafe { raw::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
        if resource.is_null() {
            return Err(invalid("a topic's name is none"));
        }
        self.0.push(resource);
        Ok(resource)
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        for resource in &self.0 {
            // SAFETY: ours, and destroyed only here.
            unsafe { raw::rd_kafka_ConfigResource_destroy(*resource) };
        }
    }
}

/// How it went for one of the resources of an answer.
///
/// # Safety
/// The resource belongs to an event that lives.
unsafe fn answer_of(resource: *const raw::rd_kafka_ConfigResource_t) -> (String, Result<(), Failure>) {
    // SAFETY: as the caller promises; the texts are copied.
    unsafe {
        let name = text_of(raw::rd_kafka_ConfigResource_name(resource));
        let answer = match RDKafkaErrorCode::from(raw::rd_kafka_ConfigResource_error(resource)) {
            RDKafkaErrorCode::NoError => Ok(()),
            code => Err(Failure { code, text: text_of(raw::rd_kafka_ConfigResource_error_string(resource)) }),
        };
        (name, answer)
    }
}

impl Admin {
    /// All settings of these topics, those that nobody set among them.
    pub(in crate::kafka) fn topic_settings(
        &self,
        topics: &[String],
    ) -> Result<Answers<String, Settings, Failure>, Failure> {
        let mut asked = Resources(Vec::with_capacity(topics.len()));
        for topic in topics {
            asked.add(topic)?;
        }
        let options = self.options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        let event = self.ask(|queue| {
            // SAFETY: handle, resources and options live until after the call, which copies them.
            unsafe { raw::rd_kafka_DescribeConfigs(self.rk(), asked.0.as_mut_ptr(), asked.0.len(), options.0, queue) };
        })?;
        let mut count = 0;
        // SAFETY: the event is of this request, so its result is there, and lives as long as it.
        let resources = unsafe {
            let result = raw::rd_kafka_event_DescribeConfigs_result(event.0);
            raw::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count)
        };
        // SAFETY: librdkafka gives so many pointers; all of it is copied before the event ends.
        let answers = (0..count).map(|index| unsafe {
            let resource = *resources.add(index);
            let (name, answer) = answer_of(resource);
            let mut entries = 0;
            let configs = raw::rd_kafka_ConfigResource_configs(resource, &raw mut entries);
            let setting = |index| {
                let entry = *configs.add(index);
                (text_of(raw::rd_kafka_ConfigEntry_name(entry)), text_of(raw::rd_kafka_ConfigEntry_value(entry)))
            };
            (name, answer.map(|()| (0..entries).map(setting).collect()))
        });
        Ok(answers.collect())
    }

    /// Sets these settings of topics and leaves their others alone.
    pub(in crate::kafka) fn change_topics(
        &self,
        changes: &[(String, Vec<(&'static str, String)>)],
    ) -> Result<Answers<String, (), Failure>, Failure> {
        let set = raw::rd_kafka_AlterConfigOpType_t::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET;
        let mut asked = Resources(Vec::with_capacity(changes.len()));
        for (topic, settings) in changes {
            let resource = asked.add(topic)?;
            for (name, value) in settings {
                let (name, value) = (CString::new(*name), CString::new(value.as_str()));
                let (Ok(name), Ok(value)) = (name, value) else { return Err(invalid("a setting holds a zero")) };
                // SAFETY: the resource is ours; both texts are copied. An error, which would be ours, only comes
                // for an empty name.
                let refused = unsafe {
                    raw::rd_kafka_ConfigResource_add_incremental_config(resource, name.as_ptr(), set, value.as_ptr())
                };
                if !refused.is_null() {
                    // SAFETY: ours, destroyed once.
                    unsafe { raw::rd_kafka_error_destroy(refused) };
                    return Err(invalid("a setting has no name"));
                }
            }
        }
        let options = self.options(RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS);
        let event = self.ask(|queue| {
            let (resources, count) = (asked.0.as_mut_ptr(), asked.0.len());
            // SAFETY: handle, resources and options live until after the call, which copies them.
            unsafe { raw::rd_kafka_IncrementalAlterConfigs(self.rk(), resources, count, options.0, queue) };
        })?;
        let mut count = 0;
        // SAFETY: the event is of this request, so its result is there, and lives as long as it.
        let resources = unsafe {
            let result = raw::rd_kafka_event_IncrementalAlterConfigs_result(event.0);
            raw::rd_kafka_IncrementalAlterConfigs_result_resources(result, &raw mut count)
        };
        // SAFETY: librdkafka gives so many pointers; all of it is copied before the event ends.
        Ok((0..count).map(|index| unsafe { answer_of(*resources.add(index)) }).collect())
    }
}
