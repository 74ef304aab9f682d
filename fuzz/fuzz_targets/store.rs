//! The content of a store file: whatever stands in it, an answer or an error, never a panic, and never an address that a record
//! still gives to somebody.
//!
//! The input is a list of patches (offset, byte) to a sound store, or the whole file where its first byte is odd.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use ipam_core::{
    Change, Owner, PageQuery, PickQuery, PoolFields, PoolOp, Query, Record, Start, Store as _, Time, Version,
    View, Want,
};
use ipam_local::{LocalStore, Metadata, OpenMode, Session, Source};
use libfuzzer_sys::fuzz_target;

const DEADLINE: Duration = Duration::from_secs(5);

/// A folder in memory that lasts as long as the fuzzer, and the bytes of a sound store.
fn sound() -> &'static (PathBuf, Vec<u8>, Vec<u8>) {
    static SOUND: OnceLock<(PathBuf, Vec<u8>, Vec<u8>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = PathBuf::from(format!("/dev/shm/spiderpool-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder in memory");
        let path = folder.join("sound.db");
        let mut store = LocalStore::open(&path, OpenMode::CreateIfMissing, DEADLINE).expect("a new store");
        let mut session = store.session(DEADLINE).expect("nobody else is here");
        for (name, subnet, ips) in
            [("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.40"), ("v6", "fd00::/64", "fd00::10-fd00::ff")]
        {
            let fields = PoolFields { subnet: subnet.into(), ips: vec![ips.into()], ..PoolFields::default() };
            let pool = name.parse().expect("a name");
            session.apply_pool(&pool, &fields, &Metadata::default(), &Source::Applied).expect("a valid pool");
            for _ in 0..10 {
                take(&mut session, name).expect("a sound store");
            }
        }
        drop(session);
        drop(store);
        let read = |name: &str| fs::read(folder.join(name)).expect("what was just written");
        (folder.clone(), read("sound.db"), read("sound.db.lock"))
    })
}

/// Picks an address and takes it; the address must not have a record before.
fn take(session: &mut Session<'_>, pool: &str) -> Option<()> {
    let pool: ipam_core::PoolName = pool.parse().ok()?;
    let (now, cooldown) = (Time::default(), Duration::ZERO);
    let query =
        PickQuery { pool: pool.clone(), want: Want::Any(Start::Rotate), except: Vec::new(), now, cooldown };
    let View::Pick(view) = session.read(&Query::Pick(query)).ok()? else { panic!("another kind of answer") };
    let address = view.outcome.ok()?;
    let page = PageQuery { scope: None, pool: None, after: None, limit: 10_000 };
    let before = session.read(&Query::Page(page));
    let owner = Owner::container("net", "fuzz").ok()?;
    let op = PoolOp::Take(Record { address, owner, stamp: None });
    session
        .commit(&[Change::Pool { pool: pool.clone(), version: Version::ANY, ops: vec![op], now, cooldown }])
        .ok()?;
    if let Ok(View::Page(page)) = before {
        let held =
            page.records.iter().any(|holding| holding.record.address == address && holding.pool == pool);
        assert!(!held, "{address} had an owner and was given again");
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    let (folder, bytes, lock) = sound();
    let path = folder.join("ipam.db");
    let content = match data {
        [kind, rest @ ..] if kind % 2 == 1 => rest.to_vec(),
        _ => {
            let mut content = bytes.clone();
            for patch in data.get(1..).unwrap_or_default().chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % content.len();
                content[at] = patch[2];
            }
            content
        }
    };
    let _ = fs::remove_file(folder.join("ipam.db-journal"));
    fs::write(&path, content).and_then(|()| fs::write(folder.join("ipam.db.lock"), lock)).expect("memory");
    let Ok(mut store) = LocalStore::open(&path, OpenMode::MustExist, DEADLINE) else { return };
    let Ok(mut session) = store.session(DEADLINE) else { return };
    for pool in ["v4", "v6"] {
        let _ = take(&mut session, pool);
    }
    let _ = session.fsck(false);
    let _ = session.export();
    let _ = session.fsck(true);
    let _ = take(&mut session, "v4");
});
