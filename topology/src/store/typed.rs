//! A store seen through a type.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Fate, Fault, StoreHandle};

/// Reads and writes a store's values as `V`, in MessagePack by position.
///
/// A type may grow: append fields at its end only, each with `#[serde(default)]`. Never
/// `skip_serializing_if`, which would shift what follows.
#[derive(Debug)]
pub struct TypedStore<V> {
    handle: StoreHandle,
    value: PhantomData<fn() -> V>,
}

impl<V> Clone for TypedStore<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for TypedStore<V> {}

impl<V> Default for TypedStore<V> {
    fn default() -> Self {
        Self::new(StoreHandle::default())
    }
}

impl<V> TypedStore<V> {
    /// The store behind `handle`.
    pub fn new(handle: StoreHandle) -> Self {
        Self { handle, value: PhantomData }
    }

    /// The store behind.
    pub fn handle(&self) -> StoreHandle {
        self.handle
    }

    /// Deletes the value of `key`.
    pub fn delete(&self, context: &mut Context<'_>, key: &[u8]) {
        context.delete(self.handle, key);
    }
}

impl<V: Serialize + DeserializeOwned> TypedStore<V> {
    /// The value of `key`.
    ///
    /// # Errors
    /// [`Fate::Stop`] when what is stored is no `V`.
    pub fn get(&self, context: &Context<'_>, key: &[u8]) -> Result<Option<V>, Fault> {
        context.peek(self.handle, key).map(decode_value).transpose()
    }

    /// Sets the value of `key`.
    ///
    /// # Errors
    /// [`Fate::Stop`] when the value cannot be written, such as a map with keys of several types.
    pub fn put(&self, context: &mut Context<'_>, key: &[u8], value: &V) -> Result<(), Fault> {
        context.put(self.handle, key, encode_value(value)?);
        Ok(())
    }
}

/// Writes a value as stores keep it.
///
/// # Errors
/// [`Fate::Stop`] when the value cannot be written.
pub fn encode_value<V: Serialize>(value: &V) -> Result<Bytes, Fault> {
    rmp_serde::to_vec(value)
        .map(Bytes::from)
        .map_err(|_| Fault::new(Fate::Stop, "HUB-9001", "state_unwritable", "a state value cannot be encoded"))
}

/// Reads a value as stores keep it.
///
/// # Errors
/// [`Fate::Stop`] when the bytes are no `V`.
pub fn decode_value<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, Fault> {
    rmp_serde::from_slice(bytes).map_err(|_| {
        // The decoder's own message may quote the value.
        Fault::new(
            Fate::Stop,
            "HUB-9002",
            "state_corrupt",
            "a stored state value cannot be decoded: was a field removed or moved?",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Before {
        name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct After {
        name: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        tags: Vec<String>,
    }

    #[test]
    fn fields_appended_with_a_default_read_old_values() {
        let old = encode_value(&Before { name: "x".into() }).unwrap();
        let new: After = decode_value(&old).unwrap();
        assert_eq!(new, After { name: "x".into(), count: None, tags: vec![] });
        assert_eq!(decode_value::<After>(&encode_value(&new).unwrap()).unwrap(), new);
    }

    #[test]
    fn what_is_no_value_stops_without_quoting_it() {
        let fault = decode_value::<After>(b"\xc1secret").unwrap_err();
        assert_eq!((fault.fate, fault.code), (Fate::Stop, "HUB-9002"));
        assert!(!fault.to_string().contains("secret"));
    }
}
