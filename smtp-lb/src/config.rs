//! Configuration: raw TOML → checks → [`plan::Plan`]. Imports no running component.

pub mod plan;
