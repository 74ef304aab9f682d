//! What the benches share: the ratio of two criterion measurements of the same run.

use std::path::PathBuf;

/// Where criterion writes, so that the ratios can be read back.
#[must_use]
pub fn criterion_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/criterion"))
}

/// The median of a measurement in nanoseconds, as criterion wrote it at the end of this run.
#[must_use]
pub fn median_ns(group: &str, id: &str) -> Option<f64> {
    let path = criterion_dir().join(group).join(id).join("new/estimates.json");
    let text = std::fs::read_to_string(path).ok()?;
    let (_, tail) = text.split_once("\"median\"")?;
    let (_, tail) = tail.split_once("\"point_estimate\":")?;
    let end = tail.find([',', '}'])?;
    tail.get(..end)?.trim().parse().ok()
}

/// Prints `ratio: GROUP: OURS is X times faster than BASELINE (a ns, b ns)`, with the goal that an issue sets.
///
/// Nothing is printed in a smoke run, which measures nothing.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout; xtask collects these lines")]
pub fn ratio(group: &str, ours: &str, baseline: &str, goal: &str) {
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    if let (Some(a), Some(b)) = (median_ns(group, ours), median_ns(group, baseline)) {
        println!(
            "ratio: {group}: {ours} {a:.0} ns, {baseline} {b:.0} ns: {:.2} times as fast; goal: {goal}",
            b / a
        );
    }
}
