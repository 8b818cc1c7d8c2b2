//! See `mcpdump::fuzz::frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::frames(data));
