//! See `mcpdump::fuzz::records`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::records(data));
