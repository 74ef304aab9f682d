//! The Go program that becomes each program of the control plane, as its first argument says.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::{cache, named};

/// A program that is there already.
pub const VARIABLE: &str = "SPIDERPOOL_CONTROL_PLANE";
/// The version in `go.mod`; without the flags made of it an API server reports none.
const KUBERNETES: &str = "1.36.3";
const VERSION: &str = "k8s.io/component-base/version";
/// Minutes of silence look like a hang.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// How many of the compiler's last lines are told when it fails.
const TAIL_LINES: usize = 40;

/// The program, built if this machine has none of this state of its sources: minutes the first time. Says on standard error how
/// far it is, past any capture of a test harness.
///
/// # Errors
/// It cannot be built: most often there is no Go, or no module proxy.
pub fn ensure() -> Result<PathBuf> {
    ensure_with(&mut |line| {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "{line}");
    })
}

/// The same, with progress told elsewhere.
///
/// # Errors
/// As [`ensure`].
pub fn ensure_with(progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    if let Some(binary) = named(VARIABLE) {
        return Ok(binary);
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut mark = DefaultHasher::new();
    for file in ["go.mod", "go.sum", "main.go"] {
        let path = sources.join(file);
        fs::read(&path).with_context(|| format!("read {}", path.display()))?.hash(&mut mark);
    }
    let dir = cache()?.join("tools").join(format!("control-plane-{:016x}", mark.finish()));
    let binary = dir.join("control-plane");
    fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    // Tests run side by side; one builds, the others wait for it.
    let lock = File::create(dir.join("lock")).context("open the lock")?;
    lock.lock().context("wait for another build")?;
    if !binary.is_file() {
        progress(&format!(
            "building etcd, Kubernetes {KUBERNETES} and kubectl, once a machine, into {}",
            dir.display()
        ));
        let partly = dir.join("control-plane.part");
        build(sources, &partly, progress)?;
        fs::rename(&partly, &binary).context("put the control plane in place")?;
    }
    Ok(binary)
}

fn build(sources: &Path, binary: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let go = go()?;
    let started = Instant::now();
    let list =
        run(Command::new(&go).args(["list", "-deps", "."]).current_dir(sources).env("CGO_ENABLED", "0"))?;
    let packages = list.success().context("download the control plane's sources")?.lines().count();
    let mut numbers = KUBERNETES.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let version = format!(
        "-s -w -X {VERSION}.gitVersion=v{KUBERNETES} -X {VERSION}.gitMajor={major} -X {VERSION}.gitMinor={minor}"
    );
    let mut child = Command::new(&go)
        .args(["build", "-v", "-trimpath", "-ldflags", &version, "-o"])
        .arg(binary)
        .arg(".")
        .current_dir(sources)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start go build")?;
    let stderr = child.stderr.take().context("go build has a standard error")?;
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        // The receiver is gone only when the build has been given up.
        BufReader::new(stderr).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
    });
    let (mut said, mut told_at) = (Vec::new(), Instant::now());
    loop {
        match lines.recv_timeout(PROGRESS_EVERY.saturating_sub(told_at.elapsed())) {
            Ok(line) => said.push(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if told_at.elapsed() >= PROGRESS_EVERY {
            // What was compiled before, for whatever program, is not said again, so the count may end below the number.
            let (seconds, last) =
                (started.elapsed().as_secs(), said.last().map_or("none yet", String::as_str));
            progress(&format!(
                "… {seconds} s, compiled {} of at most {packages} packages: {last}",
                said.len()
            ));
            told_at = Instant::now();
        }
    }
    // It has no result to be lost.
    let _ = reader.join();
    let status = child.wait().context("wait for go build")?;
    if !status.success() {
        let tail = said.get(said.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n");
        bail!("build the control plane: {status}: {tail}");
    }
    progress(&format!("built in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Go, also where a shell that is no login shell does not know it.
fn go() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/local/go/bin")]);
    folders.map(|folder| folder.join("go")).find(|go| go.is_file()).with_context(|| {
        format!(
            "no go in PATH: the control plane is built from sources by Go 1.26 or newer; or name another by KUBEBUILDER_ASSETS, \
             KUBECONFIG or {VARIABLE}"
        )
    })
}
