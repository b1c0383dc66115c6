//! The runtime as its users see it: driven by hand, stepped as a worker, and in simulation.

mod alarm;
mod checkpoints;
mod commits;
mod driver;
mod fixture;
mod simulation;
mod tables;
mod timers;
mod worker;
