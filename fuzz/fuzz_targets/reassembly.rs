//! See `mcpdump::fuzz::reassembly`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::reassembly(data));
