//! See `mcpdump::fuzz::follow`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::follow(data));
