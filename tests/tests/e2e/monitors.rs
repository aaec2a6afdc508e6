//! The guide's monitors, and the one it lacks, against real servers: built in and as programs.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use smtp_lb::admin::api::{MemberStatus, MonitorTested, PoolStatus};
use smtp_lb_tests::certs::{Certs, Key, Usage, Valid};
use smtp_lb_tests::dovecot::Dovecot;
use smtp_lb_tests::exim::Exim;
use smtp_lb_tests::faulty_member::{Conduct, Cut, Death, FaultyMember, Step};
use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_server::{Behaviour, SmtpServer};
use smtp_lb_tests::wait::{LONG, until};

use crate::over_both;
use crate::scenarios::start;

const USER: &str = "probe";
const PASSWORD: &str = "correct-horse";
const NAME: &str = "mx.inside.example";
/// A real server, by name; the last one's certificate is of the past.
const SERVERS: [&str; 3] = ["postfix", "exim", "expired"];

/// A monitor of the guide: its program, `tls`, and whether it logs in and sends a message.
const KINDS: [(&str, &str, bool, bool); 11] = [
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
struct Case {
    /// Of pool and monitor.
    name: String,
    /// `None`: up. Else the step at which a built-in monitor fails; a program has no steps.
    fails_at: Option<&'static str>,
    program: bool,
}

impl Case {
    fn member<'a>(&self, pools: &'a [PoolStatus]) -> &'a MemberStatus {
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
#[derive(Default)]
struct Table {
    text: String,
    cases: Vec<Case>,
}

/// What a monitor gives to a server.
#[derive(Clone, Copy)]
struct Given<'a> {
    user: &'a str,
    password: &'a Path,
    rcpt: &'a str,
    mechanism: &'a str,
    /// Authority, if the certificate is verified.
    ca: Option<&'a Path>,
}

impl Table {
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
             [[monitor]]\nname = \"{name}\"\ninterval = \"12s\"\ntimeout = \"12s\"\nfall = 1\n",
            20_000 + self.cases.len()
        )
        .unwrap();
        self.cases.push(Case {
            name,
            fails_at,
            program,
        });
    }

    /// Every monitor, built in and as a program, with all as it should be and with what is not.
    fn real_servers(&mut self, family: Family, good: Given<'_>, wrong: &Path, ca: &Path) {
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

    fn built_in(
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

    fn program(
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

over_both! {
    fn each_is_up_where_all_is_well_and_down_at_the_right_step(family: Family) {
        let site = Site::new().unwrap();
        let certs = Certs::new().unwrap();
        let leaf = certs.server("mx", &[NAME]).unwrap();
        let old = certs.issue("old", &[NAME], Key::P256, Valid::Past, Usage::Server).unwrap();
        let dovecot = Dovecot::start(&site.mx1, &[(USER, PASSWORD)]).unwrap();
        let postfix = |leaf| {
            Setup::new(NAME)
                .tls(leaf)
                .set("smtpd_sasl_auth_enable", "yes")
                .set("smtpd_sasl_type", "dovecot")
                .set("smtpd_sasl_path", &dovecot.socket().display().to_string())
                .set("smtpd_sasl_security_options", "noanonymous")
                .set("smtpd_recipient_restrictions", "check_recipient_access inline:{refused@inside.example=REJECT}")
        };
        let _postfix = postfix(&leaf).start(&site.mx1).unwrap();
        let _exim = Exim::start_auth(&site.mx2, NAME, &leaf, (USER, PASSWORD)).unwrap();
        let _expired = postfix(&old).start(&site.syslog).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
        fs::write(&right, PASSWORD).unwrap();
        fs::write(&wrong, "battery-staple").unwrap();
        let ca = certs.ca();
        let good = Given {
            user: USER,
            password: &right,
            rcpt: "probe@inside.example",
            mechanism: "plain",
            ca: None,
        };
        let mut table = Table::default();
        table.real_servers(family, good, &wrong, &ca);

        // What no real server can be brought to.
        let faulty = |number: u16| SocketAddr::new(family.syslog(), 2600 + number);
        let long = [&b"250-"[..], &vec![b'x'; 1 << 20], b"\r\n250 ok\r\n"].concat();
        let say = |at, reply: &[u8], close| Conduct::Say { at, reply: reply.to_vec(), close };
        let conducts = [
            ("554", say(Step::Greeting, b"554 5.3.2 no service\r\n", true), "greeting"),
            ("long", say(Step::Hello, &long, false), "EHLO"),
            ("closes", Conduct::Die(Death { at: Step::Hello, replied: true, cut: Cut::Fin }), "MAIL"),
        ];
        let mut members = Vec::new();
        for (number, (what, conduct, step)) in (0..).zip(conducts) {
            let member = FaultyMember::start(&site.syslog, &[faulty(number)]).unwrap();
            member.conduct(conduct);
            members.push(member);
            table.built_in(format!("faulty-{what}"), faulty(number), KINDS[1], good, Some(step));
            table.program(format!("faulty-{what}-sh"), faulty(number), "smtp-message", good, true);
        }
        let mut mute = Vec::new();
        for (number, behaviour) in [(8, Behaviour::Dribbles), (9, Behaviour::Silent)] {
            let server = SmtpServer::start(Some(&site.syslog), "mute", &[faulty(number)]).unwrap();
            server.behave(behaviour);
            mute.push(server);
            table.built_in(format!("faulty-{number}"), faulty(number), KINDS[1], good, Some("greeting"));
            table.program(format!("faulty-{number}-sh"), faulty(number), "smtp-message", good, true);
        }

        let profile = format!("[[server_tls]]\nname = \"strict\"\nca = \"{}\"\nserver_name = \"{NAME}\"\n", ca.display());
        let host = start(&site, &[&table.text, &profile]);
        let mut unlike = Vec::new();
        let settled = until("all verdicts", LONG * 2, || {
            let pools = host.status().pools;
            let wrong = table.cases.iter().filter_map(|case| case.unlike(&pools));
            unlike = wrong.collect();
            Ok(unlike.is_empty().then_some(()))
        });
        assert!(settled.is_ok(), "of {}: {unlike:#?}", table.cases.len());

        // Asked by hand, each built-in one names its step and hides the password.
        for case in table.cases.iter().filter(|case| !case.program).step_by(7) {
            let pools = host.status().pools;
            let member = &case.member(&pools).name;
            let member = format!("{}/{member}", case.name);
            let output = host.cli().output(&["--json", "monitor", "test", &member]).unwrap();
            let tested: MonitorTested = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(tested.probes[0].success, case.fails_at.is_none(), "{}", case.name);
            assert_eq!(tested.probes[0].step.as_deref(), case.fails_at, "{}", case.name);
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(!said.contains(PASSWORD) && !said.contains("battery"), "{said}");
        }
    }
}

/// Programs that do what they should not: nothing is left of them, and it is said what they did.
#[test]
fn bad_programs_harm_nothing_and_are_reported() {
    let site = Site::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A length that nobody else sleeps, by which what is left would be found.
    let sleep = format!("sleep 98{}", std::process::id());
    let programs = [
        ("hangs", sleep.clone(), 0o755, "program: "),
        (
            "forks",
            format!("({sleep} &) ; {sleep} & exit 3"),
            0o755,
            "program",
        ),
        (
            "ignores",
            format!("trap '' TERM INT HUP; {sleep}; {sleep}"),
            0o755,
            "program",
        ),
        (
            "loud",
            "yes | head -c 1000000000 >&2".to_owned(),
            0o755,
            "program",
        ),
        (
            "no-program",
            String::new(),
            0o644,
            "program: cannot be run: Permission denied",
        ),
    ];
    let mut text = String::new();
    for (number, (name, body, mode, _)) in programs.iter().enumerate() {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        write!(
            text,
            "[[pool]]\nname = \"{name}\"\nmembers = [\"127.0.0.1:1\"]\nmonitors = [\"{name}\"]\n\
             [[virtual_server]]\nname = \"{name}\"\nlisten = [\"127.0.0.1:{}\"]\npool = \"{name}\"\n\
             [[monitor]]\nname = \"{name}\"\ntype = \"external\"\nprogram = \"{}\"\n\
             interval = \"1s\"\ntimeout = \"3s\"\n",
            20_000 + number,
            path.display()
        )
        .unwrap();
    }
    let mut host = start(&site, &[&text]);
    let mut reasons = Vec::new();
    until("all are down", LONG, || {
        let pools = host.status().pools;
        let down = pools.iter().all(|pool| pool.members[0].state == "down");
        reasons = pools
            .iter()
            .map(|pool| pool.members[0].reason.clone())
            .collect();
        Ok(down.then_some(()))
    })
    .unwrap();
    for ((name, .., step), reason) in programs.iter().zip(&reasons) {
        assert!(reason.starts_with(step), "{name}: {reason}");
    }
    let status =
        fs::read_to_string(format!("/proc/{}/status", host.daemon.process().id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150_000, "{peak} KiB at the most");
    host.daemon.stop(LONG).unwrap();
    let left = || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        let words = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
        words.filter(|line| line.starts_with(&sleep)).count()
    };
    until("an end of all programs", LONG, || {
        Ok((left() == 0).then_some(()))
    })
    .unwrap();
}
