//! Stub.
//!
//! ```
//! assert_eq!(1, 1);
//! ```

/// One.
#[must_use]
pub fn one() -> u8 {
    1
}

#[cfg(test)]
mod tests {
    #[test]
    fn one() {
        assert_eq!(super::one(), 1);
    }

    #[test]
    #[ignore = "slow"]
    fn slow() {}
}
