//! Waiting for one's turn.
//!
//! Writers wait on a file beside the store, not on SQLite's own locks: those are polled with growing pauses, and with 8
//! writers the unluckiest one waited 18 times longer. Here the kernel wakes the next one, in the order of arrival (see [`queue`]).
//! [`LocalStore::session`](crate::LocalStore::session) says what was measured.
//!
//! Safety does not hang on this file: SQLite's locks hold as well, so a deleted lock file costs order only. Its *content* says
//! that a store was made here, which tells a deleted or emptied store from one whose first creation was cut short.

mod queue;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::queue::{Stage, Wait, advance};
use crate::error::Error;
use crate::place::Place;

/// Written into the lock file, after the queue's line, once there is a store beside it.
const MADE: &[u8] =
    b"lock of the spiderpool store of the same name; this line says that the store has been made\n";

/// A lock file that was deleted between opening and locking is opened anew, at most so often: each round means that somebody
/// deleted it again within microseconds.
const REOPEN_ROUNDS_MAX: u32 = 16;

/// The thread that waits needs next to nothing.
const WAITER_STACK_BYTES: usize = 64 * 1024;

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock, waiting until the deadline. A thread whose wait is cut short stays in `waiter` for the next call, so that
    /// there is never more than one a store.
    pub(crate) fn take(
        place: &Place,
        waiter: &mut Option<Waiter>,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let busy = |what| Error::Busy { path: place.path.clone(), waited: started.elapsed(), what };
        for _ in 0..REOPEN_ROUNDS_MAX {
            let left = deadline.saturating_sub(started.elapsed());
            let acquired = acquire(&place.lock, waiter, left)
                .map_err(|source| Error::io("lock", &place.lock, source))?;
            let Some(file) = acquired else { return Err(busy("its lock file")) };
            if is_at(&file, &place.lock) {
                return Ok(Self(file));
            }
        }
        Err(busy("its lock file, which vanishes again and again"))
    }

    /// Whether the file says that a store was made.
    pub(crate) fn says_made(&self, place: &Place) -> Result<bool, Error> {
        let found = self.0.metadata().map_err(|source| Error::io("examine", &place.lock, source))?;
        Ok(found.len() > queue::LINE_BYTES)
    }

    /// Has the file say so. Called after the store's first transaction is durable: a crash between the two, or a disk that
    /// filled up between them, only means that the next process says it.
    pub(crate) fn say_made(&self, place: &Place) -> Result<(), Error> {
        match self.0.write_all_at(MADE, queue::LINE_BYTES) {
            Err(error)
                if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                Err(Error::io("write to", &place.lock, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Whether the lock file says that a store was made.
pub(crate) fn says_made(place: &Place) -> bool {
    fs::metadata(&place.lock).is_ok_and(|found| found.len() > queue::LINE_BYTES)
}

/// Stands in the queue of a lock file, making it if need be, and takes its lock. `None` after the deadline.
fn acquire(path: &Path, waiter: &mut Option<Waiter>, left: Duration) -> io::Result<Option<File>> {
    let waiting = match waiter.take().filter(Waiter::resume) {
        Some(waiting) => waiting,
        None => {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)?;
            let stage = advance(&file, Stage::Draw, Wait::Try);
            if stage == Stage::Front && try_lock(&file)? {
                return Ok(Some(file));
            }
            Waiter::start(file, stage)?
        }
    };
    let answer = waiting.wait(left);
    if answer.is_none() {
        *waiter = Some(waiting);
    }
    answer.transpose()
}

/// Takes an exclusive `flock` on a file that is there, without a queue: what other programs do. `None` after the deadline.
pub(crate) fn acquire_plainly(path: &Path, left: Duration) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    if try_lock(&file)? {
        return Ok(Some(file));
    }
    Waiter::start(file, Stage::Front)?.wait(left).transpose()
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A thread that blocks in the kernel, whose waits have no deadline of their own (and to interrupt it by a signal needs `unsafe`), while
/// the caller waits for the thread.
#[derive(Debug)]
pub(crate) struct Waiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Debug)]
enum State {
    /// The thread waits for the lock, a caller for the thread.
    Wanted,
    /// The thread waits for the lock, and will let go of it at once.
    Abandoned,
    /// What came of it.
    Answered(io::Result<File>),
    /// The thread has ended and left nothing.
    Over,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this mutex.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn start(file: File, stage: Stage) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State::Wanted), answered: Condvar::new() });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("ipam-local lock".to_owned()).stack_size(WAITER_STACK_BYTES).spawn(
            move || {
                advance(&file, stage, Wait::Block);
                let result = loop {
                    match file.lock() {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result,
                    }
                };
                let mut state = theirs.state();
                // Where nobody waits any more the file is dropped, which unlocks it.
                *state = match *state {
                    State::Wanted => State::Answered(result.map(|()| file)),
                    State::Abandoned | State::Answered(_) | State::Over => State::Over,
                };
                theirs.answered.notify_all();
            },
        )?;
        Ok(Self(shared))
    }

    /// Waits until the thread has the lock, or until the deadline, and then tells the thread that nobody wants it.
    fn wait(&self, left: Duration) -> Option<io::Result<File>> {
        let wanted = |state: &mut State| matches!(state, State::Wanted);
        let (mut state, _) = self
            .0
            .answered
            .wait_timeout_while(self.0.state(), left, wanted)
            .unwrap_or_else(PoisonError::into_inner);
        match mem::replace(&mut *state, State::Over) {
            State::Answered(answer) => Some(answer),
            State::Over => Some(Err(io::Error::other("the waiting thread has ended"))),
            State::Wanted | State::Abandoned => {
                *state = State::Abandoned;
                None
            }
        }
    }

    /// Takes up an abandoned wait; false if there is none any more.
    fn resume(&self) -> bool {
        let mut state = self.0.state();
        let waits = matches!(*state, State::Abandoned);
        if waits {
            *state = State::Wanted;
        }
        waits
    }
}

/// Whether the open file is still the one at the path: locking one that was deleted excludes nobody.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => open.dev() == there.dev() && open.ino() == there.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::find(&dir.path().join("ipam.db")).unwrap();
        (dir, place)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_lock_excludes_until_it_is_dropped() {
        let (_dir, place) = place();
        let held = Lock::take(&place, &mut None, LONG).unwrap();
        let mut waiter = None;
        for _ in 0..3 {
            assert!(matches!(Lock::take(&place, &mut waiter, Duration::ZERO), Err(Error::Busy { .. })));
            assert!(waiter.is_some(), "the wait is kept for the next call");
        }
        drop(held);
        Lock::take(&place, &mut waiter, LONG).unwrap();
        assert!(waiter.is_none());
    }

    #[test]
    fn turns_come_in_the_order_of_arrival() {
        let (_dir, place) = place();
        let held = Lock::take(&place, &mut None, LONG).unwrap();
        let stand_in_line = || {
            let mut waiter = None;
            assert!(acquire(&place.lock, &mut waiter, Duration::ZERO).unwrap().is_none());
            waiter.unwrap()
        };
        let (second, third) = (stand_in_line(), stand_in_line());
        assert!(third.resume() && second.resume());
        drop(held);
        // Whoever comes by at this very moment goes to the end, too.
        let last = stand_in_line();
        let file = second.wait(LONG).unwrap().unwrap();
        assert!(third.wait(Duration::ZERO).is_none() && third.resume());
        drop(file);
        let file = third.wait(LONG).unwrap().unwrap();
        assert!(last.resume() && last.wait(Duration::ZERO).is_none() && last.resume());
        drop(file);
        last.wait(LONG).unwrap().unwrap();
    }

    #[test]
    fn who_leaves_the_line_holds_nobody_up() {
        let (_dir, place) = place();
        let held = Lock::take(&place, &mut None, LONG).unwrap();
        let mut waiter = None;
        assert!(acquire(&place.lock, &mut waiter, Duration::ZERO).unwrap().is_none());
        let mut behind = None;
        assert!(acquire(&place.lock, &mut behind, Duration::ZERO).unwrap().is_none());
        drop(held);
        Lock::take(&place, &mut behind, LONG).unwrap();
    }

    #[test]
    fn whatever_stands_in_the_file_there_are_tickets() {
        for content in [
            "",
            "99",
            "99999999999999999999\n",
            "09223372036854775807\n",
            "-0000000000000000001\n",
            "no number",
        ] {
            let (_dir, place) = place();
            fs::write(&place.lock, content).unwrap();
            for _ in 0..3 {
                Lock::take(&place, &mut None, LONG).unwrap();
            }
            let line = fs::read_to_string(&place.lock).unwrap();
            let ticket: u64 = line.lines().next().unwrap().parse().unwrap();
            assert!((3..=102).contains(&ticket), "{content:?}: {line:?}");
        }
    }

    #[test]
    fn an_abandoned_wait_holds_nothing() {
        let (_dir, place) = place();
        let held = Lock::take(&place, &mut None, LONG).unwrap();
        let mut waiter = None;
        assert!(Lock::take(&place, &mut waiter, Duration::ZERO).is_err());
        drop(held);
        // Whether the thread of the first wait has come and gone already or not.
        Lock::take(&place, &mut None, LONG).unwrap();
        Lock::take(&place, &mut waiter, LONG).unwrap();
    }

    #[test]
    fn a_deleted_lock_file_is_made_anew() {
        let (_dir, place) = place();
        let held = Lock::take(&place, &mut None, LONG).unwrap();
        fs::remove_file(&place.lock).unwrap();
        assert!(!is_at(&held.0, &place.lock));
        let second = Lock::take(&place, &mut None, LONG).unwrap();
        assert!(is_at(&second.0, &place.lock));
    }

    #[test]
    fn the_file_says_that_a_store_was_made() {
        let (_dir, place) = place();
        let lock = Lock::take(&place, &mut None, LONG).unwrap();
        assert!(!lock.says_made(&place).unwrap());
        lock.say_made(&place).unwrap();
        assert!(lock.says_made(&place).unwrap());
    }
}
