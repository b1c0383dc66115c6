//! A 64-bit hash of bytes that is the same on every machine and in every version.
//!
//! It is kept in records and compared with later ones, so it is written out here: hashers of
//! libraries may change between versions. Multiply-and-fold over 16 bytes at a time, as the
//! wyhash family does; not for use against an adversary.

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const FACTOR_A: u64 = 0xA076_1D64_78BD_642F;
const FACTOR_B: u64 = 0xE703_7ED1_A0B4_28DB;

/// The hash of `bytes`.
pub(super) fn stable_hash(bytes: &[u8]) -> i64 {
    let (chunks, rest) = bytes.as_chunks::<16>();
    let mut state = SEED;
    for chunk in chunks {
        state = mix(state, chunk);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    state = mix(state, &last);
    fold(state ^ FACTOR_A, bytes.len() as u64 ^ FACTOR_B).cast_signed()
}

fn mix(state: u64, chunk: &[u8; 16]) -> u64 {
    let [low, high] = [0, 8].map(|at| {
        let mut word = [0; 8];
        word.copy_from_slice(&chunk[at..at + 8]);
        u64::from_le_bytes(word)
    });
    fold(low ^ state ^ FACTOR_A, high ^ state.rotate_left(32) ^ FACTOR_B)
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::stable_hash;

    #[test]
    fn differs_for_every_changed_byte_and_length() {
        let base: Vec<u8> = (0..100).collect();
        let mut seen = BTreeSet::from([stable_hash(&base)]);
        for at in 0..base.len() {
            let mut changed = base.clone();
            changed[at] ^= 1;
            assert!(seen.insert(stable_hash(&changed)), "byte {at}");
            assert!(seen.insert(stable_hash(&base[..at])), "length {at}");
        }
        assert_ne!(stable_hash(b""), stable_hash(b"\0"));
    }
}
