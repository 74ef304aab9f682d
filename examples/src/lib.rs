//! Small whole programs for users of the crates.
