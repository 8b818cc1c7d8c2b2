//! The program: everything is in the library.

use std::process::ExitCode;

/// Each exchange takes some thirty small allocations: measured 15 % faster than glibc's with the same memory; mimalloc
/// is as fast and takes twice the memory.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    mcpdump::cli::main()
}
