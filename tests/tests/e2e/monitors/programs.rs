//! External programs that do what they should not.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use smtp_lb_tests::site::Site;
use smtp_lb_tests::wait::{LONG, until};

use crate::scenarios::start;

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
