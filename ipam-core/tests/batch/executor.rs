//! A world of tasks with one thread, one clock and one seed: it polls who was woken, in an order that the seed decides.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use ipam_core::{AsyncClock, Time};

/// Who was woken, in that order, each once.
#[derive(Debug, Default)]
pub(crate) struct Woken(Mutex<VecDeque<usize>>);

struct TaskWaker {
    id: usize,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.0.lock().unwrap();
        if !woken.contains(&self.id) {
            woken.push_back(self.id);
        }
    }
}

/// A clock that stands still while anybody can do something.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Mutex<(Time, BTreeMap<Time, Vec<Waker>>)>);

impl Alarm {
    /// Goes on to the first who waits.
    fn ring(&self) -> bool {
        let mut alarm = self.0.lock().unwrap();
        let Some((time, wakers)) = alarm.1.pop_first() else { return false };
        alarm.0 = time;
        drop(alarm);
        wakers.into_iter().for_each(Waker::wake);
        true
    }
}

impl AsyncClock for Alarm {
    fn now(&self) -> Time {
        self.0.lock().unwrap().0
    }

    async fn wait_until(&self, time: Time) {
        std::future::poll_fn(|context| {
            let mut alarm = self.0.lock().unwrap();
            if alarm.0 >= time {
                return Poll::Ready(());
            }
            alarm.1.entry(time).or_default().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Random numbers of the tests.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

/// How a world treats its tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whims {
    pub(crate) seed: u64,
    /// Whether any woken task may come next, or the one that was woken first.
    pub(crate) shuffled: bool,
    /// How many tasks in a hundred polls are dropped.
    pub(crate) drops: usize,
}

/// Runs the tasks to their end; returns how many were dropped on the way.
pub(crate) fn run_all<F: Future<Output = ()>>(tasks: Vec<Pin<Box<F>>>, alarm: &Alarm, whims: Whims) -> usize {
    let woken = Arc::new(Woken(Mutex::new((0..tasks.len()).collect())));
    let mut tasks: Vec<Option<Pin<Box<F>>>> = tasks.into_iter().map(Some).collect();
    let (mut dice, mut dropped) = (Dice::new(whims.seed), 0);
    loop {
        let next = {
            let mut woken = woken.0.lock().unwrap();
            let place = if whims.shuffled { dice.roll(woken.len()) } else { 0 };
            woken.remove(place)
        };
        let Some(id) = next else {
            if tasks.iter().all(Option::is_none) {
                return dropped;
            }
            assert!(alarm.ring(), "somebody waits for a wake-up that nobody gives; {whims:?}");
            continue;
        };
        if dice.roll(100) < whims.drops {
            dropped += usize::from(tasks[id].take().is_some());
            continue;
        }
        let Some(task) = &mut tasks[id] else { continue };
        let waker = Waker::from(Arc::new(TaskWaker { id, woken: Arc::clone(&woken) }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            tasks[id] = None;
        }
    }
}
