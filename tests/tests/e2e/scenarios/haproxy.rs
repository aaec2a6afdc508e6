//! A real HAProxy in front of us and one behind: both must understand PROXY headers as we do.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use smtp_lb_tests::folder::temporary;
use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::process::Process;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message, connect};
use smtp_lb_tests::wait::{LONG, until};

use super::snat::seen;
use super::stage::{self, PUBLIC, Trust, virtual_server};
use crate::over_both;

/// What HAProxy logs of a connection whose header came to it.
const LOG: &str = "SEEN client=%ci port=%cp authority=%[fc_pp_authority] id=%[fc_pp_unique_id]";

/// In front, one door to each kind of header; behind, one that reads them, before the mail server.
fn configuration(
    front: &[(SocketAddr, SocketAddr, &str)],
    behind: SocketAddr,
    mx: SocketAddr,
) -> String {
    let mut text = format!(
        "global\n  log stdout format raw local0\ndefaults\n  mode tcp\n  timeout connect 10s\n  \
         timeout client 1m\n  timeout server 1m\n\
         listen behind\n  log global\n  log-format \"{LOG}\"\n  bind {behind} accept-proxy\n  \
         server mx {mx} send-proxy\n"
    );
    for (number, (bind, to, options)) in front.iter().enumerate() {
        write!(
            text,
            "listen front{number}\n  bind {bind}\n  unique-id-format id-{number}-%ci\n  \
             server lb {to} {options}\n"
        )
        .unwrap();
    }
    text
}

/// Runs it until it listens on these ports.
fn haproxy(site: &Site, file: &Path, log: &Path, ports: &[u16]) -> Process {
    let mut command = site.host.command("haproxy");
    command.arg("-db").arg("-f").arg(file);
    let mut haproxy = Process::start("haproxy", &mut command, log).unwrap();
    until("start of haproxy", LONG, || {
        haproxy.check()?;
        let listening = site.host.command("ss").args(["-Hltn"]).output()?;
        let listening = String::from_utf8_lossy(&listening.stdout).into_owned();
        let open = |port: &u16| listening.contains(&format!(":{port} "));
        Ok(ports.iter().all(open).then_some(()))
    })
    .unwrap();
    haproxy
}

over_both! {
    /// What a client's TLS was, and whom it asked for, gets through both ways.
    fn haproxy_hears_of_tls_from_us_and_we_from_it(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _postfix = Setup::new("mx1.inside.example")
            .set("smtpd_upstream_proxy_protocol", "haproxy")
            .start(&site.mx1)
            .unwrap();
        let at = |port| SocketAddr::new(family.outer(), port);
        let folder = temporary("haproxy").unwrap();
        let (file, log) = (folder.path().join("haproxy.cfg"), folder.path().join("log"));
        let both = folder.path().join("both.pem");
        let pem = [&trust.public.chain, &trust.public.key].map(|it| fs::read_to_string(it).unwrap());
        fs::write(&both, pem.concat()).unwrap();
        let mx = SocketAddr::new(family.mx1(), 25);
        let front = format!(
            "listen front\n  bind {} ssl crt {}\n  unique-id-format front-%ci\n  server lb {} \
             send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id,ssl,cert-cn,authority\n",
            at(2401), both.display(), at(2501)
        );
        fs::write(&file, configuration(&[], at(2601), mx) + &front).unwrap();
        let _haproxy = haproxy(&site, &file, &log, &[2401, 2601]);
        let behind = format!("accept_proxy = {{ from = [\"{}\"] }}\nsend_proxy = \"v2\"\n", family.outer());
        let host = stage::start(
            &site,
            &[
                &virtual_server("behind", at(2501), &behind, &[at(2601)]),
                &virtual_server(
                    "own",
                    at(2502),
                    "mode = \"offload\"\nclient_tls = \"public\"\nsend_proxy = \"v2\"\n",
                    &[at(2601)],
                ),
                &trust.client_tls(""),
            ],
        );
        for (door, source) in [(2401, family.trusted()), (2502, family.untrusted())] {
            let socket = connect(Some(&site.outside), Some(source), at(door), LONG).unwrap();
            let mut client = Client::over_tls(socket, &trust.client()).unwrap();
            client.greeted().unwrap();
            client.hello().unwrap();
            client.send(&Message::new("tls", 300)).unwrap();
            client.quit().unwrap();
            until("a line of HAProxy's log", LONG, || {
                let log = fs::read_to_string(&log)?;
                let wanted = format!(" authority={PUBLIC} id=");
                let of = format!("SEEN client={source} ");
                Ok(log.lines().any(|line| line.contains(&of) && line.contains(&wanted)).then_some(()))
            })
            .unwrap();
        }
        for server in host.status().virtual_servers {
            let faults = server.headers.unwrap_or_default();
            assert_eq!(faults, smtp_lb::admin::api::HeaderStatus::default(), "{}", server.name);
        }
    }

    fn haproxy_in_front_and_behind_agrees_with_us(family: Family) {
        let site = Site::new().unwrap();
        let postfix = Setup::new("mx1.inside.example")
            .set("smtpd_upstream_proxy_protocol", "haproxy")
            .start(&site.mx1)
            .unwrap();
        let at = |port| SocketAddr::new(family.outer(), port);
        let front = [
            (at(2401), at(2501), "send-proxy"),
            (at(2402), at(2501), "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
            (at(2403), at(2502), "send-proxy"),
            (at(2404), at(2502), "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
        ];
        let folder = temporary("haproxy").unwrap();
        let (file, log) = (folder.path().join("haproxy.cfg"), folder.path().join("log"));
        let mx = SocketAddr::new(family.mx1(), 25);
        fs::write(&file, configuration(&front, at(2601), mx)).unwrap();
        let _haproxy = haproxy(&site, &file, &log, &[2401, 2402, 2403, 2404, 2601]);

        let keys = format!("accept_proxy = {{ from = [\"{}\"] }}\nsend_proxy = \"v2\"\n", family.outer());
        let gateway = format!("{keys}[virtual_server.gateway]\n");
        let host = stage::start(
            &site,
            &[
                &virtual_server("relay", at(2501), &keys, &[at(2601)]),
                &virtual_server("gateway", at(2502), &gateway, &[at(2601)]),
            ],
        );
        for (number, (bind, _, options)) in front.into_iter().enumerate() {
            for source in [family.trusted(), family.untrusted()] {
                assert_eq!(seen(&site, &postfix, bind, source), source, "{options}");
                // The id is the one of HAProxy in front where it said one, else ours.
                until("a line of HAProxy's log", LONG, || {
                    let log = fs::read_to_string(&log)?;
                    let mut lines = log.lines().filter(|line| {
                        line.contains(&format!("SEEN client={source} "))
                    });
                    let own = format!("id=id-{number}-{source}");
                    let found = lines.any(|line| {
                        let id = line.rsplit_once("id=").map_or("", |(_, id)| id);
                        if options.contains("unique-id") { line.ends_with(&own) } else { id.len() == 32 }
                    });
                    Ok(found.then_some(()))
                })
                .unwrap();
            }
        }
        for server in host.status().virtual_servers {
            let headers = server.headers.unwrap();
            assert_eq!(headers, smtp_lb::admin::api::HeaderStatus::default(), "{}", server.name);
        }
        // Not from HAProxy, and so not believed.
        let forged = smtp_lb_tests::smtp_client::Client::connect(
            Some(&site.outside), Some(family.untrusted()), at(2501), LONG,
        );
        assert!(forged.is_err(), "it is served");
        let servers = host.status().virtual_servers;
        let untrusted = servers.iter().filter_map(|it| it.headers).map(|it| it.untrusted);
        assert_eq!(untrusted.sum::<u64>(), 1);
    }
}
