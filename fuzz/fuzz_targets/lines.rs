//! See `mcpdump::fuzz::lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::lines(data));
