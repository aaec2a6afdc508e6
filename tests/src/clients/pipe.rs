//! A program's standard input and output as one stream.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Pipe {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: File,
}

impl Pipe {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let stderr = tempfile::tempfile()?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self {
            stdin: child.stdin.take().context("no standard input")?,
            stdout: child.stdout.take().context("no standard output")?,
            child,
            stderr,
        })
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stdout.read(buffer)?;
        if length == 0 && !buffer.is_empty() && self.child.wait()?.code() != Some(0) {
            // The end of a program that failed is no end of the session.
            let mut complaint = String::new();
            self.stderr.rewind()?;
            self.stderr.read_to_string(&mut complaint)?;
            return Err(io::Error::other(complaint));
        }
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stdin.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.flush()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
