//! More connections to one member than the kernel would make from one address.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};
use socket2::{Domain, Socket, Type};

use crate::host::Host;
use crate::scenarios::{start, virtual_server};

/// As many as this, if one process may have so many open files: each end of a session takes two.
const SESSIONS: usize = 70_000;
const FILES_BESIDES: u64 = 1024;
const THREADS: usize = 4;
const POOL: [&str; 2] = ["10.78.0.5", "10.78.0.6"];
/// Ports that the kernel would give to one address by itself, of the host: by default 28,232, which
/// is more than there can be sessions where files are few.
const KERNELS: (u64, &str) = (1000, "40000 40999");

/// A member that takes connections, says one octet, and keeps them.
fn accept(listener: &TcpListener, accepted: &AtomicUsize, done: &AtomicBool) -> Vec<TcpStream> {
    listener.set_nonblocking(true).unwrap();
    let mut held = Vec::new();
    while !done.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.write_all(b"2").unwrap();
                held.push(stream);
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
    held
}

/// A connection from this address, whose member has said its octet.
fn connect(source: IpAddr, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.connect(&server.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.read_exact(&mut [0]).unwrap();
    stream
}

fn used(host: &Host) -> Vec<u64> {
    let status = host.status();
    let ports = status.virtual_servers[0].snat_ports.iter();
    ports.map(|ports| ports.used).collect()
}

#[test]
fn sessions_to_one_member_use_every_port_of_two_addresses() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let most = files
        .maximum
        .map_or(u64::MAX, |files| (files - FILES_BESIDES) / 2);
    let most = usize::try_from(most).unwrap() / THREADS * THREADS;
    let sessions = SESSIONS.min(most);
    assert!(sessions as u64 > 4 * KERNELS.0, "{sessions}");
    let family = Family::V4;
    let site = Site::new().unwrap();
    for address in POOL {
        site.host.address("int0", &format!("{address}/24")).unwrap();
    }
    let (kernels, range) = KERNELS;
    site.host
        .sysctl("net/ipv4/ip_local_port_range", range)
        .unwrap();
    // Clients have no ports of their own.
    site.outside
        .sysctl("net/ipv4/ip_local_port_range", "1024 65535")
        .unwrap();
    let member = SocketAddr::new(family.mx1(), 25);
    let listener = site.mx1.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&member.into())?;
        socket.listen(4096)?;
        Ok(TcpListener::from(socket))
    });
    let listener = listener.unwrap();
    let keys =
        "snat = \"out\"\n[virtual_server.limits]\nconnections = 100000\nidle_timeout = \"1h\"";
    let pool = format!(
        "[[snat_pool]]\nname = \"out\"\naddresses = [\"{}\", \"{}\"]\n",
        POOL[0], POOL[1]
    );
    let server = virtual_server("many", family.service(), keys, &[member]);
    let host = start(&site, &[&server, &pool]);

    let (accepted, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let member = scope.spawn(|| accept(&listener, &accepted, &done));
        let clients: Vec<_> = (0..THREADS)
            .map(|number| {
                let outside = &site.outside;
                let source = [family.trusted(), family.untrusted()][number % 2];
                scope.spawn(move || {
                    let all = (0..sessions / THREADS).map(|_| connect(source, family.service()));
                    outside.inside(|| Ok(all.collect::<Vec<_>>())).unwrap()
                })
            })
            .collect();
        let held: Vec<_> = clients.into_iter().map(|it| it.join().unwrap()).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), sessions);
        assert_eq!(accepted.load(Ordering::Relaxed), sessions);
        let server = &host.status().virtual_servers[0];
        assert_eq!(server.active, sessions as u64);
        assert_eq!(server.no_member + server.connect_failures, 0);
        assert_eq!(server.snat_exhausted + server.refused_by_limit, 0);
        let ports = used(&host);
        assert_eq!(ports.iter().sum::<u64>(), sessions as u64, "{ports:?}");
        assert!(ports.iter().all(|&used| used > kernels), "{ports:?}");

        drop(held);
        done.store(true, Ordering::Relaxed);
        drop(member.join().unwrap());
        until("end of all sessions", LONG, || {
            let none = host.status().virtual_servers[0].active == 0;
            Ok((none && used(&host) == [0, 0]).then_some(()))
        })
        .unwrap();
    });
}
