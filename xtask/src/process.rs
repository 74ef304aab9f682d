//! Running a program that takes long, so that a person (or a CI page) sees it move.
//!
//! Every line goes to a log. A shown program's lines go to the terminal as well; a quiet one's appear only as a
//! sign of life now and then, and its last lines when it fails. Nobody hears Ctrl-C on standard input here: it is
//! closed, and a program that outlives its limit is killed, so that CI ends with a summary and not with a timeout.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a program may be silent before its running time is shown.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// How many of a quiet program's last lines are shown when it fails.
const TAIL_LINES: usize = 40;

/// What no step of ours takes, whatever the machine.
const LIMIT_DEFAULT: Duration = Duration::from_secs(20 * 60);

/// One program to run, and how to show it.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    limit: Duration,
    is_quiet: bool,
}

impl Call {
    /// A program by name or path, shown, with no standard input.
    pub(crate) fn new(program: impl AsRef<std::ffi::OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, limit: LIMIT_DEFAULT, is_quiet: false }
    }

    /// Cargo with these arguments.
    pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        let mut call = Self::new("cargo").args(args);
        if std::env::var_os("CI").is_some() {
            // Built once and thrown away: incremental state would only cost time and disk.
            call.command.env("CARGO_INCREMENTAL", "0");
        }
        call
    }

    /// More arguments.
    pub(crate) fn args<S: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// One variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Several variables of its environment.
    pub(crate) fn envs<V: AsRef<std::ffi::OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (&'static str, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// The folder it runs in.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Keeps its output out of sight unless it fails.
    pub(crate) fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Kills it after this time in place of the usual one.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs to the end, or to the limit; `on_line` sees each line of both streams.
    pub(crate) fn run(mut self, log: &Path, mut on_line: impl FnMut(&str)) -> Result<()> {
        let shown = self.shown();
        let mut log_file = open_log(log)?;
        if !self.is_quiet {
            println!("$ {shown}");
        }
        writeln!(log_file, "$ {shown}").with_context(|| format!("{}: cannot be written", log.display()))?;
        let started = Instant::now();
        let mut child = self.command.spawn().with_context(|| format!("{shown}: cannot be started"))?;
        let lines = lines_of(&mut child);
        let mut last = String::new();
        let mut tail = Tail::default();
        loop {
            match lines.recv_timeout(SIGN_OF_LIFE) {
                Ok(line) => {
                    // A full disk must not hide the output, nor end the run.
                    let _ = writeln!(log_file, "{line}");
                    if !self.is_quiet {
                        println!("{line}");
                    }
                    on_line(&line);
                    tail.push(&line);
                    last = line;
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let elapsed = started.elapsed();
            tail.beat(self.is_quiet, elapsed, &last);
            if elapsed > self.limit {
                let _ = child.kill();
                bail!("{shown}: still running after {} s, killed", self.limit.as_secs());
            }
        }
        let status = child.wait().with_context(|| format!("{shown}: cannot be waited for"))?;
        if status.success() {
            return Ok(());
        }
        if self.is_quiet {
            tail.print();
        }
        Err(failure(&shown, status, log))
    }

    /// The command as a person would type it.
    fn shown(&self) -> String {
        let mut words = vec![self.command.get_program().to_string_lossy().into_owned()];
        words.extend(self.command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
        words.join(" ")
    }
}

/// The last lines of a program, and when it last gave a sign of life.
#[derive(Debug, Default)]
struct Tail {
    lines: std::collections::VecDeque<String>,
    shown_at: Duration,
    heard_at: Option<Instant>,
}

impl Tail {
    fn push(&mut self, line: &str) {
        if self.lines.len() == TAIL_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
        self.heard_at = Some(Instant::now());
    }

    /// Shows the running time: of a quiet program regularly, of a shown one when it has fallen silent.
    fn beat(&mut self, is_quiet: bool, elapsed: Duration, last: &str) {
        let is_silent = self.heard_at.is_none_or(|heard| heard.elapsed() >= SIGN_OF_LIFE);
        if elapsed.saturating_sub(self.shown_at) < SIGN_OF_LIFE || !(is_quiet || is_silent) {
            return;
        }
        self.shown_at = elapsed;
        let last: String = last.trim().chars().take(90).collect();
        println!("    … {} s  {last}", elapsed.as_secs());
    }

    fn print(&self) {
        for line in &self.lines {
            println!("{line}");
        }
    }
}

/// Both streams of a child, line by line; the channel ends when both are closed.
fn lines_of(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender);
    }
    receiver
}

fn forward(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        // Bytes, not `lines()`: a test that prints half a character must not end the reading.
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    let file = File::options().create(true).append(true).open(path);
    file.with_context(|| format!("{}: cannot be opened", path.display()))
}

#[cold]
fn failure(shown: &str, status: ExitStatus, log: &Path) -> anyhow::Error {
    anyhow::anyhow!("{shown}: {status} (whole output: {})", log.display())
}
