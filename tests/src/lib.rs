//! Harness of the end-to-end tests, the demonstration and the benchmarks: network namespaces,
//! small servers that record what they are told, and real ones.
//!
//! Whatever is made here has a guard that removes it, and whatever a crashed run left behind is
//! removed by the next one.

pub mod bpffs;
pub mod certs;
pub mod clients;
pub mod connect_proxy;
pub mod corpus;
pub mod daemon;
pub mod digest;
pub mod dns_relay;
pub mod dns_server;
pub mod dovecot;
pub mod exim;
pub mod faulty_member;

pub mod flaky_dns;
pub mod flood;
pub mod folder;
pub mod https_server;
pub mod knot;
pub mod log_collector;
pub mod mailbox;
pub mod mmdb;
pub mod netns;
pub mod postfix;
pub mod process;
pub mod redis;
pub mod rsyslog;
pub mod site;
pub mod smtp_client;
pub mod smtp_server;
pub mod syslog_ng;
pub mod syslog_server;
pub mod tap;
pub mod tls_client;
pub mod tmpfs;
mod user;
pub mod wait;
