//! See `mcpdump::fuzz::tls_connection`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcpdump::fuzz::tls_connection(data));
