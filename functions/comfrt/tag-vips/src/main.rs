//! The Lambda binary; everything is in the library beside it.

use std::process::ExitCode;

use tag_vips::{deps::Deps, handler::handle};

fn main() -> ExitCode {
    shared::main(Deps::load, handle)
}
