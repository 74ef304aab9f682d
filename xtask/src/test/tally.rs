//! Counting tests by the lines that libtest prints, and collecting what was skipped.
//!
//! Three things count as skipped, and each is named: a test that libtest ignored, a test that found a tool missing
//! and printed `skipped: NAME: REASON` on a line of its own, and a check that a step left out. libtest calls the
//! second kind passed, so it is taken off that count.

/// Something that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    /// The step it belongs to.
    pub(crate) step: &'static str,
    /// The test's or check's name.
    pub(crate) name: String,
    /// Why it did not run.
    pub(crate) reason: String,
}

/// What one or several steps' tests came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    reported_passed: u64,
    reported_failed: u64,
    disguised: u64,
    failures: Vec<String>,
    skips: Vec<Skip>,
}

impl Tally {
    /// Reads one line of a test run's output.
    pub(crate) fn read(&mut self, step: &'static str, line: &str) {
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            self.reported_passed += count_before(result, " passed");
            self.reported_failed += count_before(result, " failed");
        } else if let Some(rest) = line.strip_prefix("skipped: ") {
            let (name, reason) = rest.split_once(": ").unwrap_or((rest, "no reason given"));
            if self.skip(step, name, reason) {
                self.disguised += 1;
            }
        } else if let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        {
            if outcome == "FAILED" {
                self.failures.push(format!("{step}: {name}"));
            } else if let Some(reason) = outcome.strip_prefix("ignored") {
                let reason = reason.strip_prefix(", ").unwrap_or("no reason given");
                self.skip(step, name, reason);
            }
        }
    }

    /// Notes something that did not run; false when it was known already.
    pub(crate) fn skip(&mut self, step: &'static str, name: &str, reason: &str) -> bool {
        if self.skips.iter().any(|skip| skip.step == step && skip.name == name) {
            return false;
        }
        self.skips.push(Skip { step, name: name.to_owned(), reason: reason.to_owned() });
        true
    }

    /// Notes a step that failed, unless a failed test has said so already.
    pub(crate) fn fail_step(&mut self, step: &'static str) {
        let prefix = format!("{step}: ");
        if !self.failures.iter().any(|failure| failure.starts_with(&prefix)) {
            self.failures.push(format!("{step}: the step itself"));
        }
    }

    /// Tests that ran and passed.
    pub(crate) fn passed(&self) -> u64 {
        self.reported_passed.saturating_sub(self.disguised)
    }

    /// Tests that failed, and steps that failed without a failed test.
    pub(crate) fn failed(&self) -> u64 {
        let named = u64::try_from(self.failures.len()).unwrap_or(u64::MAX);
        named.max(self.reported_failed)
    }

    /// Everything that did not run.
    pub(crate) fn skips(&self) -> &[Skip] {
        &self.skips
    }

    /// Names of what failed.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// The last line of a run.
    pub(crate) fn plain(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed(), self.failed(), self.skips.len())
    }
}

/// 12 of `ok. 12 passed; 0 failed` for ` passed`.
fn count_before(text: &str, word: &str) -> u64 {
    let number = text.split(word).next().and_then(|before| before.rsplit(' ').next());
    if text.contains(word) { number.and_then(|digits| digits.parse().ok()).unwrap_or(0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn read(text: &str) -> Tally {
        let mut tally = Tally::default();
        for line in text.lines() {
            tally.read("unit", line);
        }
        tally
    }

    #[test]
    fn results_are_summed() {
        let tally = read(
            "test a ... ok\ntest result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
             test b::c ... FAILED\ntest result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.00s",
        );
        assert_eq!((tally.passed(), tally.failed()), (8, 1));
        assert_eq!(tally.failures(), ["unit: b::c"]);
    }

    #[test]
    fn what_is_skipped_has_a_name_and_a_reason() {
        let tally = read(
            "test slow ... ignored, takes an hour\ntest bare ... ignored\ntest src/lib.rs - x (line 3) ... ignored\n\
             test uses_podman ... ok\nskipped: uses_podman: podman is not installed\n\
             skipped: uses_podman: podman is not installed\n\
             test result: ok. 4 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        let skips: Vec<_> =
            tally.skips().iter().map(|skip| (skip.name.as_str(), skip.reason.as_str())).collect();
        assert_eq!(
            skips,
            [
                ("slow", "takes an hour"),
                ("bare", "no reason given"),
                ("src/lib.rs - x (line 3)", "no reason given"),
                ("uses_podman", "podman is not installed"),
            ]
        );
        assert_eq!(tally.plain(), "3 passed, 0 failed, 4 skipped");
    }

    #[test]
    fn a_failed_step_counts_once() {
        let mut tally = read("test b ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored");
        tally.fail_step("unit");
        assert_eq!(tally.plain(), "0 passed, 1 failed, 0 skipped");
        tally.fail_step("fmt");
        assert_eq!(tally.plain(), "0 passed, 2 failed, 0 skipped");
    }

    #[test]
    fn other_lines_count_nothing() {
        let tally =
            read("test result: no numbers here\nrunning 3 tests\ntesting 1 passed\n   Compiling test v1.0\n");
        assert_eq!(tally.plain(), "0 passed, 0 failed, 0 skipped");
    }
}
