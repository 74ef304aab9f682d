//! A test of the tests: rules broken on purpose.
