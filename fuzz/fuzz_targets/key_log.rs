//! See `mcpdump::fuzz::key_log`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::key_log(data));
