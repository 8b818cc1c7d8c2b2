//! See `mcpdump::fuzz::content`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::content(data));
