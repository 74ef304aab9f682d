//! A panic as an answer: a runtime that gets exit code 134 and an empty output can tell its user nothing.

use std::any::Any;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::PanicHookInfo;

use super::code::{CniError, ErrorCode};
use super::version::CniVersion;

/// Makes every panic of this process an error on standard output and exit code 1.
///
/// It is done in the hook, not by catching: plugins are built with `panic = "abort"`, where nothing unwinds.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let error = describe(info);
        write(io::stderr().as_fd(), &error.to_string());
        write(io::stdout().as_fd(), &error.to_json(CniVersion::NEWEST));
        exit();
    }));
}

/// By a descriptor of its own: the panic may have struck while the stream was locked, by this thread or another.
fn write(stream: BorrowedFd<'_>, text: &str) {
    if let Ok(stream) = stream.try_clone_to_owned() {
        // One call, so that nothing comes between; there is nobody to tell if it fails.
        let _ = File::from(stream).write_all(format!("{text}\n").as_bytes());
    }
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "returning from the hook aborts with code 134")]
fn exit() -> ! {
    std::process::exit(1)
}

fn describe(info: &PanicHookInfo<'_>) -> CniError {
    let place = info.location().map(|place| format!("at {place}: ")).unwrap_or_default();
    CniError::new(ErrorCode::Internal, format!("plugin panicked: {}", text(info.payload()))).with_details(
        format!("{place}this is a bug in the plugin; what it had begun is undone or found by the next call"),
    )
}

fn text(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
