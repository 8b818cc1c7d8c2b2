//! See `mcpdump::fuzz::segments`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::segments(data));
