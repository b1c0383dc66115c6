//! Chance that depends on what is asked and not on when.

/// A number in `[0, 1)` for a seed, a key and the number of an attempt.
pub(super) fn roll(seed: u64, key: &str, attempt: u64) -> f64 {
    (hash(seed ^ attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15), key) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A hash that is the same in every process: FNV-1a with a finaliser that mixes all bits.
pub(super) fn hash(seed: u64, key: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::roll;

    #[test]
    fn rolls_repeat_and_spread() {
        let rolls: Vec<f64> = (0..10_000).map(|n| roll(7, &format!("key-{n}"), 1)).collect();
        let again: Vec<f64> = (0..10_000).map(|n| roll(7, &format!("key-{n}"), 1)).collect();
        assert_eq!(
            rolls.iter().map(|r| r.to_bits()).collect::<Vec<_>>(),
            again.iter().map(|r| r.to_bits()).collect::<Vec<_>>()
        );
        let below = rolls.iter().filter(|roll| **roll < 0.2).count();
        assert!((1_800..2_200).contains(&below), "{below} of 10000 below 0.2");
        assert!((roll(7, "key", 1) - roll(7, "key", 2)).abs() > 1e-9);
    }
}
