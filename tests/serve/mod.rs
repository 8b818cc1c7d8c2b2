//! `mcpdump serve` over real sockets: what is on the wire, what is refused, and what goes wrong on
//! purpose.

mod everything;
mod faults;
mod https;
mod raw;
mod safety;
mod streamable;
mod walkthrough;
