//! See `mcpdump::fuzz::files`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::files(data));
