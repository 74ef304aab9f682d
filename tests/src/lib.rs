//! End-to-end tests on real parts: real containers (Podman), real libcni (cnitool), real processes that are really killed.
//!
//! This library is the scaffolding of the tests in `tests/`. Besides [`golden`] it calls none of our code: binaries are started as
//! a runtime or an operator would start them, and what a store holds is judged by `spiderpoolctl … -o json` alone.
//!
//! | Module | Holds |
//! |---|---|
//! | [`agent_corpus`] | recorded answers of the Go original's agent, replayed against ours on a real API server |
//! | [`bed`] | private namespaces that one test lives in and that vanish with it |
//! | [`binaries`] | where our programs and foreign ones are found |
//! | [`command`] | running programs with errors that show what they printed |
//! | [`connection`] | connections to a control plane, of kube's client |
//! | [`control_plane`] | real etcd, kube-apiserver and kube-controller-manager on loopback; a crate of its own |
//! | [`network`] | the network configurations that the tests use |
//! | [`plugin`] | one plugin process, called as a runtime calls it |
//! | [`podman`] | real containers without an image |
//! | [`cnitool`] | real libcni from the command line |
//! | [`store`] | what `spiderpoolctl` says a store holds, and checks on it |
//! | [`recorded`] | when an answer is the recorded one |
//! | [`seed`] | random choices that a seed replays |
//! | [`shown`] | lines of a page against lines of a program |
//! | [`golden`] | recorded answers of the Go original, replayed against the rules of `ipam-core` |
#![forbid(unsafe_code)]

pub mod agent_corpus;
pub mod bed;
pub mod binaries;
pub mod cnitool;
pub mod connection;
pub mod golden;
pub mod network;
pub mod plugin;
pub mod podman;
pub mod recorded;
pub mod seed;
pub mod shown;
pub mod store;

pub use spiderpool_control_plane as control_plane;
pub use spiderpool_control_plane::command;
