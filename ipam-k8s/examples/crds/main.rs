//! Writes the CustomResourceDefinitions of this crate as YAML, one file a kind, or compares a folder with them.
//!
//! `cargo xtask crds` calls it with the committed folder. An example, not a command of xtask itself: only it needs the
//! Kubernetes types, and who runs `cargo xtask tidy` should not compile them.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it talks to a person")]

mod files;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--check", folder] => check(Path::new(folder)),
        [folder] if !folder.starts_with('-') => write(Path::new(folder)),
        _ => bail!("usage: crds [--check] FOLDER"),
    }
}

fn write(folder: &Path) -> Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for (name, text) in files::files()? {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn check(folder: &Path) -> Result<ExitCode> {
    let faults = files::faults(folder)?;
    faults.iter().for_each(|fault| println!("{fault}"));
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
