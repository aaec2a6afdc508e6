//! What no real server can be brought to: each fault, met by every kind of monitor.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use smtp_lb_tests::certs::{Certs, Leaf};
use smtp_lb_tests::faulty_member::{Conduct, FaultyMember, Step};
use smtp_lb_tests::folder::temporary;
use smtp_lb_tests::process::Process;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_server::{Behaviour, SmtpServer};
use smtp_lb_tests::wait::{LONG, until};
use tempfile::TempDir;

use super::table::{Given, KINDS, NAME, PASSWORD, Table, USER};
use crate::over_both;
use crate::scenarios::start;

/// Where a fault is met in the clear, and its port with TLS before it is one of another hundred.
const PORT: u16 = 2600;

/// What a server can do wrong, whatever it is asked.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Refuses,
    LongLine,
    ClosesAfterHello,
    Dribbles,
    Silent,
}

const FAULTS: [Fault; 5] = [
    Fault::Refuses,
    Fault::LongLine,
    Fault::ClosesAfterHello,
    Fault::Dribbles,
    Fault::Silent,
];

impl Fault {
    /// The step at which a monitor meets it.
    fn step(self, (_, tls, auth, message): (&str, &str, bool, bool)) -> &'static str {
        match self {
            // Who waits for the handshake hears nothing either.
            Self::Silent if tls == "implicit" => "TLS handshake",
            Self::Refuses | Self::Dribbles | Self::Silent => "greeting",
            Self::LongLine => "EHLO",
            Self::ClosesAfterHello if tls == "starttls" => "STARTTLS",
            Self::ClosesAfterHello if auth => "AUTH",
            Self::ClosesAfterHello if message => "MAIL",
            Self::ClosesAfterHello => "QUIT",
        }
    }

    fn address(self, ip: IpAddr, tls: bool) -> SocketAddr {
        // To be met by itself, silence must not come after a handshake.
        let front = if tls && !matches!(self, Self::Silent) {
            100
        } else {
            0
        };
        SocketAddr::new(ip, PORT + front + self as u16)
    }
}

/// The servers, and what speaks TLS before them.
struct Servers {
    _members: Vec<FaultyMember>,
    _mute: Vec<SmtpServer>,
    _front: Process,
    _folder: TempDir,
}

impl Servers {
    fn start(site: &Site, ip: IpAddr, leaf: &Leaf) -> Self {
        let (mut members, mut mute) = (Vec::new(), Vec::new());
        for fault in FAULTS {
            let address = [fault.address(ip, false)];
            let (at, reply, close) = match fault {
                Fault::Refuses => (Step::Greeting, b"554 5.3.2 no service\r\n".to_vec(), true),
                Fault::LongLine => {
                    let reply = [&b"250-"[..], &vec![b'x'; 1 << 20], b"\r\n250 ok\r\n"].concat();
                    (Step::Hello, reply, false)
                }
                Fault::ClosesAfterHello => {
                    let reply = b"250-faulty\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n";
                    (Step::Hello, reply.to_vec(), true)
                }
                Fault::Dribbles | Fault::Silent => {
                    let server = SmtpServer::start(Some(&site.syslog), "mute", &address).unwrap();
                    server.behave(match fault {
                        Fault::Silent => Behaviour::Silent,
                        _ => Behaviour::Dribbles,
                    });
                    mute.push(server);
                    continue;
                }
            };
            let member = FaultyMember::start(&site.syslog, &address).unwrap();
            member.conduct(Conduct::Say { at, reply, close });
            members.push(member);
        }
        let folder = temporary("fronts").unwrap();
        let front = front(site, ip, leaf, &folder);
        Self {
            _members: members,
            _mute: mute,
            _front: front,
            _folder: folder,
        }
    }
}

/// HAProxy ends TLS before each of them.
fn front(site: &Site, ip: IpAddr, leaf: &Leaf, folder: &TempDir) -> Process {
    let path = |name| folder.path().join(name);
    let pem = [&leaf.chain, &leaf.key].map(|file| fs::read_to_string(file).unwrap());
    fs::write(path("both.pem"), pem.concat()).unwrap();
    let defaults =
        "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1m\n  timeout server 1m\n";
    let doors = FAULTS.map(|fault| {
        format!(
            "listen {fault:?}\n  bind {}:{} ssl crt {}\n  server it {}\n",
            ip,
            PORT + 100 + fault as u16,
            path("both.pem").display(),
            fault.address(ip, false)
        )
    });
    fs::write(path("haproxy.cfg"), defaults.to_owned() + &doors.concat()).unwrap();
    let mut command = site.syslog.command("haproxy");
    command.arg("-db").arg("-f").arg(path("haproxy.cfg"));
    let mut haproxy = Process::start("haproxy", &mut command, &path("log")).unwrap();
    until("start of haproxy", LONG, || {
        haproxy.check()?;
        let listening = site.syslog.command("ss").args(["-Hltn"]).output()?;
        let listening = String::from_utf8_lossy(&listening.stdout).into_owned();
        Ok(listening
            .contains(&format!(":{} ", PORT + 100))
            .then_some(()))
    })
    .unwrap();
    haproxy
}

over_both! {
    fn every_kind_meets_each_fault_at_its_step(family: Family) {
        let site = Site::new().unwrap();
        let certs = Certs::new().unwrap();
        let leaf = certs.server("mx", &[NAME]).unwrap();
        let ip = family.syslog();
        let _servers = Servers::start(&site, ip, &leaf);
        let password = site_password();
        let given = Given {
            user: USER,
            password: password.path(),
            rcpt: "probe@inside.example",
            mechanism: "plain",
            ca: None,
        };
        let mut table = Table::new("6s");
        for fault in FAULTS {
            for kind in KINDS {
                let (program, tls, ..) = kind;
                let member = fault.address(ip, tls == "implicit");
                let name = format!("{fault:?}-{program}");
                table.built_in(name.clone(), member, kind, given, Some(fault.step(kind)));
                table.program(format!("{name}-sh"), member, program, given, true);
            }
        }
        let host = start(&site, &[&table.text]);
        table.await_verdicts(&host);
    }
}

fn site_password() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), PASSWORD).unwrap();
    file
}
