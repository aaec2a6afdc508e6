//! Where a probe is, for others to see.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Serialize, Serializer};

/// A step of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What is ours is made ready: secrets and the text of a message are read.
    Prepare,
    /// TCP handshake.
    Connect,
    /// ICMP echo request, wait for the answer.
    Echo,
    /// TLS handshake.
    Handshake,
    /// Wait for 220.
    Greeting,
    /// EHLO, wait for 250.
    Ehlo,
    /// HELO, wait for 250.
    Helo,
    /// STARTTLS, wait for 220.
    StartTls,
    /// AUTH, wait for 235.
    Auth,
    /// MAIL, wait for 250.
    Mail,
    /// RCPT, wait for 250 or 251.
    Rcpt,
    /// DATA, wait for 354.
    Data,
    /// The text and its end, wait for 250.
    Message,
    /// QUIT, wait for 221.
    Quit,
    /// An operator's program, wait for output.
    Program,
}

impl Step {
    const ALL: [Self; 15] = [
        Self::Prepare,
        Self::Connect,
        Self::Echo,
        Self::Handshake,
        Self::Greeting,
        Self::Ehlo,
        Self::Helo,
        Self::StartTls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Message,
        Self::Quit,
        Self::Program,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare",
            Self::Connect => "connect",
            Self::Echo => "echo",
            Self::Handshake => "TLS handshake",
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Message => "end of data",
            Self::Quit => "QUIT",
            Self::Program => "program",
        })
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The step of a probe under way, 0 if there is none, else its place in [`Step::ALL`] plus 1.
#[derive(Debug, Default)]
pub(in crate::health) struct Progress(AtomicU8);

/// Ends the progress of a probe, also one that is aborted.
pub(super) struct Idle<'a>(&'a Progress);

impl Progress {
    pub(super) fn begin(&self) -> Idle<'_> {
        self.set(Step::Prepare);
        Idle(self)
    }

    pub(super) fn set(&self, step: Step) {
        self.0.store(step as u8 + 1, Ordering::Relaxed);
    }

    /// The step; `None` between probes.
    pub(in crate::health) fn get(&self) -> Option<Step> {
        let place = usize::from(self.0.load(Ordering::Relaxed)).checked_sub(1)?;
        Step::ALL.get(place).copied()
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_every_step_and_idleness() {
        let progress = Progress::default();
        assert_eq!(progress.get(), None);
        let idle = progress.begin();
        assert_eq!(progress.get(), Some(Step::Prepare));
        for step in Step::ALL {
            progress.set(step);
            assert_eq!(progress.get(), Some(step));
        }
        drop(idle);
        assert_eq!(progress.get(), None);
    }
}
