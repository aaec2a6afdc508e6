//! The data plane: listeners, sessions, relay.
