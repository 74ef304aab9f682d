//! Other processes: the test's own binary, started again with a job in its environment.
//!
//! A worker says on its standard output what it has done, once the store has acknowledged it: `added ID ADDRESS`,
//! `deleted ID`, `failed TEXT`. Its test, which does the job and is nothing by itself, is called `worker`.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{PATIENCE, address_of, allocate, apply, chain, container, open, release};

const JOB: &str = "IPAM_LOCAL_WORKER";

/// What a worker does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Adds the pool, if need be, and then containers `PREFIX0`, `PREFIX1`… up to so many.
    Add(usize),
    /// The same, and deletes every second one again at once.
    AddAndDelete(usize),
}

impl Job {
    fn to_text(self) -> String {
        match self {
            Self::Add(count) => format!("add {count}"),
            Self::AddAndDelete(count) => format!("churn {count}"),
        }
    }

    fn of_text(text: &str) -> Self {
        let (verb, count) = text.split_once(' ').unwrap();
        let count = count.parse().unwrap();
        if verb == "add" { Self::Add(count) } else { Self::AddAndDelete(count) }
    }
}

/// The addresses of the workers' pool.
pub(crate) const IPS: &[&str] = &["10.6.0.0-10.6.15.255"];

/// Does what the environment asks for, if this process is a worker.
pub(crate) fn work() {
    let Ok(asked) = std::env::var(JOB) else { return };
    let mut parts = asked.splitn(3, '|');
    let mut part = || parts.next().unwrap();
    let (job, prefix, path) = (Job::of_text(part()), part().to_owned(), part().to_owned());
    // Each operation is a whole visit of the store, as by a new process.
    let visit = |work: &mut dyn FnMut(&mut ipam_local::Session<'_>) -> Result<String, String>| {
        let mut store = open(Path::new(&path));
        match store.session(PATIENCE) {
            Ok(mut session) => work(&mut session),
            Err(error) => Err(chain(&error)),
        }
    };
    let (Job::Add(count) | Job::AddAndDelete(count)) = job;
    let said = |result: Result<String, String>| match result {
        Ok(text) => {
            println!("{text}");
            true
        }
        Err(text) => {
            println!("failed {text}");
            false
        }
    };
    let pool = visit(&mut |session| {
        if session.pool(&"v4".parse().unwrap()).map_err(|error| chain(&error))?.is_none() {
            apply(session, "v4", "10.6.0.0/16", IPS);
        }
        Ok("ready".to_owned())
    });
    if !said(pool) {
        return;
    }
    for number in 0..count {
        let id = format!("{prefix}{number}");
        let added = visit(&mut |session| match allocate(session, &container(&id))? {
            Ok(allocation) => Ok(format!("added {id} {}", address_of(&allocation))),
            Err(refusal) => Err(refusal.to_string()),
        });
        if !said(added) {
            return;
        }
        if matches!(job, Job::AddAndDelete(_)) && number % 2 == 1 {
            let deleted =
                visit(&mut |session| release(session, &container(&id)).map(|_| format!("deleted {id}")));
            if !said(deleted) {
                return;
            }
        }
    }
}

/// A running worker. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    pub(crate) fn start(job: Job, prefix: &str, path: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::of(Command::new(program).args(ARGUMENTS), job, prefix, path)
    }

    /// As [`Worker::start`], in files of at most so many bytes: a write beyond that fails, and may be cut short.
    pub(crate) fn start_limited(job: Job, prefix: &str, path: &Path, file_bytes_max: u64) -> Self {
        let program = std::env::current_exe().unwrap();
        // The signal is ignored, so that the write fails instead of the process.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", file_bytes_max / 512);
        Self::of(
            Command::new("sh").args(["-c", &script, "sh"]).arg(program).args(ARGUMENTS),
            job,
            prefix,
            path,
        )
    }

    fn of(command: &mut Command, job: Job, prefix: &str, path: &Path) -> Self {
        let asked = format!("{}|{prefix}|{}", job.to_text(), path.display());
        let mut child =
            command.env(JOB, asked).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing it says; `None` when it has ended. What is cut short by a kill was not said.
    pub(crate) fn say(&mut self) -> Option<Said> {
        loop {
            let line = self.lines.next()?.unwrap();
            // The first line comes after libtest's own words.
            let line = line.strip_prefix("test worker ... ").unwrap_or(&line).to_owned();
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("ready"), None, None) => return Some(Said::Ready),
                (Some("added"), Some(id), Some(address)) => {
                    return Some(Said::Added(id.to_owned(), address.to_owned()));
                }
                (Some("deleted"), Some(id), None) => return Some(Said::Deleted(id.to_owned())),
                (Some("failed"), _, _) => return Some(Said::Failed(line)),
                _ => {}
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ARGUMENTS: [&str; 4] = ["--exact", "worker", "--nocapture", "--test-threads=1"];

/// What a worker says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Ready,
    Added(String, String),
    Deleted(String),
    Failed(String),
}
