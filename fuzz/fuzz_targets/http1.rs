//! See `mcpdump::fuzz::http1`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::http1(data));
