//! Collectors that count what comes, in lines or datagrams.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::net::sockopt;

/// Octets that a socket may hold for its reader.
const BUFFER: usize = 64 << 20;
/// Between two looks at whether it is over.
const PAUSE: Duration = Duration::from_millis(20);

/// A collector on a thread of its own.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    came: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn udp() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        // Past the system's bound, which root may: what is lost here would not be the sender's loss.
        sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self::start(address, move |came, stop| {
            let mut record = vec![0; 65_536];
            while !stop.load(Ordering::Relaxed) {
                if socket.recv(&mut record).is_ok() {
                    came.fetch_add(1, Ordering::Relaxed);
                } else {
                    // Who waits in the call is woken by the sender, at the sender's cost, for every datagram.
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }))
    }

    pub(crate) fn tcp() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        Ok(Self::start(address, move |came, stop| {
            let mut octets = vec![0; 1 << 20];
            while !stop.load(Ordering::Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                // The accepted socket blocks, as the listener's mode is its own.
                let _ = stream.set_read_timeout(Some(PAUSE));
                while !stop.load(Ordering::Relaxed) {
                    match stream.read(&mut octets) {
                        Ok(0) => break,
                        Ok(read) => {
                            let lines = octets[..read].iter().filter(|octet| **octet == b'\n');
                            came.fetch_add(lines.count() as u64, Ordering::Relaxed);
                        }
                        Err(_) => {}
                    }
                }
            }
        }))
    }

    fn start(
        address: SocketAddr,
        work: impl FnOnce(&AtomicU64, &AtomicBool) + Send + 'static,
    ) -> Self {
        let (came, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counter, end) = (Arc::clone(&came), Arc::clone(&stop));
        let thread = thread::spawn(move || work(&counter, &end));
        Self {
            address,
            came,
            stop,
            thread: Some(thread),
        }
    }

    /// Records that came until now.
    pub(crate) fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }

    /// The same, once no more comes: for the tail of what is on its way.
    pub(crate) fn settled(&self) -> u64 {
        let (mut before, mut since) = (self.came(), Instant::now());
        while since.elapsed() < 10 * PAUSE {
            thread::sleep(PAUSE);
            let now = self.came();
            if now != before {
                (before, since) = (now, Instant::now());
            }
        }
        before
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
