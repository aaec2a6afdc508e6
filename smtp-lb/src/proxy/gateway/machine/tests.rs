//! Conversations without sockets. Functions are named after the points of the notes on SMTP.

mod ask;
mod auth;
mod balance;
mod chunks;
mod commands;
mod endings;
mod extensions;
mod failure;
mod identity;
mod kills;
mod leaving;
mod limits;
mod property;
mod stage;
mod stop;
mod tls;
