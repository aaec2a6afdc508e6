//! More connections to one member than the kernel would make from one address.
//!
//! A process has so many open files and no more, each end of a session takes two of the daemon's, and the
//! limit cannot be raised everywhere. Where one daemon cannot have all sessions, as many as it takes share
//! the two addresses, and clients and member are processes of their own.

use std::env::{current_exe, var};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::{LONG, until};
use socket2::{Domain, Socket, Type};

use crate::host::Host;
use crate::scenarios::{start, virtual_server};

/// At once, all to one member.
const SESSIONS: usize = 70_000;
const FILES_BESIDES: u64 = 1024;
const POOL: [&str; 2] = ["10.78.0.5", "10.78.0.6"];
/// Ports that the kernel would give to one address by itself, of the host: by default 28,232.
const KERNELS: (u64, &str) = (1000, "40000 40999");

/// Open files that this process may have beside its own, from now on.
fn files() -> usize {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let most = files
        .maximum
        .map_or(u64::MAX, |files| files - FILES_BESIDES);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// A process of the test's own. It does its part, says so, and holds what it has until it is dropped.
struct Helper {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Helper {
    fn start(netns: &Netns, part: &str, words: &[String]) -> Self {
        let mut command: Command = netns.command(current_exe().unwrap());
        command.args([
            "--exact",
            &format!("many::{part}"),
            "--ignored",
            "--nocapture",
        ]);
        command.env("SMTP_LB_TEST_MANY", words.join(" "));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Waits until it has done its part.
    fn ready(&mut self) {
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "it has ended"
            );
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What the test asks for; nothing if nobody did.
fn words<const N: usize>() -> Option<[String; N]> {
    let words = var("SMTP_LB_TEST_MANY").ok()?;
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    Some(words.try_into().unwrap())
}

/// Says that the part is done; gone when the test is.
fn hold() {
    println!("\nready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A part of the member: takes connections, says one octet, and keeps them.
#[test]
#[ignore = "run by another test"]
fn accepts() {
    let Some([address]) = words() else {
        return;
    };
    let address: SocketAddr = address.parse().unwrap();
    files();
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(4096).unwrap();
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut held = Vec::new();
            while !done.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((mut stream, _)) => {
                        stream.write_all(b"2").unwrap();
                        held.push(stream);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::sleep(Duration::from_millis(1));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        hold();
        done.store(true, Ordering::Relaxed);
    });
}

/// Clients from one address, each of whom has heard the member's octet.
#[test]
#[ignore = "run by another test"]
fn connects() {
    let Some([source, server, count]) = words() else {
        return;
    };
    let (source, server): (IpAddr, SocketAddr) = (source.parse().unwrap(), server.parse().unwrap());
    files();
    let connect = |_| {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.connect(&server.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.read_exact(&mut [0]).unwrap();
        stream
    };
    let held: Vec<TcpStream> = (0..count.parse::<usize>().unwrap()).map(connect).collect();
    hold();
    drop(held);
}

fn used(host: &Host) -> Vec<u64> {
    let status = host.status();
    let ports = status.virtual_servers[0].snat_ports.iter();
    ports.map(|ports| ports.used).collect()
}

#[test]
fn sessions_to_one_member_use_every_port_of_two_addresses() {
    let files = files();
    // A client's end and a member's take a file each; the kernel does not share the latter out evenly.
    let daemons = SESSIONS.div_ceil(files / 2);
    let members = (SESSIONS + SESSIONS / 4).div_ceil(files);
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
    let mut taking: Vec<Helper> = (0..members)
        .map(|_| Helper::start(&site.mx1, "accepts", &[member.to_string()]))
        .collect();
    taking.iter_mut().for_each(Helper::ready);

    let keys =
        "snat = \"out\"\n[virtual_server.limits]\nconnections = 100000\nidle_timeout = \"1h\"";
    let pool = format!(
        "[[snat_pool]]\nname = \"out\"\naddresses = [\"{}\", \"{}\"]\n",
        POOL[0], POOL[1]
    );
    let shares: Vec<usize> = (0..daemons)
        .map(|number| (SESSIONS + number) / daemons)
        .collect();
    assert_eq!(shares.iter().sum::<usize>(), SESSIONS);
    let hosts: Vec<(Host, SocketAddr)> = (2500..)
        .take(daemons)
        .map(|port| {
            let listen = SocketAddr::new(family.outer(), port);
            let server = virtual_server("many", listen, keys, &[member]);
            (start(&site, &[&server, &pool]), listen)
        })
        .collect();
    let mut clients: Vec<Helper> = hosts
        .iter()
        .zip(&shares)
        .enumerate()
        .map(|(number, ((_, listen), share))| {
            let source = [family.trusted(), family.untrusted()][number % 2];
            let words = [source.to_string(), listen.to_string(), share.to_string()];
            Helper::start(&site.outside, "connects", &words)
        })
        .collect();
    clients.iter_mut().for_each(Helper::ready);

    let mut total = vec![0; POOL.len()];
    for ((host, _), share) in hosts.iter().zip(&shares) {
        let server = &host.status().virtual_servers[0];
        assert_eq!(server.active, *share as u64);
        assert_eq!(server.no_member + server.connect_failures, 0);
        assert_eq!(server.snat_exhausted + server.refused_by_limit, 0);
        let ports = used(host);
        assert_eq!(ports.iter().sum::<u64>(), *share as u64, "{ports:?}");
        for (total, used) in total.iter_mut().zip(ports) {
            *total += used;
        }
    }
    println!("{SESSIONS} sessions by {daemons} daemons, ports used: {total:?}");
    assert!(total.iter().all(|&used| used > kernels), "{total:?}");

    drop(clients);
    drop(taking);
    for (host, _) in &hosts {
        until("end of all sessions", LONG, || {
            let none = host.status().virtual_servers[0].active == 0;
            Ok((none && used(host) == [0, 0]).then_some(()))
        })
        .unwrap();
    }
}
