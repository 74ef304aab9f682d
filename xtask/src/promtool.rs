//! `promtool`, which judges the metrics: from Debian's package `prometheus`, taken out of it and not installed, since the package starts a
//! server of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Call;
use crate::tools;
use crate::workspace::find_program;

/// The program; or, in one sentence, why it cannot be had.
pub(crate) fn ensure(log: &Path) -> Result<std::result::Result<PathBuf, String>> {
    if let Some(found) = find_program("promtool") {
        return Ok(Ok(found));
    }
    let home = tools::cache()?.join("prometheus");
    let program = home.join("usr/bin/promtool");
    if program.is_file() {
        return Ok(Ok(program));
    }
    if find_program("apt-get").is_none() || find_program("dpkg-deb").is_none() {
        return Ok(Err(
            "promtool comes from Debian's package prometheus, and there is no apt here".to_owned()
        ));
    }
    let _guard = tools::lock()?;
    println!("fetching promtool (once a machine, into {})", home.display());
    let draft = home.with_extension("partial");
    if draft.exists() {
        fs::remove_dir_all(&draft).with_context(|| format!("{}: cannot be removed", draft.display()))?;
    }
    fs::create_dir_all(&draft).with_context(|| format!("{}: cannot be made", draft.display()))?;
    // Root's apt changes to a user who may not write there, says so, and goes on as root.
    let download = Call::new("apt-get").args(["download", "--quiet", "prometheus"]).folder(&draft).quiet();
    if let Err(error) = download.run(log, |_| {}) {
        return Ok(Err(format!("promtool cannot be fetched: {error:#}")));
    }
    for entry in fs::read_dir(&draft).with_context(|| format!("{}: cannot be listed", draft.display()))? {
        let package = entry?.path();
        let paths = [package.as_os_str(), draft.as_os_str()];
        Call::new("dpkg-deb").args(["--extract"]).args(paths).quiet().run(log, |_| {})?;
        fs::remove_file(&package).with_context(|| format!("{}: cannot be removed", package.display()))?;
    }
    // The server is twice what all other tools need.
    let _ = fs::remove_file(draft.join("usr/bin/prometheus"));
    fs::rename(&draft, &home).with_context(|| format!("{}: cannot be moved there", home.display()))?;
    Ok(Ok(program))
}
