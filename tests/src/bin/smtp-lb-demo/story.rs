//! What happens on the stage.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use smtp_lb::admin::api::Counters;
use smtp_lb_tests::flood;
use smtp_lb_tests::site::Family;
use smtp_lb_tests::smtp_client::{self, Client, Message};
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::wait::{LONG, settled};

use crate::report;
use crate::stage::Stage;

/// Messages sent, half of them over each family.
const MESSAGES: usize = 200;

/// Sessions open at once, which the members share.
const AT_ONCE: usize = 20;

/// SYN segments of the flood over each family.
const SYNS: u32 = 20_000;

/// Datagrams of the flood over each family.
const DATAGRAMS: u32 = 5_000;

/// Sets the stage, plays, and reports. Fails if anything is not as it must be.
pub(crate) fn tell(keep: bool) -> Result<()> {
    report::scene();
    let stage = Stage::set()?;
    report::running(&stage.status()?);

    let digests = send_mail(&stage)?;
    report::mail(&stage, digests.len())?;
    check_mail(&stage, digests)?;

    let flooded = be_hostile(&stage)?;
    let counters: Counters = settled(LONG, || stage.cli().json(&["firewall", "counters"]))?;
    let told = report::flood(&stage, &flooded, &counters)?;
    check_counters(&counters, &flooded)?;
    ensure!(
        told as u64 == counters.events.sent,
        "{} events were sent, and {told} of them arrived",
        counters.events.sent
    );

    if keep {
        report::look_around(&stage);
        loop {
            std::thread::park();
        }
    }
    println!("\nAll is as it must be. Cleaning up.");
    Ok(())
}

/// Digests of the messages sent.
fn send_mail(stage: &Stage) -> Result<Vec<u64>> {
    println!("\n== The trusted client sends {MESSAGES} messages, {AT_ONCE} sessions at once");
    let mut digests = Vec::new();
    while digests.len() < MESSAGES {
        let mut clients = Vec::new();
        for number in 0..AT_ONCE {
            let family = Family::BOTH[number % 2];
            clients.push(Client::connect(
                Some(&stage.site.outside),
                Some(family.trusted()),
                family.service(),
                LONG,
            )?);
        }
        for mut client in clients {
            let message = Message::new(&format!("demo-{}", digests.len()), 4096);
            client.hello()?;
            client.send(&message)?;
            client.quit()?;
            digests.push(message.digest());
        }
    }
    Ok(digests)
}

fn check_mail(stage: &Stage, mut sent: Vec<u64>) -> Result<()> {
    let mut arrived: Vec<u64> = stage
        .mx
        .iter()
        .flat_map(SmtpServer::deliveries)
        .map(|delivery| delivery.digest)
        .collect();
    arrived.sort_unstable();
    sent.sort_unstable();
    ensure!(arrived == sent, "not every message arrived once and whole");
    ensure!(
        stage.mx.iter().all(|mx| mx.messages() > 0),
        "one member took everything"
    );
    Ok(())
}

/// What the untrusted client sent.
pub(crate) struct Flooded {
    /// SYN segments to the mail service.
    pub(crate) syns: u64,
    /// Datagrams to a port where nothing is.
    pub(crate) datagrams: u64,
}

fn be_hostile(stage: &Stage) -> Result<Flooded> {
    println!("\n== The untrusted client tries to connect, then floods");
    let mut flooded = Flooded {
        syns: 0,
        datagrams: 0,
    };
    let outside = &stage.site.outside;
    for family in Family::BOTH {
        let from: IpAddr = family.untrusted();
        let tried = smtp_client::connect(
            Some(outside),
            Some(from),
            family.service(),
            Duration::from_millis(500),
        );
        match tried {
            Ok(_) => bail!("{from} was let in"),
            Err(error) => println!("   {from}: {error:#}"),
        }
        flooded.syns += flood::syn(outside, &[from], family.service(), SYNS)?;
        let nowhere = SocketAddr::new(family.outer(), 53);
        flooded.datagrams += flood::udp(outside, from, nowhere, DATAGRAMS)?;
    }
    Ok(flooded)
}

/// The counters must add up, and hold at least the flood.
fn check_counters(counters: &Counters, flooded: &Flooded) -> Result<()> {
    let received = counters.received.packets;
    let verdicts = [counters.accepted, counters.dropped, counters.rejected];
    let verdicts: u64 = verdicts.iter().map(|count| count.packets).sum();
    let rows: u64 = counters.rows.iter().map(|row| row.count.packets).sum();
    ensure!(
        received == verdicts && received == rows,
        "received {received} packets, verdicts {verdicts}, rules {rows}"
    );
    let dropped: u64 = report::dropped(counters).map(|row| row.count.packets).sum();
    let sent = flooded.syns + flooded.datagrams;
    ensure!(
        dropped >= sent,
        "{sent} hostile packets were sent and {dropped} dropped"
    );
    let events = &counters.events;
    ensure!(
        events.asked == events.sent + events.rate_limited + events.ring_full,
        "the events do not add up: {events:?}"
    );
    Ok(())
}
