//! Running programs: the error of a failed one shows its command line and all that it printed.

use std::fmt;
use std::io::Write;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How a program ended and what it printed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The program with its arguments, for messages.
    pub line: String,
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Outcome {
    /// The standard output of a program that succeeded.
    ///
    /// # Errors
    /// The program failed: the error holds all that it printed.
    pub fn success(self) -> Result<String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        bail!("{self}")
    }

    /// All that a program printed, when it failed as it should.
    ///
    /// # Errors
    /// The program succeeded.
    pub fn failure(self) -> Result<String> {
        if self.status.success() {
            bail!("should have failed: {self}");
        }
        Ok(format!("{}{}", self.stdout, self.stderr))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` ended with {}; stdout: {}; stderr: {}",
            self.line,
            self.status,
            self.stdout.trim(),
            self.stderr.trim()
        )
    }
}

/// Runs a program to its end, with nothing on its stdin.
///
/// # Errors
/// It could not be started.
pub fn run(command: &mut Command) -> Result<Outcome> {
    run_with(command, "")
}

/// Runs a program to its end, with `input` on its stdin.
///
/// # Errors
/// It could not be started.
pub fn run_with(command: &mut Command, input: &str) -> Result<Outcome> {
    let line = line_of(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start `{line}`"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program may end without reading its input; what it says then is more telling than the broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("wait for `{line}`"))?;
    Ok(Outcome {
        line,
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a line in `sh -e`.
///
/// # Errors
/// It could not be started, or failed.
pub fn sh(script: &str) -> Result<String> {
    run(Command::new("sh").args(["-ec", script]))?.success()
}

/// Asks until `probe` answers, at most for `limit`.
///
/// # Errors
/// `probe` failed, or had no answer when the time was over.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain for this: {what}", limit.as_secs());
        }
        pause(Duration::from_millis(20));
    }
}

/// The pause between two looks at a condition, or before a kill.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tests sleep: between two looks at a condition, and before a kill at a random moment"
)]
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// A parent that ends before its child has asked for the signal sends none, so the child looks whether it is still there.
pub(crate) const IF_PARENT_LIVES: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// The same program with the same arguments, to be killed by the kernel when the *thread* that starts it ends.
#[must_use]
pub fn with_parent(program: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "sh", "-c", IF_PARENT_LIVES]).arg(std::process::id().to_string());
    command.arg(program.get_program()).args(program.get_args());
    command
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_without_its_parent_does_nothing() {
        let mut echo = Command::new("echo");
        echo.args(["a b", "c"]);
        assert_eq!(run(&mut with_parent(&echo)).unwrap().success().unwrap(), "a b c\n");
        let orphan = run(Command::new("sh").args(["-c", IF_PARENT_LIVES, "1", "echo", "a"])).unwrap();
        assert!(!orphan.status.success() && orphan.stdout.is_empty(), "{orphan}");
    }
}
