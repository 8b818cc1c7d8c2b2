//! See `mcpdump::fuzz::event_stream`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::event_stream(data));
