//! Waiting for something to become true, never longer than a bound.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Long enough for anything that happens at all on a machine with much to do.
pub const LONG: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer; fails after `bound` and says what was awaited.
pub fn until<T>(
    what: impl Display,
    bound: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if begin.elapsed() > bound {
            bail!("{what}: not within {bound:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the answer stands still for a while, as counters do when all has arrived; that
/// answer.
pub fn settled<T: PartialEq>(bound: Duration, ask: impl Fn() -> Result<T>) -> Result<T> {
    let begin = Instant::now();
    let mut last = ask()?;
    loop {
        thread::sleep(Duration::from_millis(300));
        let now = ask()?;
        if now == last {
            return Ok(last);
        }
        if begin.elapsed() > bound {
            bail!("the answer goes on changing after {bound:?}");
        }
        last = now;
    }
}
