//! Stub.
#![expect(clippy::print_stdout, reason = "stub")]
fn main() {
    println!("hello");
}
