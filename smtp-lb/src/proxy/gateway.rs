//! SMTP is read: command by command and reply by reply.
//!
//! The machine decides, without a socket or a clock; the driver does what it says.

mod machine;
