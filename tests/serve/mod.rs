//! `mcpdump serve` over real sockets: the bytes on the wire, refused requests, and deliberate
//! faults.

mod everything;
mod faults;
mod http2;
mod https;
mod limits;
mod raw;
mod safety;
mod streamable;
mod walkthrough;
