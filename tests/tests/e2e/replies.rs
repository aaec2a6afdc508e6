//! In `firewall` mode, what the host itself began is answered; nothing else is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use smtp_lb_tests::site::{Family, Site};

use crate::host::Host;
use crate::over_both;

const BOUND: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

over_both! {
    fn over_tcp(family: Family) {
        let site = Site::new().unwrap();
        let _host = Host::start(&site, family);
        let there = SocketAddr::new(family.untrusted(), 7000);
        let listener = site.outside.inside(|| Ok(TcpListener::bind(there)?)).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 4];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(&vec![b'x'; 100_000]).unwrap();
        });
        let mut answer = Vec::new();
        let mut stream = site
            .host
            .inside(|| Ok(TcpStream::connect_timeout(&there, BOUND)?))
            .unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.write_all(b"ask?").unwrap();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.len(), 100_000);
        server.join().unwrap();

        // The other way it is not let.
        let here = SocketAddr::new(family.outer(), 7001);
        let _listener = site.host.inside(|| Ok(TcpListener::bind(here)?)).unwrap();
        let error = site
            .outside
            .inside(|| Ok(TcpStream::connect_timeout(&here, SHORT)?))
            .unwrap_err();
        assert!(error.to_string().contains("timed out"), "{error:#}");
    }

    fn over_udp(family: Family) {
        let site = Site::new().unwrap();
        let _host = Host::start(&site, family);
        let bind = |address: SocketAddr| {
            let netns = if address.ip() == family.outer() { &site.host } else { &site.outside };
            let socket = netns.inside(|| Ok(UdpSocket::bind(address)?)).unwrap();
            socket.set_read_timeout(Some(SHORT)).unwrap();
            socket
        };
        let asker = bind(SocketAddr::new(family.outer(), 7002));
        let server = bind(SocketAddr::new(family.untrusted(), 53));
        let stranger = bind(SocketAddr::new(family.untrusted(), 54));
        let silent = bind(SocketAddr::new(family.outer(), 7003));
        let mut buffer = [0; 16];

        // Connected, as a resolver's socket is.
        asker.connect(server.local_addr().unwrap()).unwrap();
        server.set_read_timeout(Some(BOUND)).unwrap();
        asker.send(b"ask?").unwrap();
        let (_, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(b"so it is", from).unwrap();
        asker.set_read_timeout(Some(BOUND)).unwrap();
        assert_eq!(asker.recv(&mut buffer).unwrap(), 8);

        // Nobody asked this one, nor on this port.
        asker.set_read_timeout(Some(SHORT)).unwrap();
        stranger.send_to(b"buy!", from).unwrap();
        asker.recv(&mut buffer).unwrap_err();
        server.send_to(b"buy!", silent.local_addr().unwrap()).unwrap();
        silent.recv(&mut buffer).unwrap_err();
    }

    fn by_an_icmp_error(family: Family) {
        let site = Site::new().unwrap();
        let _host = Host::start(&site, family);
        // Nothing listens there: the answer is "port unreachable".
        let there = SocketAddr::new(family.untrusted(), 7004);
        let asker = site
            .host
            .inside(|| Ok(UdpSocket::bind((family.outer(), 0))?))
            .unwrap();
        asker.connect(there).unwrap();
        asker.set_read_timeout(Some(BOUND)).unwrap();
        asker.send(b"ask?").unwrap();
        let error = asker.recv(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    fn after_the_neighbours_are_forgotten(family: Family) {
        let site = Site::new().unwrap();
        let host = Host::start(&site, family);
        // Neighbour discovery works both ways, or nothing would.
        site.host.ip("neigh flush all").unwrap();
        site.outside.ip("neigh flush all").unwrap();
        let there = SocketAddr::new(family.untrusted(), 7005);
        let listener = site.outside.inside(|| Ok(TcpListener::bind(there)?)).unwrap();
        site.host
            .inside(|| Ok(TcpStream::connect_timeout(&there, BOUND)?))
            .unwrap();
        drop(listener);
        host.counters();
    }
}
