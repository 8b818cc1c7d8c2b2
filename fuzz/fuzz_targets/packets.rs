//! See `mcpdump::fuzz::packets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::packets(data));
