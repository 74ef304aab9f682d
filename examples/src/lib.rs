//! Small whole programs for users of the crates. Each is one file in `src/bin`, named for its task, and runs by itself:
//! `cargo run -p spiderpool-examples --bin allocate_in_memory`.
//!
//! There is nothing in this library; the programs are the point.
#![forbid(unsafe_code)]
