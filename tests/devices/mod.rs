//! The program on real devices, through libpcap: captures of traffic made here, what `-w` saves,
//! and every way in which a capture ends.

#[cfg(feature = "demo")]
mod copies;
mod device;
mod dump;
mod ending;
mod hostile;
mod keeping;
mod namespace;
mod pairing;
mod rights;
mod sandbox;
mod screen;
#[cfg(feature = "demo")]
mod tls;
mod traffic;
#[cfg(feature = "demo")]
mod truth;
