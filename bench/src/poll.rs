//! Readiness of many descriptors, level-triggered.

use std::io::Result;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;

/// Events taken at once. Small, so that no session waits long behind the others.
const BATCH: usize = 64;

/// What a descriptor is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Something to receive.
    Receive,
    /// Room to send, or something to receive.
    Send,
}

/// An epoll instance. Closing a descriptor takes it out.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    /// Watches nothing yet.
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll,
            events: Vec::with_capacity(BATCH),
        })
    }

    /// Watches a descriptor; `token` comes back with its events.
    pub(crate) fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<()> {
        Ok(epoll::add(
            &self.epoll,
            fd,
            EventData::new_u64(token),
            flags(interest),
        )?)
    }

    /// Changes what a descriptor is watched for.
    pub(crate) fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            fd,
            EventData::new_u64(token),
            flags(interest),
        )?)
    }

    /// Watches a descriptor no longer.
    pub(crate) fn remove(&self, fd: impl AsFd) -> Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits up to a second, and moves the tokens of what is ready into `ready`.
    pub(crate) fn wait(&mut self, ready: &mut Vec<u64>) -> Result<()> {
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&second)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.clear();
        ready.extend(self.events.drain(..).map(|event| event.data.u64()));
        Ok(())
    }
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Receive => EventFlags::IN,
        Interest::Send => EventFlags::IN | EventFlags::OUT,
    }
}
