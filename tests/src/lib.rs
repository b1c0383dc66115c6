//! The scenarios across crates are in this package's one integration binary; see `src/main.rs`.
