//! `spiderpoolctl` as an operator meets it: the real binary, a store in a folder of its own, exit codes and texts.

mod apply;
mod bed;
mod explain;
mod gc;
mod get;
mod ip;
mod pool;
mod program;
mod transfer;
