//! See `mcpdump::fuzz::filter`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::filter(data));
