//! A store for ipam-core in one SQLite file.
