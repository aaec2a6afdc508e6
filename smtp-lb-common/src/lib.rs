//! The contract between the kernel program of smtp-lb and its user side, and the pure code that
//! both run: parsing a frame, looking a source up, deciding, and rationing events.
//!
//! Nothing here allocates, panics, loops without a bound or knows a map: bytes come through
//! [`packet::Frame`], the compiled policy through [`image::Image`], sockets through
//! [`verdict::Host`].

#![no_std]
#![allow(
    clippy::inline_always,
    reason = "the kernel program is one function: the verifier loses sight of what a call returns"
)]

pub mod abi;
pub mod added;
pub mod answer;
pub mod bucket;
pub mod capture;
pub mod cookie;
pub mod event;
pub mod explain;
pub mod flat;
pub mod flood;
pub mod image;
pub mod lookup;
pub mod packet;
pub mod reason;
pub mod reputation;
pub mod staged;
pub mod tree;
pub mod verdict;
pub mod walk;
