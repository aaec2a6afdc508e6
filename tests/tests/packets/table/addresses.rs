//! Sources, at the edges of networks.

use super::super::frames::{SYN, tcp};
use super::{BLOCKED, HOSTS, MAIL, MAIL_DEFAULT, MAIL6, QUIET, TRUSTED, Table};

pub(super) fn sources(t: &mut Table) {
    t.add(
        "first address of the trusted network",
        &tcp("10.0.0.0", MAIL, 25, SYN),
        TRUSTED,
    );
    t.add(
        "last address of the trusted network",
        &tcp("10.255.255.255", MAIL, 25, SYN),
        TRUSTED,
    );
    t.add(
        "just before it",
        &tcp("9.255.255.255", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "just after it",
        &tcp("11.0.0.0", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add("0.0.0.0", &tcp("0.0.0.0", MAIL, 25, SYN), MAIL_DEFAULT);
    t.add(
        "255.255.255.255",
        &tcp("255.255.255.255", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "blocked within trusted",
        &tcp("10.66.0.1", MAIL, 25, SYN),
        BLOCKED,
    );
    t.add(
        "last blocked",
        &tcp("10.66.255.255", MAIL, 25, SYN),
        BLOCKED,
    );
    t.add(
        "before blocked",
        &tcp("10.65.255.255", MAIL, 25, SYN),
        TRUSTED,
    );
    t.add("after blocked", &tcp("10.67.0.0", MAIL, 25, SYN), TRUSTED);
    t.add("one host", &tcp("10.1.2.3", MAIL, 25, SYN), HOSTS);
    t.add("the host before", &tcp("10.1.2.2", MAIL, 25, SYN), TRUSTED);
    t.add("the host after", &tcp("10.1.2.4", MAIL, 25, SYN), TRUSTED);
    t.add("a rule without log", &tcp("10.5.1.1", MAIL, 25, SYN), QUIET);
    t.add(
        "a disabled rule",
        &tcp("198.51.100.7", MAIL, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v6 first of trusted",
        &tcp("2001:db8::", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 last of trusted",
        &tcp("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 before trusted",
        &tcp("2001:db7:ffff::1", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v6 after trusted",
        &tcp("2001:db9::", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v6 blocked",
        &tcp("2001:db8:66::1", MAIL6, 25, SYN),
        BLOCKED,
    );
    t.add(
        "v6 last blocked",
        &tcp("2001:db8:66:ffff:ffff::1", MAIL6, 25, SYN),
        BLOCKED,
    );
    t.add(
        "v6 after blocked",
        &tcp("2001:db8:67::", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 one host",
        &tcp("2001:db8:1:2::3", MAIL6, 25, SYN),
        HOSTS,
    );
    t.add(
        "v6 the host before",
        &tcp("2001:db8:1:2::2", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 the host after",
        &tcp("2001:db8:1:2::4", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 the same /64",
        &tcp("2001:db8:1:2::", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 end of that /64",
        &tcp("2001:db8:1:2:ffff:ffff:ffff:ffff", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add(
        "v6 the next /64",
        &tcp("2001:db8:1:3::3", MAIL6, 25, SYN),
        TRUSTED,
    );
    t.add("v6 ::", &tcp("::", MAIL6, 25, SYN), MAIL_DEFAULT);
    t.add(
        "v6 all ones",
        &tcp("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
    t.add(
        "v4 mapped into v6 is v6",
        &tcp("::ffff:10.0.0.1", MAIL6, 25, SYN),
        MAIL_DEFAULT,
    );
}
