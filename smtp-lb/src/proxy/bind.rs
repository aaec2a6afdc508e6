//! Listening sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel keeps for us between two accepts; `net.core.somaxconn` bounds it too.
const BACKLOG: i32 = 4096;

/// Listening sockets for `address`, one to a worker; with port 0 all on the port that the first
/// one got. `own` are the addresses this process listens on already.
///
/// `SO_REUSEPORT` would let a second daemon share the port in silence, so the first socket is
/// bound without it: the kernel then refuses a port that anyone listens on. It joins the group
/// before it listens, and the others follow.
pub(super) fn listen(
    address: SocketAddr,
    own: &[SocketAddr],
    workers: usize,
) -> io::Result<Vec<TcpListener>> {
    let shared = workers > 1;
    // A wildcard and an address under it clash too. If the other one is ours, that is fine.
    let clashes_with_own = own.iter().any(|own| clash(*own, address));
    let first = socket(address)?;
    first.set_reuse_port(clashes_with_own)?;
    first.bind(&address.into())?;
    first.set_reuse_port(shared || clashes_with_own)?;
    first.listen(BACKLOG)?;
    let first = TcpListener::from(first);
    let local = first.local_addr()?;
    let mut all = vec![first];
    for _ in 1..workers {
        let next = socket(local)?;
        next.set_reuse_port(true)?;
        next.bind(&local.into())?;
        next.listen(BACKLOG)?;
        all.push(next.into());
    }
    Ok(all)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Else connections of a former life in TIME_WAIT would keep a restart from binding.
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn clash(own: SocketAddr, new: SocketAddr) -> bool {
    own.port() == new.port()
        && own.is_ipv6() == new.is_ipv6()
        && (own.ip().is_unspecified() || new.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn all_share_one_port() {
        let sockets = listen(ANY, &[], 3).expect("listen");
        let first = sockets[0].local_addr().expect("bound");
        assert_eq!(sockets.len(), 3);
        assert!(sockets.iter().all(|s| s.local_addr().ok() == Some(first)));
    }

    /// Point 22 of the notes: without it each message waits for a delayed acknowledgement.
    #[test]
    fn accepted_connections_send_without_delay() {
        let listener = &listen(ANY, &[], 1).expect("listen")[0];
        listener.set_nonblocking(false).expect("blocking");
        let address = listener.local_addr().expect("bound");
        let _client = std::net::TcpStream::connect(address).expect("connect");
        let (accepted, _) = listener.accept().expect("accept");
        assert!(accepted.nodelay().expect("option"));
    }

    #[test]
    fn a_port_in_use_is_refused_whoever_uses_it() {
        for (theirs, ours) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let held = listen(ANY, &[], theirs).expect("listen");
            let address = held[0].local_addr().expect("bound");
            let error = listen(address, &[], ours).expect_err("in use");
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{theirs} {ours}");
            drop(held);
            listen(address, &[], ours).expect("free again");
        }
    }

    #[test]
    fn a_wildcard_may_be_narrowed_when_it_is_ours() {
        for workers in [1, 2] {
            let wide = listen("0.0.0.0:0".parse().expect("address"), &[], workers).expect("listen");
            let own = wide[0].local_addr().expect("bound");
            let narrow = SocketAddr::new(ANY.ip(), own.port());
            assert!(listen(narrow, &[], workers).is_err(), "not known as ours");
            if workers > 1 {
                listen(narrow, &[own], workers).expect("ours");
            }
        }
    }
}
