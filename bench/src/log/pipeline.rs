//! smtp-lb's own way: packet filter → rings → reader → bus → publisher → destination, as the daemon has it,
//! in a process of its own. All of its threads are on one CPU, save the one that runs the filter.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::{Signal, set_parent_process_death_signal};
use smtp_lb::config::parse;
use smtp_lb::event::ring::{Reader, SlotName};
use smtp_lb::event::{Pipeline, Routes};
use smtp_lb::firewall::{Now, Slots, Stand, compile};

use super::collector::Collector;
use super::producer::Producer;
use super::trial::{Told, Trial};
use super::{AROUND, Outcome, SUBJECT, Way, leftovers, pin};
use crate::firewall::{Nobody, Random, SEED, fill_random_sources, syn};
use crate::lab::{self, Namespace};

/// One turn: a process that tries rates.
pub(crate) fn turn(mut trial: Trial) -> Result<Outcome> {
    let collector = match trial.way {
        Way::File => None,
        Way::Tcp => Some(Collector::tcp()?),
        Way::Udp => Some(Collector::udp()?),
    };
    trial.collector = collector.as_ref().map(|collector| collector.address);
    let output = Command::new(std::env::current_exe()?)
        .args(["log", "--pipeline", &serde_json::to_string(&trial)?])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        // It may have been killed.
        lab::sweep();
        leftovers::sweep(&trial.folder);
    }
    ensure!(output.status.success(), "the pipeline: {}", output.status);
    let told: Told = serde_json::from_slice(&output.stdout)?;
    told.outcome(collector.map(|collector| collector.settled()))
}

/// The process.
pub(crate) fn child(trial: &Trial) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    pin(SUBJECT)?;
    let path = trial.folder.join(format!("log-{}", std::process::id()));
    let mut plan = parse("bench", &configuration(trial, &path)?, &Nobody)
        .map_err(|errors| anyhow::anyhow!("{errors}"))?
        .plan;
    // Past what a file may ask for: it is the sending that is measured.
    plan.firewall.event_rate = 1_000_000_000;
    let object = std::fs::read(&trial.object)?;
    let pins = leftovers::pins(std::process::id());
    let mut stand = Stand::load_program(Some(&object), "bench_filter_v4", &pins)?;
    let compiled = compile(&plan, &Now::default(), Slots::default(), 1)?;
    stand.image(&compiled)?;
    let mut random = Random(SEED);
    fill_random_sources(&mut stand, || {
        #[expect(clippy::cast_possible_truncation, reason = "32 random bits")]
        IpAddr::from(Ipv4Addr::from(random.next() as u32))
    })?;
    // A program that is on no interface is put into the kernel's dispatcher for each call that repeats it, and
    // taken out again, which waits for RCU both times: for milliseconds, and packets would come in bursts.
    let nowhere = Namespace::of("log")?;
    nowhere.enter(|| stand.attach("lo", false))??;
    // As the daemon's `control`.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let routes = Routes::from_plan(&plan);
    let (pipeline, bus) = Pipeline::start(&plan.log, routes, &Arc::default())?;
    drop(entered);
    let slots = compiled.slots.clone();
    let name = move |slot| {
        let label = slots.label(slot)?;
        Some(SlotName {
            virtual_server: label.virtual_server().unwrap_or_default().into(),
            policy: label.policy.into(),
            rule: label.rule.into(),
        })
    };
    let reader = Reader::start(stand.rings()?, Box::new(name), Box::new(|_| None), bus)?;
    let mut producer = Producer {
        stand,
        compiled: &compiled,
        pipeline: &pipeline,
        frame: syn()?,
        file: (trial.way == Way::File).then_some(path),
        seconds: trial.seconds,
    };
    let told = thread::scope(|scope| {
        let producer = scope.spawn(|| {
            pin(AROUND)?;
            producer.all()
        });
        producer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    reader.stop();
    runtime.block_on(pipeline.shutdown(Duration::from_secs(1)));
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

/// As an operator would write it: ten rules that each tell of what they drop, and one destination.
fn configuration(trial: &Trial, path: &Path) -> Result<String> {
    let format = &trial.format;
    let destination = match (trial.way, trial.collector) {
        (Way::File, _) => format!("type = \"file\"\npath = \"{}\"", path.display()),
        (Way::Tcp, Some(address)) => format!(
            "type = \"syslog\"\naddress = \"{address}\"\ntransport = \"tcp\"\nframing = \"newline\""
        ),
        (Way::Udp, Some(address)) => {
            format!("type = \"syslog\"\naddress = \"{address}\"\ntransport = \"udp\"")
        }
        (Way::Tcp | Way::Udp, None) => anyhow::bail!("no collector"),
    };
    let mut text = format!(
        "[firewall]\nmode = \"adc\"\nevent_rate = 1000000\nevent_burst = 1000000\nlog_profile = \"p\"\n\
         [log]\nbus_capacity = 65536\n\
         [[log.destination]]\nname = \"d\"\nformat = \"{format}\"\nqueue = 100000\n{destination}\n\
         [[log.publisher]]\nname = \"all\"\ndestinations = [\"d\"]\n\
         [[log.profile]]\nname = \"p\"\npublisher = \"all\"\n\
         [[firewall.policy]]\nname = \"edge\"\n"
    );
    // The first octet decides: every source meets one of them.
    for rule in 0..10 {
        let networks: Vec<_> = (0..256)
            .filter(|octet| octet % 10 == rule)
            .map(|octet| format!("\"{octet}.0.0.0/8\""))
            .collect();
        text.extend([
            format!("[[firewall.policy.rule]]\nname = \"rule-{rule}\"\naction = \"drop\"\n"),
            format!("log = true\nsource = [{}]\n", networks.join(", ")),
        ]);
    }
    text += "[[virtual_server]]\nname = \"mail\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n\
             firewall_policy = \"edge\"\n[[pool]]\nname = \"p\"\nmembers = [\"192.0.2.9:25\"]\n";
    Ok(text)
}
