//! Diagnostics for people. To come.
