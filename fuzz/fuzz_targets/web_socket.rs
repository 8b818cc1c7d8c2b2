//! See `mcpdump::fuzz::web_socket`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::web_socket(data));
