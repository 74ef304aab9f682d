//! A store that fails on purpose, from a seed.

use crate::store::{Change, Class, Query, Store, StoreError, Version, View};

/// How often, in thousandths, each fault happens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FaultRates {
    /// A read gets no answer.
    pub read_lost: u16,
    /// A commit is lost before it is stored.
    pub commit_lost: u16,
    /// A commit is stored, but its answer is lost.
    pub answer_lost: u16,
    /// A commit conflicts for no reason that the caller can see.
    pub conflict: u16,
    /// A commit is refused for good.
    pub rejected: u16,
}

impl FaultRates {
    /// Each fault but the refusal in one of ten calls.
    #[must_use]
    pub const fn rough() -> Self {
        Self { read_lost: 100, commit_lost: 100, answer_lost: 100, conflict: 100, rejected: 0 }
    }
}

/// An injected fault, or the error of the store below.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultyError<E: StoreError> {
    /// No answer: injected.
    #[error("injected: no answer")]
    NoAnswer,
    /// A conflict: injected.
    #[error("injected: conflict")]
    Conflict,
    /// A refusal: injected.
    #[error("injected: rejected")]
    Rejected,
    /// What the store itself says.
    #[error(transparent)]
    Store(E),
}

impl<E: StoreError> StoreError for FaultyError<E> {
    fn class(&self) -> Class {
        match self {
            Self::NoAnswer => Class::Unavailable,
            Self::Conflict => Class::Conflict,
            Self::Rejected => Class::Rejected,
            Self::Store(error) => error.class(),
        }
    }
}

/// Wraps a store and injects faults. The same seed and calls give the same faults.
#[derive(Clone, Debug)]
pub struct FaultStore<S> {
    store: S,
    rates: FaultRates,
    random: u64,
    injected: u64,
}

impl<S> FaultStore<S> {
    /// Wraps a store.
    #[must_use]
    pub const fn new(store: S, rates: FaultRates, seed: u64) -> Self {
        Self {
            store,
            rates,
            random: seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1,
            injected: 0,
        }
    }

    /// The store below.
    pub const fn inner(&mut self) -> &mut S {
        &mut self.store
    }

    /// How many faults there were: a test that saw none proves nothing.
    #[must_use]
    pub const fn injected(&self) -> u64 {
        self.injected
    }

    fn strikes(&mut self, rate: u16) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let strikes = (self.random >> 32).checked_rem(1000).unwrap_or(0) < u64::from(rate);
        self.injected = self.injected.saturating_add(u64::from(strikes));
        strikes
    }
}

impl<S: Store> Store for FaultStore<S> {
    type Error = FaultyError<S::Error>;

    fn is_atomic(&self) -> bool {
        self.store.is_atomic()
    }

    fn read(&mut self, query: &Query) -> Result<View, Self::Error> {
        if self.strikes(self.rates.read_lost) {
            return Err(FaultyError::NoAnswer);
        }
        self.store.read(query).map_err(FaultyError::Store)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, Self::Error> {
        if self.strikes(self.rates.rejected) {
            return Err(FaultyError::Rejected);
        }
        if self.strikes(self.rates.conflict) {
            return Err(FaultyError::Conflict);
        }
        if self.strikes(self.rates.commit_lost) {
            return Err(FaultyError::NoAnswer);
        }
        let stored = self.store.commit(changes);
        if self.strikes(self.rates.answer_lost) {
            return Err(FaultyError::NoAnswer);
        }
        stored.map_err(FaultyError::Store)
    }
}
