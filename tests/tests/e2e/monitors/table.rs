//! A table of monitors: a configuration, and what must come of each.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use smtp_lb::admin::api::{MemberStatus, PoolStatus};
use smtp_lb_tests::site::Family;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::Host;

pub(super) const USER: &str = "probe";
pub(super) const PASSWORD: &str = "correct-horse";
pub(super) const NAME: &str = "mx.inside.example";
/// A real server, by name; the last one's certificate is of the past.
const SERVERS: [&str; 3] = ["postfix", "exim", "expired"];

/// A monitor of the guide: its program, `tls`, and whether it logs in and sends a message.
pub(super) const KINDS: [(&str, &str, bool, bool); 11] = [
    ("smtp-auth", "none", true, false),
    ("smtp-message", "none", false, true),
    ("smtp-auth-message", "none", true, true),
    ("smtps", "implicit", false, false),
    ("smtps-auth", "implicit", true, false),
    ("smtps-message", "implicit", false, true),
    ("smtps-auth-message", "implicit", true, true),
    ("starttls", "starttls", false, false),
    ("starttls-auth", "starttls", true, false),
    ("starttls-message", "starttls", false, true),
    ("starttls-auth-message", "starttls", true, true),
];

/// What a monitor must find.
pub(super) struct Case {
    /// Of pool and monitor.
    pub(super) name: String,
    /// `None`: up. Else the step at which a built-in monitor fails; a program has no steps.
    pub(super) fails_at: Option<&'static str>,
    pub(super) program: bool,
}

impl Case {
    pub(super) fn member<'a>(&self, pools: &'a [PoolStatus]) -> &'a MemberStatus {
        let pool = pools.iter().find(|pool| pool.name == self.name);
        &pool.unwrap().members[0]
    }

    /// What is not as it must be.
    fn unlike(&self, pools: &[PoolStatus]) -> Option<String> {
        let member = self.member(pools);
        let right = match self.fails_at {
            None => member.state == "up",
            Some(step) => member.state == "down" && member.reason.starts_with(step),
        };
        let (name, wanted) = (&self.name, self.fails_at.unwrap_or("up"));
        (!right).then(|| format!("{name}: {} {}, not {wanted}", member.state, member.reason))
    }
}

/// A configuration, and what must come of it.
pub(super) struct Table {
    pub(super) text: String,
    pub(super) cases: Vec<Case>,
    /// Of all monitors, which is their time-out, too.
    interval: &'static str,
}

/// What a monitor gives to a server.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a Path,
    pub(super) rcpt: &'a str,
    pub(super) mechanism: &'a str,
    /// Authority, if the certificate is verified.
    pub(super) ca: Option<&'a Path>,
}

impl Table {
    pub(super) fn new(interval: &'static str) -> Self {
        Self {
            text: String::new(),
            cases: Vec::new(),
            interval,
        }
    }

    /// Waits until the daemon has found all as it must be.
    pub(super) fn await_verdicts(&self, host: &Host) {
        let mut unlike = Vec::new();
        let settled = until("all verdicts", LONG * 2, || {
            let pools = host.status().pools;
            let wrong = self.cases.iter().filter_map(|case| case.unlike(&pools));
            unlike = wrong.collect();
            Ok(unlike.is_empty().then_some(()))
        });
        assert!(settled.is_ok(), "of {}: {unlike:#?}", self.cases.len());
    }

    fn add(
        &mut self,
        name: String,
        member: SocketAddr,
        fails_at: Option<&'static str>,
        program: bool,
    ) {
        write!(
            self.text,
            "[[pool]]\nname = \"{name}\"\nmembers = [\"{member}\"]\nmonitors = [\"{name}\"]\n\
             [[virtual_server]]\nname = \"{name}\"\nlisten = [\"127.0.0.1:{}\"]\npool = \"{name}\"\n\
             [[monitor]]\nname = \"{name}\"\ninterval = \"{interval}\"\ntimeout = \"{interval}\"\nfall = 1\n",
            20_000 + self.cases.len(),
            interval = self.interval,
        )
        .unwrap();
        self.cases.push(Case {
            name,
            fails_at,
            program,
        });
    }

    /// Every monitor, built in and as a program, with all as it should be and with what is not.
    pub(super) fn real_servers(
        &mut self,
        family: Family,
        good: Given<'_>,
        wrong: &Path,
        ca: &Path,
    ) {
        for (server, ip) in SERVERS
            .iter()
            .zip([family.mx1(), family.mx2(), family.syslog()])
        {
            for kind in KINDS {
                let (program, tls, auth, message) = kind;
                let member = SocketAddr::new(ip, if tls == "implicit" { 465 } else { 25 });
                let strict = Given {
                    ca: Some(ca),
                    ..good
                };
                if *server == "expired" {
                    // Without a profile nobody looks at it, as with `curl -k`.
                    let name = |what: &str| format!("{server}-{what}-{program}");
                    self.built_in(name("lenient"), member, kind, good, None);
                    if tls != "none" {
                        self.built_in(name("strict"), member, kind, strict, Some("TLS handshake"));
                        self.program(name("program"), member, program, strict, true);
                    }
                    continue;
                }
                let mut both = |what: &str, given: Given<'_>, fails_at: Option<&'static str>| {
                    self.built_in(
                        format!("{server}-{what}-{program}"),
                        member,
                        kind,
                        given,
                        fails_at,
                    );
                    self.program(
                        format!("{server}-{what}-{program}-sh"),
                        member,
                        program,
                        given,
                        fails_at.is_some(),
                    );
                };
                both("good", good, None);
                if tls != "none" {
                    both("verified", strict, None);
                }
                if auth {
                    both(
                        "password",
                        Given {
                            password: wrong,
                            ..good
                        },
                        Some("AUTH"),
                    );
                }
                if message {
                    both(
                        "rcpt",
                        Given {
                            rcpt: "refused@inside.example",
                            ..good
                        },
                        Some("RCPT"),
                    );
                }
            }
            if *server != "expired" {
                for mechanism in ["login", "cram-md5"] {
                    for (what, password, fails_at) in
                        [("good", good.password, None), ("bad", wrong, Some("AUTH"))]
                    {
                        let given = Given {
                            password,
                            mechanism,
                            ..good
                        };
                        let name = format!("{server}-{mechanism}-{what}");
                        self.built_in(name, SocketAddr::new(ip, 25), KINDS[8], given, fails_at);
                    }
                }
            }
        }
    }

    pub(super) fn built_in(
        &mut self,
        name: String,
        member: SocketAddr,
        (_, tls, auth, message): (&str, &str, bool, bool),
        given: Given<'_>,
        fails_at: Option<&'static str>,
    ) {
        self.add(name, member, fails_at, false);
        write!(
            self.text,
            "type = \"smtp\"\ntls = \"{tls}\"\ndomain = \"lb.example\"\n"
        )
        .unwrap();
        if given.ca.is_some() {
            self.text += "server_tls = \"strict\"\n";
        }
        if auth {
            writeln!(
                self.text,
                "auth = {{ mechanism = \"{}\", user = \"{}\", password = \"file:{}\" }}",
                given.mechanism,
                given.user,
                given.password.display()
            )
            .unwrap();
        }
        if message {
            writeln!(
                self.text,
                "message = {{ from = \"monitor@lb.example\", rcpt = \"{}\" }}",
                given.rcpt
            )
            .unwrap();
        }
    }

    pub(super) fn program(
        &mut self,
        name: String,
        member: SocketAddr,
        program: &str,
        given: Given<'_>,
        fails: bool,
    ) {
        self.add(name, member, fails.then_some("program"), true);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/monitors");
        let folder = folder.canonicalize().unwrap();
        let ca = given.ca.map(|ca| {
            format!(
                "{{ name = \"CA\", value = \"{}\" }}, {{ name = \"NAME\", value = \"{NAME}\" }},",
                ca.display()
            )
        });
        write!(
            self.text,
            "type = \"external\"\nprogram = \"{}/{program}.sh\"\nvariables = [\n\
             {{ name = \"USER\", value = \"{}\" }}, {{ name = \"PASSWORD\", value = \"file:{}\" }},\n\
             {{ name = \"FROM\", value = \"monitor@lb.example\" }}, {{ name = \"RCPT\", value = \"{}\" }},\n\
             {{ name = \"DOMAIN\", value = \"lb.example\" }}, {{ name = \"TIME\", value = \"5\" }}, {} ]\n",
            folder.display(),
            given.user,
            given.password.display(),
            given.rcpt,
            ca.unwrap_or_default()
        )
        .unwrap();
    }
}
