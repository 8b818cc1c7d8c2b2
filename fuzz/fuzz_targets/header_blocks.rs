//! See `mcpdump::fuzz::header_blocks`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::header_blocks(data));
