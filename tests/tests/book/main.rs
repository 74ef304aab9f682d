//! The sessions in the book are run: each command of a page, in order, in private namespaces, and what it prints is compared with what the
//! page shows.
//!
//! A session is a block marked `console`: lines that begin with `$ ` are commands (with `> ` they go on), all others are output. `…` stands for any
//! text in a line; alone on a line, for any number of lines. A block below the comment `<!-- file: PATH -->` is a file that is written first.
#![forbid(unsafe_code)]

mod page;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use spiderpool_tests::bed::{Bed, bed};
use spiderpool_tests::binaries;
use spiderpool_tests::command::{run, sh};
use spiderpool_tests::podman::TOOLS;

use page::{Step, steps};

const CNITOOL: [&str; 1] = ["cnitool"];

#[test]
fn book_first_address() -> Result<()> {
    follow("book_first_address", "tutorials/first-address.md", &["bridge", "ping"])
}

#[test]
fn book_podman() -> Result<()> {
    follow("book_podman", "how-to/podman.md", &TOOLS)
}

#[test]
fn book_conflist() -> Result<()> {
    follow("book_conflist", "how-to/conflist.md", &CNITOOL)
}

#[test]
fn book_host_local() -> Result<()> {
    follow("book_host_local", "how-to/host-local.md", &TOOLS)
}

#[test]
fn book_backup() -> Result<()> {
    follow("book_backup", "how-to/backup.md", &[])
}

#[test]
fn book_store_file() -> Result<()> {
    follow("book_store_file", "reference/store-file.md", &["sqlite3"])
}

/// What the pages may do to the machine that runs the tests: nothing.
#[test]
fn book_cannot_touch_the_machine() -> Result<()> {
    bed("book_cannot_touch_the_machine", &["mkdir"], |bed| {
        furnish(bed, &[])?;
        let folders = ["/root", "/usr", "/tmp", "/"];
        let page: String = folders.iter().map(|folder| format!("$ mkdir {folder}/of-a-page\n")).collect();
        for (folder, printed) in folders.iter().zip(play(bed, &steps(&format!("```console\n{page}```\n"))?)?)
        {
            ensure!(printed.contains("Read-only file system"), "{folder}: {printed}");
        }
        Ok(())
    })
}

/// Follows a page as a reader would.
fn follow(test: &str, page: &str, tools: &[&str]) -> Result<()> {
    bed(test, tools, |bed| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let steps = steps(&text)?;
        ensure!(steps.iter().any(|step| matches!(step, Step::Command { .. })), "{page} has no session");
        furnish(bed, tools)?;
        let printed = play(bed, &steps)?;
        let mut wrong = String::new();
        for (step, printed) in steps.iter().filter(|step| matches!(step, Step::Command { .. })).zip(&printed)
        {
            let Step::Command { line, text, shown } = step else { continue };
            if !page::matches(shown, printed) {
                wrong.push_str(&format!(
                    "\n{page}:{line}: $ {text}\n--- the page shows\n{shown}--- it prints\n{printed}"
                ));
            }
        }
        if wrong.is_empty() { Ok(()) } else { bail!("{wrong}") }
    })
}

/// A machine that has what the pages take for granted, in front of the real one's folders.
///
/// Pages write where a reader would, so everything but the bed is shadowed or read-only: a page that writes elsewhere fails here, and
/// leaves nothing on the machine. Names of the kernel that have no namespace in a bed, such as the host's, are left alone.
fn furnish(bed: &Bed, tools: &[&str]) -> Result<()> {
    let dir = bed.dir().display();
    let (plugins, ctl) = (binaries::plugin_dir()?, binaries::spiderpoolctl()?);
    sh(&format!(
        "mount --bind {dir} {dir}
         for folder in etc var usr/local/bin; do
             mkdir -p {dir}/over/$folder/upper {dir}/over/$folder/work
             mount -t overlay overlay -o lowerdir=/$folder,upperdir={dir}/over/$folder/upper,workdir={dir}/over/$folder/work /$folder
         done
         mount -t tmpfs tmpfs /opt; mount -t tmpfs tmpfs /srv; mount -t tmpfs tmpfs /mnt
         mount -o remount,bind,ro /
         rm -rf /etc/cni/net.d; mkdir -p /etc/cni/net.d /srv/target/plugin
         ln -s {}/spiderpool {} /srv/target/plugin/
         ip link add eth0 type veth peer name far; ip link set eth0 up; ip link set far up",
        plugins.display(),
        ctl.display(),
    ))?;
    if tools.contains(&"cnitool") {
        let (cnitool, main) = (binaries::cnitool()?, binaries::main_plugin_dir()?);
        sh(&format!(
            "mkdir -p /opt/cni/bin; ln -s {} /usr/local/bin/; ln -s {}/bridge /opt/cni/bin/",
            cnitool.display(),
            main.display()
        ))?;
    }
    if tools.contains(&"podman") {
        fs::write("/usr/local/bin/podman", podman(bed))?;
        sh("chmod 755 /usr/local/bin/podman")?;
    }
    Ok(())
}

/// Podman as on the reader's machine, with what it needs in a bed: storage of its own, and control groups that are removed with the bed.
fn podman(bed: &Bed) -> String {
    let (dir, group) = (bed.dir().display(), bed.control_group());
    format!(
        "#!/bin/sh
state='--root {dir}/podman/root --runroot {dir}/podman/run --tmpdir {dir}/podman/tmp --runtime runc --cgroup-manager cgroupfs --events-backend file'
limits='--cgroup-parent {group} --ulimit nofile=1024:4096 --ulimit nproc=1024:4096'
if [ \"$1\" = run ]; then shift; set -- run $limits \"$@\"; fi
exec /usr/bin/podman $state \"$@\"
"
    )
}

/// Runs all commands in one shell, files written between them, and returns what each has printed.
fn play(bed: &Bed, steps: &[Step]) -> Result<Vec<String>> {
    const MARK: &str = "\u{1e}";
    let mut script = String::from("cd /srv\n");
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::File { path, text } => {
                let kept = bed.path(&format!("file-{number}"));
                fs::write(&kept, text)?;
                script.push_str(&format!("mkdir -p \"$(dirname {path})\"; cp {} {path}\n", kept.display()));
            }
            Step::Command { text, .. } => script.push_str(&format!("{text}\nprintf '%s\\n' '{MARK}'\n")),
        }
    }
    let file = bed.path("session");
    fs::write(&file, script)?;
    // One stream, in the order in which a terminal would show it.
    let outcome = run(Command::new("bash")
        .arg("-c")
        .arg(format!("exec 2>&1; . {}", file.display()))
        .env("HOME", "/srv")
        .env_remove("KUBECONFIG")
        .env("TERM", "dumb"))?;
    let mut printed: Vec<String> = outcome.stdout.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    ensure!(printed.pop().as_deref() == Some(""), "the session broke off: {outcome}");
    Ok(printed)
}
