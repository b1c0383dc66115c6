//! Every touch of the outside world, each behind a plain interface.

pub mod billing;
pub mod delivery;
pub mod embedded;
pub mod floworx;
pub mod http;
pub mod kafka;
pub mod partner;
mod patience;
pub mod registry;
pub mod sink;
pub mod state;
pub mod unread;
