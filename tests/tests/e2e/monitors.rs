//! The guide's monitors, and the one it lacks, against real servers: built in and as programs.

mod faults;
mod programs;
mod table;

use std::fs;

use smtp_lb::admin::api::MonitorTested;
use smtp_lb_tests::certs::{Certs, Key, Usage, Valid};
use smtp_lb_tests::dovecot::Dovecot;
use smtp_lb_tests::exim::Exim;
use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::site::{Family, Site};

use self::table::{Given, NAME, PASSWORD, Table, USER};
use crate::over_both;
use crate::scenarios::start;

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
        let mut table = Table::new("12s");
        table.real_servers(family, good, &wrong, &ca);

        let profile = format!("[[server_tls]]\nname = \"strict\"\nca = \"{}\"\nserver_name = \"{NAME}\"\n", ca.display());
        let host = start(&site, &[&table.text, &profile]);
        table.await_verdicts(&host);

        // Asked by hand, each built-in one names its step and hides the password.
        for case in table.cases.iter().filter(|case| !case.program).step_by(7) {
            let pools = host.status().pools;
            let member = &case.member(&pools).name;
            let member = format!("{}/{member}", case.name);
            let output = host.cli().output(&["--json", "monitor", "test", &member]).unwrap();
            let tested: MonitorTested = serde_json::from_slice(&output.stdout).unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(tested.probes[0].success, case.fails_at.is_none(), "{}: {said}", case.name);
            assert_eq!(tested.probes[0].step.as_deref(), case.fails_at, "{}: {said}", case.name);
            assert!(!said.contains(PASSWORD) && !said.contains("battery"), "{said}");
        }
    }
}
