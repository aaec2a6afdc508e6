//! Plan → components → tasks.
