//! Disks that are full, read-only or gone, and files that are no store (any more): a clear error that names the file, never a silent
//! new store, never a second owner.
#![forbid(unsafe_code)]

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use spiderpool_tests::bed::{Bed, bed};
use spiderpool_tests::command::sh;
use spiderpool_tests::network::{Network, Pool};
use spiderpool_tests::plugin::{Attachment, Plugin, Refusal, address_of, refusal_of};
use spiderpool_tests::store::Store;

/// A network whose store is in a folder of its own and holds one address.
struct Scene {
    dir: PathBuf,
    store: Store,
    plugin: Plugin,
    holder: Attachment,
    address: IpAddr,
}

impl Scene {
    fn new(dir: PathBuf, log_dir: &Path) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut network = Network::new("net1", &dir, Pool::new("v4", 6, 200));
        network.log = log_dir.join("spiderpool.log");
        let (plugin, store) = (Plugin::of(&network)?, Store::at(&network.store));
        let holder = Attachment::eth0("holder");
        let address = plugin.add(&holder)?;
        Ok(Self { dir, store, plugin, holder, address })
    }

    /// An ADD of somebody new is refused, and the refusal names the store's file.
    fn ensure_refused(&self, what: &str) -> Result<()> {
        self.ensure_refused_naming(self.store.path(), what)
    }

    fn ensure_refused_naming(&self, path: &Path, what: &str) -> Result<()> {
        let refusal = self.plugin.refusal("ADD", &Attachment::eth0("newcomer")).context(what.to_owned())?;
        ensure_names(&refusal, path).context(what.to_owned())
    }

    /// What was acknowledged before is still true, and others get other addresses.
    fn ensure_intact(&self, what: &str) -> Result<()> {
        let held = self.store.held().context(what.to_owned())?;
        ensure!(held.get(&self.holder) == Some(&self.address), "{what}: the store holds {held:?}");
        ensure!(held.len() == 1, "{what}: a refused ADD left its record: {held:?}");
        let newcomer = Attachment::eth0("newcomer");
        ensure!(self.plugin.add(&newcomer).context(what.to_owned())? != self.address, "{what}: two owners");
        self.plugin.del(&newcomer).context(what.to_owned())?;
        self.store.ensure_sound().context(what.to_owned())
    }
}

fn ensure_names(refusal: &Refusal, path: &Path) -> Result<()> {
    ensure!(refusal.text.contains(&*path.to_string_lossy()), "{} is not named: {refusal:?}", path.display());
    ensure!(refusal.code > 0, "no error code: {refusal:?}");
    Ok(())
}

fn small_disk(bed: &Bed, name: &str) -> Result<PathBuf> {
    let path = bed.path(name);
    sh(&format!("mkdir {0} && mount -t tmpfs -o size=1m tmpfs {0}", path.display()))?;
    Ok(path)
}

fn fill(disk: &Path) -> Result<()> {
    // dd ends with an error when the disk is full, which is what is wanted.
    sh(&format!("dd if=/dev/zero of={}/filler bs=4k 2>/dev/null || true", disk.display())).map(drop)
}

fn free(disk: &Path) -> Result<()> {
    fs::remove_file(disk.join("filler")).context("free the disk")
}

#[test]
fn full_disk_refuses_and_recovers() -> Result<()> {
    bed("full_disk_refuses_and_recovers", &[], |bed| {
        let disk = small_disk(bed, "disk")?;
        let scene = Scene::new(disk.clone(), bed.dir())?;
        fill(&disk)?;
        // As long as there is any room in pages that the file has already, an ADD may succeed; it must not pretend to.
        let mut given = Vec::new();
        let mut refused = false;
        for number in 0..150 {
            let attachment = Attachment::eth0(format!("c{number}"));
            let outcome = scene.plugin.call("ADD", &attachment)?;
            if outcome.status.success() {
                given.push((attachment, address_of(&outcome.stdout)?));
            } else {
                let refusal = refusal_of(&outcome)?;
                ensure_names(&refusal, scene.store.path())?;
                refused = true;
            }
        }
        ensure!(refused, "150 ADDs on a full disk all succeeded");
        free(&disk)?;
        let held = scene.store.held()?;
        for (attachment, address) in &given {
            ensure!(
                held.get(attachment) == Some(address),
                "{attachment:?} was given {address}, the store says {held:?}"
            );
            scene.plugin.del(attachment)?;
        }
        scene.ensure_intact("after the disk was full")
    })
}

#[test]
fn full_disk_at_first_creation() -> Result<()> {
    bed("full_disk_at_first_creation", &[], |bed| {
        let disk = small_disk(bed, "disk")?;
        let mut network = Network::new("net1", &disk, Pool::new("v4", 6, 200));
        network.log = bed.path("spiderpool.log");
        let plugin = Plugin::of(&network)?;
        let one = Attachment::eth0("c1");
        fill(&disk)?;
        let refusal = plugin.refusal("ADD", &one)?;
        ensure!(
            refusal.text.contains(&*network.store.to_string_lossy()),
            "the file is not named: {refusal:?}"
        );
        free(&disk)?;
        plugin.add(&one)?;
        Store::at(&network.store).ensure_sound()
    })
}

#[test]
fn full_disk_of_the_log_fails_no_add() -> Result<()> {
    bed("full_disk_of_the_log_fails_no_add", &[], |bed| {
        let disk = small_disk(bed, "log")?;
        let scene = Scene::new(bed.path("store"), &disk)?;
        fill(&disk)?;
        scene.ensure_intact("with a full disk for the log")
    })
}

#[test]
fn read_only_folder() -> Result<()> {
    bed("read_only_folder", &[], |bed| {
        let scene = Scene::new(bed.path("store"), bed.dir())?;
        let dir = scene.dir.display();
        // Root ignores file modes: only a read-only mount says no to it.
        sh(&format!("mount --bind {dir} {dir} && mount -o remount,bind,ro {dir}"))?;
        scene.ensure_refused("a read-only folder")?;
        scene.plugin.refusal("DEL", &scene.holder).context("DEL in a read-only folder")?;
        sh(&format!("umount {dir}"))?;
        scene.ensure_intact("after the folder was read-only")?;

        let empty = bed.path("empty");
        sh(&format!("mkdir {0} && mount --bind {0} {0} && mount -o remount,bind,ro {0}", empty.display()))?;
        let mut network = Network::new("net1", &empty, Pool::new("v4", 6, 200));
        network.log = bed.path("spiderpool.log");
        let refusal = Plugin::of(&network)?.refusal("ADD", &Attachment::eth0("c1"))?;
        ensure!(
            refusal.text.contains(&*network.store.to_string_lossy()),
            "the file is not named: {refusal:?}"
        );
        ensure!(fs::read_dir(&empty)?.next().is_none(), "something was written");
        Ok(())
    })
}

#[test]
fn folder_that_is_gone() -> Result<()> {
    bed("folder_that_is_gone", &[], |bed| {
        let scene = Scene::new(bed.path("store"), bed.dir())?;
        let elsewhere = bed.path("elsewhere");
        fs::rename(&scene.dir, &elsewhere)?;
        scene.ensure_refused_naming(&scene.dir, "a folder that is gone")?;
        ensure!(!scene.dir.exists(), "the folder was made anew");
        fs::rename(&elsewhere, &scene.dir)?;
        scene.ensure_intact("after the folder came back")
    })
}

#[test]
fn deleted_file_is_not_made_anew() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let scene = Scene::new(dir.path().join("store"), dir.path())?;
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(scene.store.path(), &elsewhere)?;
    scene.ensure_refused("a deleted file")?;
    ensure!(!scene.store.path().exists(), "the file was made anew");
    fs::rename(&elsewhere, scene.store.path())?;
    scene.ensure_intact("after the file came back")
}

/// A way to ruin a store file.
type Damage = fn(&mut Vec<u8>);

/// Offsets of SQLite's file header, from its file format's documentation.
const USER_VERSION: usize = 60;
const APPLICATION_ID: usize = 68;

const DAMAGES: [(&str, Damage); 9] = [
    ("truncated to nothing", Vec::clear),
    ("truncated within the header", |file| file.truncate(50)),
    ("truncated to its first page", |file| file.truncate(4096)),
    ("truncated to half", |file| file.truncate(file.len() / 2)),
    ("overwritten with zeros", |file| file.fill(0)),
    ("overwritten with text", |file| *file = b"this is no store\n".repeat(2000)),
    ("garbage after the first page", |file| file.iter_mut().skip(4096).for_each(|byte| *byte ^= 0x5A)),
    ("another program's database", |file| put(file, APPLICATION_ID, *b"GPKG")),
    ("a newer schema", |file| put(file, USER_VERSION, 1_000_000_u32.to_be_bytes())),
];

fn put(file: &mut [u8], offset: usize, bytes: [u8; 4]) {
    file.iter_mut().skip(offset).zip(bytes).for_each(|(byte, new)| *byte = new);
}

#[test]
fn ruined_files_are_refused_and_left_alone() -> Result<()> {
    let dir = tempfile::tempdir()?;
    for (number, (what, damage)) in DAMAGES.into_iter().enumerate() {
        let scene = Scene::new(dir.path().join(number.to_string()), dir.path())?;
        let file = scene.store.path();
        let whole = fs::read(file)?;
        let mut ruined = whole.clone();
        damage(&mut ruined);
        ensure!(ruined != whole, "{what}: nothing changed");
        fs::write(file, &ruined)?;

        scene.ensure_refused(what)?;
        let found = scene.store.ctl(&["ip", "list"])?.failure().context(what)?;
        ensure!(found.contains(&*file.to_string_lossy()), "{what}: spiderpoolctl names no file: {found}");
        ensure!(fs::read(file)? == ruined, "{what}: a file that is refused must be left as it is");

        fs::write(file, &whole)?;
        scene.ensure_intact(what)?;
    }
    Ok(())
}
