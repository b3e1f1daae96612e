//! Programs for `tests/scan.rs`: what of an SDK each of them reaches is known.
