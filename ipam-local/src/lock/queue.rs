//! First come, first served.
//!
//! `flock` alone is not fair: between the moment a holder lets go and the moment the process that was woken runs, whoever comes
//! by takes the lock, and on a busy machine somebody always does. Measured with 8 processes at once, the unluckiest
//! waited for 45 turns. So each process first stands in a queue that nobody can jump: it draws a ticket and locks the
//! octet of that number in the lock file, then waits for the octet of the ticket before (the queue of Craig, Landin and
//! Hagersten, with the kernel's locks in place of memory). When a process ends in whatever way, the kernel frees its octet.
//!
//! The queue makes for order, not for safety: a process that dies while it waits lets the one behind it come up too early,
//! which then meets the `flock`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// The next ticket, in decimal digits: the first line of the lock file.
const DIGITS: usize = 20;

/// The first line with its end.
pub(super) const LINE_BYTES: u64 = 21;

/// The octet that is locked while a ticket is drawn.
const COUNTER: i64 = 0;

/// The first ticket. The octet before it is nobody's: the counter's must not be waited for.
const FIRST: i64 = COUNTER + 2;

/// How far a process has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// It has no ticket yet.
    Draw,
    /// It waits for the ticket before this one.
    Queue(i64),
    /// It is at the front: only the lock itself is left.
    Front,
}

/// Whether to wait where it takes waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    Try,
    Block,
}

/// Goes to the front of the queue, or as far as it gets without waiting.
///
/// Where the queue cannot be kept (a full disk has no room for the counter, a file system knows no such locks), it is not kept:
/// everybody is at the front then.
pub(super) fn advance(file: &File, stage: Stage, wait: Wait) -> Stage {
    let mut stage = stage;
    loop {
        let next = match stage {
            Stage::Draw => draw(file, wait),
            Stage::Queue(ticket) => {
                take(file, libc::F_RDLCK, ticket - 1, wait).map(|taken| taken.then_some(Stage::Front))
            }
            Stage::Front => return Stage::Front,
        };
        match next {
            Ok(Some(next)) => stage = next,
            Ok(None) => return stage,
            Err(_) => return Stage::Front,
        }
    }
}

/// Draws a ticket and locks its octet. `None`: another process is drawing.
fn draw(file: &File, wait: Wait) -> io::Result<Option<Stage>> {
    if !take(file, libc::F_WRLCK, COUNTER, wait)? {
        return Ok(None);
    }
    let ticket = next_ticket(file)?;
    let is_ours = take(file, libc::F_WRLCK, ticket, Wait::Try)?;
    take(file, libc::F_UNLCK, COUNTER, Wait::Try)?;
    // Somebody wrote to the file: two have one number. Neither order nor number matters then.
    Ok(Some(if is_ours { Stage::Queue(ticket) } else { Stage::Front }))
}

fn next_ticket(file: &File) -> io::Result<i64> {
    let mut digits = [0; DIGITS];
    let read = file.read_at(&mut digits, 0)?;
    let last = digits
        .get(..read)
        .and_then(|digits| str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok());
    // A new file, one that a power loss has emptied, or the end of numbers.
    let ticket =
        last.and_then(|last: i64| last.checked_add(1)).filter(|ticket| *ticket >= FIRST).unwrap_or(FIRST);
    file.write_all_at(format!("{ticket:0DIGITS$}\n").as_bytes(), 0)?;
    Ok(ticket)
}

/// Locks or unlocks one octet for this open file. False: another has it, and we don't wait.
fn take(file: &File, kind: libc::c_int, octet: i64, wait: Wait) -> io::Result<bool> {
    let kind = libc::c_short::try_from(kind).map_err(io::Error::other)?;
    let whence = libc::c_short::try_from(libc::SEEK_SET).map_err(io::Error::other)?;
    let lock = libc::flock { l_type: kind, l_whence: whence, l_start: octet, l_len: 1, l_pid: 0 };
    loop {
        let argument = match wait {
            Wait::Try => FcntlArg::F_OFD_SETLK(&lock),
            Wait::Block => FcntlArg::F_OFD_SETLKW(&lock),
        };
        match fcntl(file, argument) {
            Ok(_) => return Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => return Ok(false),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
