//! An error with all its causes, on one line.

use std::error::Error;

/// `error` and what led to it. A cause that is told already is not told again.
pub(crate) fn cause(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::cause;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("cannot do it")]
        Terse(#[source] io::Error),
        #[error("cannot do it: {0}")]
        Wordy(#[source] io::Error),
    }

    #[test]
    fn each_cause_once() {
        let inner = || io::Error::other("no disk");
        assert_eq!(cause(&Outer::Terse(inner())), "cannot do it: no disk");
        assert_eq!(cause(&Outer::Wordy(inner())), "cannot do it: no disk");
    }
}
