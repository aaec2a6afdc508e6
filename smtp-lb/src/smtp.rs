//! Sans-IO SMTP grammar: bytes in, lines and replies out. No socket, no clock.
