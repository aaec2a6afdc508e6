//! Syslog over UDP.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use socket2::SockRef;

use super::{Here, LOOK, Pace, stream};

pub(super) fn bind(listen: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(listen)?;
    socket.set_read_timeout(Some(LOOK))?;
    // Root may exceed the limit.
    SockRef::from(&socket).set_recv_buffer_size(8 << 20)?;
    Ok(socket)
}

pub(super) fn receive(socket: &UdpSocket, here: &Here) {
    let mut datagram = vec![0; 65536];
    while !here.is_dead() {
        if here.book.is(Pace::Stalled) {
            thread::sleep(LOOK);
            continue;
        }
        if here.book.is(Pace::Slow) {
            thread::sleep(Duration::from_millis(1));
        }
        if let Ok(length) = socket.recv(&mut datagram) {
            match stream::check(&datagram[..length]) {
                Ok(number) => here.book.seen().note(number),
                Err(error) => here.fault(&error),
            }
        }
    }
}
