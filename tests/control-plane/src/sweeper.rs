//! Removes a folder when this process ends, however it ends.
//!
//! A plane that all tests of a binary share is a static, and statics are not dropped. So a small shell waits for the end of a pipe
//! whose other end is this process's, and removes the folder then.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Programs that die at the same moment may still write; one that is gone writes no more.
const SCRIPT: &str = "cat; for try in 1 2 3 4 5; do rm -rf \"$1\" && exit; sleep 0.5; done";

/// Waits for the end of this process, or of the value.
#[derive(Debug)]
pub(crate) struct Sweeper {
    shell: Child,
}

impl Sweeper {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sweeper"]).arg(folder);
        // Not of this process's group: Ctrl-C on a terminal is for the tests, and this is what cleans up after them.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self { shell: shell.context("start a shell")? })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // What it cannot remove stays; there is nobody to tell.
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_the_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b");
        std::fs::create_dir_all(path.join("c")).unwrap();
        let sweeper = Sweeper::new(&path).unwrap();
        assert!(path.exists());
        drop(sweeper);
        assert!(!path.exists());
    }
}
