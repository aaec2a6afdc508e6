//! Pools and their members: state, balance, leases.
