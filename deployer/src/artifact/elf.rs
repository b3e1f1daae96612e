//! Whether an executable can start in `provided.al2023`: right processor, and no newer glibc than is there.

use super::cargo::GLIBC;
use crate::exit::Failure;
use object::elf;
use object::read::elf::{ElfFile64, ElfSection64, FileHeader as _};
use object::{Object as _, ObjectSection as _, SectionKind};
use std::path::Path;

/// What an executable asks of the machine it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Needs {
    machine: u16,
    /// The newest `GLIBC_x.y` among the symbol versions; `None` for a static executable.
    glibc: Option<(u32, u32)>,
}

/// # Errors
/// `Failure::World` when it would not start in AWS, or is no ELF file.
pub(super) fn check(executable: &Path, target: &str) -> Result<(), Failure> {
    let refuse = |problem: String, next: &str| {
        let message = format!("{} {problem}", executable.display());
        Err(Failure::failed(message, "nothing was uploaded, and AWS was not called", next))
    };
    let bytes = match std::fs::read(executable) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(format!("cannot be read: {error}"), "build again"),
    };
    let needs = match needs(&bytes) {
        Ok(needs) => needs,
        Err(error) => return refuse(format!("is no Linux executable: {error}"), "build again"),
    };
    let expected = if target.starts_with("aarch64") { elf::EM_AARCH64 } else { elf::EM_X86_64 };
    if needs.machine != expected {
        return refuse("is made for another processor".to_owned(), "set `architecture` to what it is built for");
    }
    match needs.glibc {
        Some(version) if version > GLIBC => refuse(
            format!(
                "needs glibc {}.{}, but Lambda's provided.al2023 has {}.{}",
                version.0, version.1, GLIBC.0, GLIBC.1
            ),
            "look for a C library that a build script links from this machine (`ldd`), and build it from source instead",
        ),
        _ => Ok(()),
    }
}

/// What an executable for Linux only reads: its constants, texts among them. `None`: it is none.
pub(super) fn constants(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let file = ElfFile64::<object::Endianness>::parse(bytes).ok()?;
    let is_constant = |section: &ElfSection64<'_, '_>| {
        // Tables for unwinding are of that kind too, and large.
        let is_table =
            section.name().is_ok_and(|name| name.starts_with(".eh_frame") || name.starts_with(".gcc_except"));
        matches!(section.kind(), SectionKind::ReadOnlyData | SectionKind::ReadOnlyString) && !is_table
    };
    Some(file.sections().filter(is_constant).filter_map(|section| section.data().ok()).collect())
}

fn needs(bytes: &[u8]) -> object::read::Result<Needs> {
    let file = ElfFile64::<object::Endianness>::parse(bytes)?;
    let endian = file.endian();
    let mut newest = None;
    let sections = file.elf_section_table();
    if let Some((needed, link)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        for library in needed {
            for version in library?.1 {
                let name = version?.name(endian, strings)?;
                newest = newest.max(glibc(&String::from_utf8_lossy(name)));
            }
        }
    }
    Ok(Needs { machine: file.elf_header().e_machine(endian), glibc: newest })
}

/// `GLIBC_2.34` → `(2, 34)`. Private versions (`GLIBC_PRIVATE`) and those of other libraries say nothing here.
fn glibc(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{glibc, needs};

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(glibc("GLIBC_2.2.5"), Some((2, 2)));
        assert!(glibc("GLIBC_2.34") > glibc("GLIBC_2.4"));
        assert_eq!(glibc("GLIBC_PRIVATE"), None);
        assert_eq!(glibc("GCC_3.0"), None);
    }

    #[test]
    fn the_test_itself_needs_some_glibc() {
        let this = std::env::current_exe().expect("the running test");
        let bytes = std::fs::read(this).expect("its bytes");
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            assert!(needs(&bytes).expect("an ELF file").glibc >= Some((2, 2)));
        } else {
            assert!(needs(b"#!/bin/sh").is_err());
        }
    }

    #[test]
    fn a_script_is_no_executable() {
        assert!(needs(b"#!/bin/sh\nexit 0\n").is_err());
    }
}
