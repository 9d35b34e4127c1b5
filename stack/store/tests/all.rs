//! What the store keeps, through its own interface: in order, killed at any point, damaged, and brought up from older formats. One program, since
//! each more would compile what they share again.

mod adopt;
mod blobs;
mod blocks;
mod catalog_damage;
mod check;
mod compaction;
mod containers;
mod copies;
mod crash;
mod crash_points;
mod damage;
mod encryption;
mod faults;
mod feed;
mod listing;
mod migrate;
mod mirror;
mod pages;
mod sealed;
mod secrets;
mod shrink;
mod strewn;
mod support;
mod tiering;
