//! See `mcpdump::fuzz::messages`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::messages(data));
