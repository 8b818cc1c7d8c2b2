//! See `mcpdump::fuzz::quic`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::quic(data));
