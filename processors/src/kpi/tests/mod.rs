//! Facts in, windows out: the hub's whole topology, driven by hand.

mod burns;
mod deliveries;
mod driver;
mod entities;
mod orders;
mod windows;
