//! Handing records to a producer without looking their topic up by name each time.

use std::ffi::CString;

use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;

/// A producer's handle of a topic. It goes before its client does.
pub(in crate::kafka) struct TopicHandle(*mut raw::rd_kafka_topic_t);

// SAFETY: librdkafka's topics are locked inside; the pointer is only given back once, on drop.
unsafe impl Send for TopicHandle {}

impl TopicHandle {
    /// The handle of a topic; `None` where its name is none.
    pub(in crate::kafka) fn new(rk: *mut raw::rd_kafka_t, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: `rk` is alive while the caller holds its client; the name is copied by the call.
        let topic = unsafe { raw::rd_kafka_topic_new(rk, name.as_ptr(), std::ptr::null_mut()) };
        (!topic.is_null()).then_some(Self(topic))
    }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed only here.
        unsafe { raw::rd_kafka_topic_destroy(self.0) };
    }
}

/// A record on its way.
pub(in crate::kafka) struct Produced<'r> {
    pub(in crate::kafka) partition: i32,
    pub(in crate::kafka) key: Option<&'r [u8]>,
    pub(in crate::kafka) value: Option<&'r [u8]>,
    pub(in crate::kafka) timestamp: i64,
    pub(in crate::kafka) headers: Headers,
    /// Comes back with the report of its delivery.
    pub(in crate::kafka) opaque: usize,
}

/// The headers of a record; null for none.
pub(in crate::kafka) struct Headers(*mut raw::rd_kafka_headers_t);

impl Headers {
    pub(in crate::kafka) fn none() -> Self {
        Self(std::ptr::null_mut())
    }

    /// Adds one, whose name and value are copied.
    pub(in crate::kafka) fn add(&mut self, name: &str, value: &[u8]) {
        if self.0.is_null() {
            // SAFETY: no pointer goes in. What comes out is ours, until a client takes it.
            self.0 = unsafe { raw::rd_kafka_headers_new(1) };
        }
        let (name_length, value_length) = (name.len() as isize, value.len() as isize);
        // SAFETY: the headers are ours; both pointers hold so many bytes, which the call copies. It refuses only
        // headers that a record has already.
        unsafe {
            raw::rd_kafka_header_add(self.0, name.as_ptr().cast(), name_length, value.as_ptr().cast(), value_length)
        };
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: ours, and destroyed only here.
            unsafe { raw::rd_kafka_headers_destroy(self.0) };
        }
    }
}

/// Hands a record over; the client copies it.
pub(in crate::kafka) fn produce(
    rk: *mut raw::rd_kafka_t,
    topic: &TopicHandle,
    mut record: Produced<'_>,
) -> Result<(), RDKafkaErrorCode> {
    use raw::rd_kafka_vtype_t::*;
    let bytes = |part: Option<&[u8]>| part.map_or((std::ptr::null(), 0), |part| (part.as_ptr(), part.len()));
    let ((key, key_length), (value, value_length)) = (bytes(record.key), bytes(record.value));
    // SAFETY: client and topic are alive, each tag is followed by what it announces, and key and value live
    // during the call, which copies them. Headers may be null, and become the client's when it takes the record.
    let code = unsafe {
        raw::rd_kafka_producev(
            rk,
            RD_KAFKA_VTYPE_RKT,
            topic.0,
            RD_KAFKA_VTYPE_PARTITION,
            record.partition,
            RD_KAFKA_VTYPE_MSGFLAGS,
            raw::RD_KAFKA_MSG_F_COPY,
            RD_KAFKA_VTYPE_KEY,
            key,
            key_length,
            RD_KAFKA_VTYPE_VALUE,
            value,
            value_length,
            RD_KAFKA_VTYPE_TIMESTAMP,
            record.timestamp,
            RD_KAFKA_VTYPE_HEADERS,
            record.headers.0,
            RD_KAFKA_VTYPE_OPAQUE,
            record.opaque,
            RD_KAFKA_VTYPE_END,
        )
    };
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => {
            record.headers.0 = std::ptr::null_mut();
            Ok(())
        }
        code => Err(code),
    }
}
