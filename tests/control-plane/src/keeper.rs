//! A thread that lives as long as the process, to start programs from.
//!
//! A program asked to die with its parent (`PR_SET_PDEATHSIG`) dies with the *thread* that started it. Tests share a control plane,
//! and the thread of the test that came first ends long before the last one's.

use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

struct Order {
    command: Command,
    answer: Sender<std::io::Result<Child>>,
}

static ORDERS: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, queue) = mpsc::channel::<Order>();
    thread::spawn(move || {
        for Order { mut command, answer } in queue {
            // Who has gone away meanwhile wants no child.
            if let Err(mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    });
    Mutex::new(orders)
});

/// Starts a program that dies with this process, however this process ends.
pub(crate) fn spawn(command: Command) -> Result<Child> {
    let (answer, answers) = mpsc::channel();
    ORDERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(Order { command, answer })
        .ok()
        .context("the thread that starts programs has ended")?;
    answers.recv().context("the thread that starts programs has ended")?.context("start a program")
}
