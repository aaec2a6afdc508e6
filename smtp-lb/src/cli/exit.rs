//! Exit codes, as the manual page lists them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Ok = 0,
    /// clap's own number for it.
    Usage = 2,
    Config = 3,
    Bind = 4,
    Privilege = 5,
    Interface = 6,
    XdpBusy = 7,
    Unreachable = 8,
    Refused = 9,
    AlreadyRunning = 10,
    LogFile = 11,
    Xdp = 12,
    ProbeFailed = 13,
    File = 14,
    /// `EX_SOFTWARE` of sysexits(3).
    Internal = 70,
}

impl Exit {
    /// All of them, in order.
    pub(super) const ALL: [Self; 15] = [
        Self::Ok,
        Self::Usage,
        Self::Config,
        Self::Bind,
        Self::Privilege,
        Self::Interface,
        Self::XdpBusy,
        Self::Unreachable,
        Self::Refused,
        Self::AlreadyRunning,
        Self::LogFile,
        Self::Xdp,
        Self::ProbeFailed,
        Self::File,
        Self::Internal,
    ];

    /// The number.
    pub(super) fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for the manual page.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "Done.",
            Self::Usage => "The command line is wrong.",
            Self::Config => {
                "The configuration file cannot be read or is invalid: at check, run or reload."
            }
            Self::Bind => "A listener or the control socket cannot be bound.",
            Self::Privilege => "No privilege for what was asked.",
            Self::Interface => "No such network interface.",
            Self::XdpBusy => "Another XDP program is attached to an interface; it was left alone.",
            Self::Unreachable => "The daemon is not running, or cannot be reached.",
            Self::Refused => "The daemon refused or failed the request.",
            Self::AlreadyRunning => "A daemon is running on this control socket already.",
            Self::LogFile => "A log file cannot be opened.",
            Self::Xdp => "XDP cannot be had as the configuration demands.",
            Self::ProbeFailed => {
                "A monitor, a log destination or name servers were tested, and the probe failed, records did not arrive or none answered."
            }
            Self::File => "A capture cannot be read or written.",
            Self::Internal => "A failure of the system or a fault of smtp-lb itself.",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_are_distinct_and_in_order() {
        assert!(Exit::ALL.is_sorted_by(|a, b| a.code() < b.code()));
    }
}
