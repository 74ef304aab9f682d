//! Work in another network namespace.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Error;

/// Runs `work` on a thread of its own in a network namespace, given by a file such as `/var/run/netns/x`, and waits for it. The
/// thread ends with it, so nothing else ever runs there.
///
/// # Errors
/// [`Error::NoNamespace`], [`Error::NotEntered`], [`Error::NoThread`], and what `work` answers.
pub fn run_in<T: Send>(path: &Path, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let file = File::open(path).map_err(|source| Error::NoNamespace { path: path.to_owned(), source })?;
    let no_thread = || Error::NoThread { path: path.to_owned() };
    thread::scope(|scope| {
        let enter_and_work = || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| Error::NotEntered { path: path.to_owned(), source: error.into() })?;
            work()
        };
        let thread = thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, enter_and_work);
        thread.map_err(|_| no_thread())?.join().map_err(|_| no_thread())?
    })
}
