//! See `mcpdump::fuzz::configuration`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::configuration(data));
