//! 2,000 SIGKILLs at random moments of plugin processes, the first creation of the store included.
//!
//! What a process acknowledged must be true afterwards: an ADD that printed its result is held by that owner until a DEL of it is
//! started, a DEL that ended well has freed. What a killed process did not acknowledge may have happened or not, but never by halves:
//! no address has two owners, `fsck` is clean, and whoever comes next can work.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use spiderpool_tests::command::Outcome;
use spiderpool_tests::network::{Network, Pool};
use spiderpool_tests::plugin::{Attachment, Plugin, address_of};
use spiderpool_tests::seed::Seed;
use spiderpool_tests::store::Store;

/// Each round begins without a store, so that kills hit its creation, too.
const ROUNDS: u32 = 100;
const KILLS_A_ROUND: u32 = 20;
const THREADS: u8 = 4;
const OWNERS_A_THREAD: u8 = 5;
/// A round that never kills anything must end: far more calls than any round needs.
const CALLS_A_ROUND_MAX: u32 = 2_000;

/// What is known of an owner from acknowledged calls alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Free,
    Holds(IpAddr),
    Unknown,
}

/// What the threads of a round share.
#[derive(Debug, Default)]
struct Round {
    /// Addresses that are held for certain: added when an ADD is acknowledged, removed before a DEL is started.
    certain: BTreeMap<IpAddr, Attachment>,
    kills: u32,
    /// Kills before anything was acknowledged: those that can hit the creation of the store.
    early_kills: u32,
    calls: u32,
    acknowledged: u32,
}

impl Round {
    fn count_kill(&mut self) {
        self.kills += 1;
        self.early_kills += u32::from(self.acknowledged == 0);
    }

    /// What an ADD tells of its owner, and whether it may be true.
    fn added(&mut self, owner: &Attachment, before: Known, outcome: &Outcome, killed: bool) -> Result<Known> {
        // A result that was printed whole is acknowledged, even when the process was killed before it could end.
        let address = match address_of(&outcome.stdout) {
            Ok(address) => address,
            Err(_) if killed => return Ok(if before == Known::Free { Known::Unknown } else { before }),
            Err(error) => return Err(error.context(format!("{outcome}"))),
        };
        self.acknowledged += 1;
        if let Known::Holds(held) = before {
            ensure!(held == address, "{owner:?} held {held} and was given {address}: {outcome}");
        }
        if let Some(other) = self.certain.insert(address, owner.clone())
            && other != *owner
        {
            bail!("{address} is held by {other:?} and was given to {owner:?}");
        }
        Ok(Known::Holds(address))
    }

    /// What a DEL tells of its owner.
    fn deleted(&mut self, killed: bool) -> Known {
        self.acknowledged += u32::from(!killed);
        if killed { Known::Unknown } else { Known::Free }
    }
}

/// How long a call usually takes: a guess that follows the load of the machine, so that on any machine some calls are killed and some live.
struct Pace(AtomicU64);

impl Pace {
    fn usual(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Longer after a kill, shorter after a call that lived: in the long run half are killed. A lost update does no harm.
    fn learn(&self, killed: bool) {
        let usual = self.0.load(Ordering::Relaxed);
        self.0.store(if killed { usual + usual / 16 } else { usual - usual / 16 }, Ordering::Relaxed);
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_two_thousand_kills() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut seed = Seed::from_environment()?;
    let pace = Pace(AtomicU64::new(5_000_000));
    let mut total = Round::default();
    for number in 0..ROUNDS {
        let round_dir = dir.path().join(number.to_string());
        let round = round(&round_dir, &pace, &mut seed).with_context(|| format!("round {number}"))?;
        total.kills += round.kills;
        total.early_kills += round.early_kills;
        total.calls += round.calls;
        total.acknowledged += round.acknowledged;
        std::fs::remove_dir_all(&round_dir)?;
    }
    let Round { kills, early_kills, calls, acknowledged, .. } = total;
    println!(
        "{kills} of {calls} processes were killed, {early_kills} before there was a store for certain; {acknowledged} calls were acknowledged"
    );
    ensure!(kills >= ROUNDS * KILLS_A_ROUND, "only {kills} kills");
    // Kills that all come too early, or all too late, would prove nothing.
    ensure!(early_kills >= ROUNDS / 2, "only {early_kills} kills could hit the creation of a store");
    ensure!(acknowledged >= kills / 10, "only {acknowledged} calls were acknowledged beside {kills} kills");
    Ok(())
}

fn network(dir: &Path) -> Network {
    Network::new("net1", dir, Pool::new("v4", 6, 200))
}

fn round(dir: &Path, pace: &Pace, seed: &mut Seed) -> Result<Round> {
    std::fs::create_dir_all(dir)?;
    let network = network(dir);
    let (plugin, store) = (Plugin::of(&network)?, Store::at(&network.store));
    let round = Mutex::new(Round::default());
    let known = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (plugin, round, seed) = (&plugin, &round, seed.fork());
                scope.spawn(move || disturb(thread, plugin, round, pace, seed))
            })
            .collect();
        // All are joined before the first error is returned: none may work on a store that is being removed.
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked")))
            .collect();
        let mut known = BTreeMap::new();
        for outcome in outcomes {
            known.extend(outcome??);
        }
        Ok::<_, anyhow::Error>(known)
    })?;
    let round = round.into_inner().map_err(|_| anyhow!("a thread panicked"))?;

    // When nothing was ever acknowledged there may be no store yet.
    if round.acknowledged > 0 {
        judge(&store, &known)?;
    }
    // Whoever comes next finds a store that works, and it is the same one.
    let next = Attachment::eth0("next");
    let mut known = known;
    known.insert(next.clone(), Known::Holds(plugin.add(&next)?));
    judge(&store, &known)?;
    for owner in known.keys() {
        plugin.del(owner)?;
    }
    store.ensure_empty()?;
    Ok(round)
}

/// Starts and kills processes for the owners of one thread, until the round has had its kills.
fn disturb(
    thread: u8,
    plugin: &Plugin,
    round: &Mutex<Round>,
    pace: &Pace,
    mut seed: Seed,
) -> Result<BTreeMap<Attachment, Known>> {
    let owners: Vec<Attachment> =
        (0..OWNERS_A_THREAD).map(|owner| Attachment::eth0(format!("t{thread}-{owner}"))).collect();
    let mut known: BTreeMap<Attachment, Known> =
        owners.iter().map(|owner| (owner.clone(), Known::Free)).collect();
    loop {
        let is_early = {
            let mut round = lock(round)?;
            if round.kills >= KILLS_A_ROUND {
                return Ok(known);
            }
            round.calls += 1;
            ensure!(round.calls < CALLS_A_ROUND_MAX, "{} kills after {} calls", round.kills, round.calls);
            round.acknowledged == 0
        };
        let owner = seed.pick(&owners).context("a thread without owners")?;
        let before = known.get(owner).copied().unwrap_or(Known::Free);
        let add = match before {
            Known::Free => true,
            Known::Holds(_) => seed.below(4) == 0,
            Known::Unknown => seed.below(2) == 0,
        };
        // Half of the moments lie after the usual end: those calls mostly live to acknowledge. Not so at first, for the sake of the
        // store's creation.
        let span = seed.span(if is_early { pace.usual() } else { pace.usual() * 2 });
        if let (Known::Holds(address), false) = (before, add) {
            lock(round)?.certain.remove(&address);
        }
        let outcome = plugin.call_and_kill(if add { "ADD" } else { "DEL" }, owner, span)?;
        let killed = outcome.status.signal() == Some(9);
        ensure!(killed || outcome.status.success(), "refused although nothing stands against it: {outcome}");
        pace.learn(killed);
        let mut round = lock(round)?;
        if killed {
            round.count_kill();
        }
        let after = if add { round.added(owner, before, &outcome, killed)? } else { round.deleted(killed) };
        known.insert(owner.clone(), after);
    }
}

fn lock(round: &Mutex<Round>) -> Result<MutexGuard<'_, Round>> {
    round.lock().map_err(|_| anyhow!("another thread panicked"))
}

/// Compares the store with what is known; doubles are found by [`Store::records`].
fn judge(store: &Store, known: &BTreeMap<Attachment, Known>) -> Result<()> {
    let held = store.held()?;
    for (owner, known) in known {
        match (known, held.get(owner)) {
            (Known::Free, Some(address)) => bail!("{owner:?} gave {address} back, but still holds it"),
            (Known::Holds(address), found) if found != Some(address) => {
                bail!("{owner:?} was given {address}, but the store says {found:?}")
            }
            (Known::Free | Known::Holds(_) | Known::Unknown, _) => {}
        }
    }
    if let Some(stranger) = held.keys().find(|owner| !known.contains_key(owner)) {
        bail!("{stranger:?} holds an address and never asked for one");
    }
    store.ensure_sound()
}
