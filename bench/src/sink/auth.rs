//! The HTTP server that nginx mail asks where each session goes. It stands beside the sink, so
//! that its work is not counted as nginx's.

use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

/// Answers that every session goes to `member`, as long as the process lives.
pub(crate) fn serve(listen: SocketAddr, member: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen)?;
    let answer = format!(
        "HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: {}\r\nAuth-Port: {}\r\n\r\n",
        member.ip(),
        member.port()
    );
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
            // The request ends with an empty line; whatever it says, the answer is the same.
            if lines.any(|line| line.is_empty()) {
                // nginx that is gone needs no answer.
                let _ = (&connection).write_all(answer.as_bytes());
            }
        }
    });
    Ok(())
}
