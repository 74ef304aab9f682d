//! A control plane that stays when the command that started it has ended, until another command ends it.
//!
//! Its folder has a list of its processes, each with the moment when it began: a number alone may be another program's by the time
//! somebody wants to end it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::command::pause;
use crate::layout::{Component, Layout, Life};
use crate::programs::Programs;

const LIST: &str = "programs.json";
/// A killed process is gone at once, if nothing holds it in the kernel.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A control plane in a folder that it is known by.
#[derive(Debug)]
pub struct Standing {
    folder: PathBuf,
}

/// What is written about a control plane.
#[derive(Debug, Serialize, Deserialize)]
struct List {
    server: String,
    programs: Vec<Program>,
}

/// A process of a control plane.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Program {
    /// What it is.
    pub component: Component,
    /// Its number.
    pub pid: i32,
    /// When it began, in the kernel's ticks since the boot.
    started: u64,
}

/// How a control plane is.
#[derive(Debug)]
pub enum Status {
    /// There is none.
    Down,
    /// All of it runs.
    Up {
        /// The URL of the API server.
        server: String,
        /// Its processes.
        programs: Vec<Program>,
    },
    /// Some of it has ended.
    Broken {
        /// What runs no more.
        ended: Vec<Program>,
    },
}

impl Standing {
    /// The one of this folder, whether it runs or not.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The file by which clients find it.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Starts it with our definitions, unless it runs; what is left of one that has ended in part is cleared away first.
    ///
    /// # Errors
    /// A program is missing, or ends or hangs on its way; what was started is ended again.
    pub fn up(&self, progress: &mut dyn FnMut(&str)) -> Result<()> {
        match self.status()? {
            Status::Up { .. } => return Ok(()),
            Status::Down => {}
            Status::Broken { ended } => {
                for program in ended {
                    progress(&format!(
                        "{} (pid {}) has ended; starting anew",
                        program.component.name(),
                        program.pid
                    ));
                }
                self.down()?;
            }
        }
        let programs = Programs::find(Some(progress))?;
        // The token of system:masters is in it.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.with_context(|| format!("make {}", self.folder.display()))?;
        let started = self.start(programs, progress);
        if started.is_err() {
            // The first error says more than one of the clearing.
            let _ = self.down();
        }
        started
    }

    fn start(&self, programs: Programs, progress: &mut dyn FnMut(&str)) -> Result<()> {
        let layout = Layout::new(&self.folder, programs)?;
        let mut list = List { server: layout.server(), programs: Vec::new() };
        for component in Component::ALL {
            let Some(mut command) = layout.command(component, Life::Standing)? else { continue };
            progress(&format!("starting {}", component.name()));
            let child = command.spawn().with_context(|| format!("start {}", component.name()))?;
            let pid = Pid::from_child(&child).as_raw_pid();
            let started = began(pid).with_context(|| format!("{} ended at once", component.name()))?;
            list.programs.push(Program { component, pid, started });
            // Before it is waited for, so that whatever happens now, it can be ended.
            self.write(&list)?;
            layout.wait_for(component, || {
                Ok(list.programs.iter().find(|one| !one.runs()).map(|one| one.component))
            })?;
        }
        progress("installing the definitions");
        Cluster::new(layout.kubectl(), layout.server(), &self.folder).install_crds()
    }

    /// Ends it, and removes its folder. Whether there was one.
    ///
    /// # Errors
    /// A process does not end, or the folder cannot be removed.
    pub fn down(&self) -> Result<bool> {
        let Some(list) = self.read()? else { return Ok(false) };
        for program in list.programs.iter().rev() {
            program.end()?;
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("remove {}", self.folder.display()))?;
        Ok(true)
    }

    /// How it is.
    ///
    /// # Errors
    /// Its list cannot be read.
    pub fn status(&self) -> Result<Status> {
        let Some(List { server, programs }) = self.read()? else { return Ok(Status::Down) };
        let (running, ended): (Vec<_>, Vec<_>) = programs.into_iter().partition(|program| program.runs());
        Ok(if ended.is_empty() { Status::Up { server, programs: running } } else { Status::Broken { ended } })
    }

    fn read(&self) -> Result<Option<List>> {
        let path = self.folder.join(LIST);
        match fs::read(&path) {
            Ok(text) => {
                let list = serde_json::from_slice(&text);
                list.map(Some).with_context(|| format!("{}: not as it was written", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    fn write(&self, list: &List) -> Result<()> {
        let text = serde_json::to_vec(list).context("write the list of programs")?;
        fs::write(self.folder.join(LIST), text).context("write the list of programs")
    }
}

impl Program {
    fn runs(&self) -> bool {
        began(self.pid) == Some(self.started)
    }

    fn end(&self) -> Result<()> {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.runs()) else { return Ok(()) };
        // It may end by itself between the two looks.
        let _ = kill_process(pid, Signal::KILL);
        let deadline = Instant::now() + GONE_WITHIN;
        while self.runs() {
            if Instant::now() > deadline {
                bail!("{} (pid {}) does not end", self.component.name(), self.pid);
            }
            pause(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// When a process began; `None` if there is none, or one that has ended and is only not waited for (proc(5), `/proc/PID/stat`).
fn began(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    // The state is the third field, this the 22nd.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_beginning() {
        let me = i32::try_from(std::process::id()).unwrap();
        let started = began(me).unwrap();
        let mut program = Program { component: Component::Etcd, pid: me, started };
        assert!(program.runs());
        program.started += 1;
        assert!(!program.runs());
        // Another program by now, so it is left alone.
        program.end().unwrap();
        assert_eq!(began(i32::MAX), None);
    }

    #[test]
    fn nothing_is_down() {
        let folder = tempfile::tempdir().unwrap();
        let standing = Standing::at(&folder.path().join("none"));
        assert!(matches!(standing.status().unwrap(), Status::Down));
        assert!(!standing.down().unwrap());
        fs::write(folder.path().join(LIST), "{").unwrap();
        let error = Standing::at(folder.path()).status().unwrap_err();
        assert!(error.to_string().contains("not as it was written"), "{error}");
    }
}
