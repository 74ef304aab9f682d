//! The shell of `spiderpool-agent` on real sockets, with something in the place of what gives addresses that records its calls.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod bed;
mod goclient;
mod golden;
mod http;
mod metrics;
#[path = "../page/mod.rs"]
mod page;
mod process;
mod reference;
mod seam;
mod settings;
mod wire;
