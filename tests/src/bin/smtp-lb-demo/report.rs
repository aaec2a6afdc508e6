//! What is told about it.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use smtp_lb::admin::api::{Counters, Status};
use smtp_lb::firewall::{InForce, Row, Word};
use smtp_lb_tests::daemon;
use smtp_lb_tests::syslog_server::{Record, SyslogServer};
use smtp_lb_tests::wait::{LONG, settled, until};

use crate::clean::{FILES, PINS};
use crate::stage::Stage;
use crate::story::Flooded;

/// What is being built.
pub(crate) fn scene() {
    println!(
        "== A network of namespaces, IPv4 and IPv6

   outside                     host                      inside
   10.77.0.10  trusted         ext0  XDP firewall        10.78.0.11  mx1
   10.77.0.66  untrusted  ───  smtp-lb, port 25     ───  10.78.0.12  mx2
                               10.77.0.1                 10.78.0.20  syslog
"
    );
}

/// How smtp-lb came up.
pub(crate) fn running(status: &Status) {
    println!("== smtp-lb {} runs with config/demo.toml", status.version);
    for interface in &status.firewall.interfaces {
        println!(
            "   firewall on {}: {}",
            interface.name,
            mode(interface.mode)
        );
    }
    for server in &status.virtual_servers {
        println!(
            "   virtual server {} on {}",
            server.name,
            server.listen.join(", ")
        );
    }
    for member in status.pools.iter().flat_map(|pool| &pool.members) {
        println!(
            "   member {} at {}: {}",
            member.name, member.address, member.state
        );
    }
    for warning in &status.firewall.warnings {
        println!("   warning: {warning}");
    }
}

/// Who took which messages.
pub(crate) fn mail(stage: &Stage, sent: usize) -> Result<()> {
    println!("   sent: {sent}");
    let status = stage.status()?;
    for mx in &stage.mx {
        let sessions: u64 = status
            .pools
            .iter()
            .flat_map(|pool| &pool.members)
            .filter(|member| {
                mx.addresses()
                    .iter()
                    .any(|address| address.to_string() == member.address)
            })
            .map(|member| member.total)
            .sum();
        println!(
            "   {}: {} messages taken, {sessions} sessions by smtp-lb's count",
            mx.name(),
            mx.messages()
        );
    }
    Ok(())
}

fn mode(mode: InForce) -> &'static str {
    match mode {
        InForce::XdpNative => "XDP in the driver",
        InForce::XdpGeneric => "XDP in the generic hook",
        InForce::Userspace => "at accept",
        InForce::Off => "off",
    }
}

/// Rows of dropped packets.
pub(crate) fn dropped(counters: &Counters) -> impl Iterator<Item = &Row> {
    let rows = counters.rows.iter();
    rows.filter(|row| row.label.verdict == Word::Drop && row.count.packets > 0)
}

/// What the card saw of the flood, and what was told; how many drops the log server heard of.
pub(crate) fn flood(stage: &Stage, flooded: &Flooded, counters: &Counters) -> Result<usize> {
    println!(
        "   sent: {} SYN segments, {} datagrams",
        flooded.syns, flooded.datagrams
    );
    println!("\n== What the firewall dropped, by rule");
    for Row { label, count, .. } in dropped(counters) {
        println!(
            "   {:>8} packets {:>10} bytes  {} / {} / {}",
            count.packets,
            count.bytes,
            label.context,
            if label.policy.is_empty() {
                "-"
            } else {
                &label.policy
            },
            label.rule
        );
    }
    println!(
        "   received {} = {} accepted + {} dropped + {} rejected",
        counters.received.packets,
        counters.accepted.packets,
        counters.dropped.packets,
        counters.rejected.packets
    );
    let events = &counters.events;
    println!(
        "   events asked {} = {} sent + {} over the rate + {} lost to a full ring",
        events.asked, events.sent, events.rate_limited, events.ring_full
    );
    syslog(stage)
}

fn syslog(stage: &Stage) -> Result<usize> {
    let told = |record: &Record| record.get("action") == Some("drop");
    until("a record of a drop at the syslog server", LONG, || {
        let mut records = stage.syslog.iter().flat_map(SyslogServer::records);
        Ok(records.any(|(_, record)| told(&record)).then_some(()))
    })?;
    settled(LONG, || {
        Ok(stage.syslog.iter().map(SyslogServer::count).sum::<usize>())
    })?;
    let servers = stage.syslog.iter();
    let records: Vec<_> = servers.flat_map(SyslogServer::records).collect();
    println!(
        "\n== What arrived at the syslog server: {} records",
        records.len()
    );
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (_, record) in &records {
        let what = match (record.get("action"), record.get("rule")) {
            (Some(action), Some(rule)) => format!("{} {action} by {rule}", record.id),
            _ => record.id.clone(),
        };
        *kinds.entry(what).or_default() += 1;
    }
    for (kind, count) in kinds {
        println!("   {count:>8} {kind}");
    }
    if let Some((_, record)) = records.iter().find(|(_, record)| told(record)) {
        println!("   one of them: {} {}", record.timestamp, record.message);
        for (name, value) in record.data.values().flatten() {
            println!("      {name} = {value}");
        }
    }
    let faults: Vec<String> = stage.syslog.iter().flat_map(SyslogServer::faults).collect();
    ensure!(
        faults.is_empty(),
        "records not as RFC 5424 has them: {faults:?}"
    );
    Ok(records.iter().filter(|(_, record)| told(record)).count())
}

/// For those who want to see for themselves.
pub(crate) fn look_around(stage: &Stage) {
    let program =
        daemon::binary().map_or_else(|_| "smtp-lb".into(), |path| path.display().to_string());
    let socket = format!("{FILES}/admin.sock");
    let host = stage.site.host.name();
    let outside = stage.site.outside.name();
    println!(
        "
== It goes on running until Ctrl-C. To look around, from another terminal, as root:

   {program} --socket {socket} status
   {program} --socket {socket} firewall counters
   {program} --socket {socket} firewall explain --src 10.77.0.66 --dst 10.77.0.1 --dport 25
   {program} --socket {socket} events follow
   ip netns exec {outside} bash     the clients; 10.77.0.10 is trusted, 10.77.0.66 is not
   ip netns exec {host} bash        the host
   ls {PINS}     what stays in force when smtp-lb is stopped
   tail -f {FILES}/smtp-lb.log     its log"
    );
}
