//! The control socket: an HTTP API over a Unix socket.
