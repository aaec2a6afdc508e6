//! Members that come and go, all the time, under load: what was acknowledged is there, once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use smtp_lb_tests::faulty_member::{Conduct, Cut, DEATHS, Death, FaultyMember, Step};
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};

use super::kills::{Fate, attempt};
use super::stage::{self, virtual_server};

const MEMBERS: usize = 10;
const CLIENTS: u32 = 10;
/// Messages a second, of all clients together.
const RATE: u32 = 500;
/// Octets of a message.
const LENGTH: usize = 1000;
/// Where the drawing of lots begins, so that a run can be had again.
const SEED: u64 = 0x5eed_0004;

/// A drawer of lots that needs no more than to be the same each time (Knuth's MMIX generator).
struct Lots(u64);

impl Lots {
    fn draw(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}

/// Ten members, of which one after the other falls ill, dies, or is well again.
struct Troupe<'a> {
    places: Vec<(&'a Netns, SocketAddr)>,
    playing: Vec<Option<FaultyMember>>,
    /// Those that were killed; what they took counts.
    retired: Vec<FaultyMember>,
}

impl<'a> Troupe<'a> {
    fn new(site: &'a Site, family: Family) -> Self {
        let hosts = [(&site.mx1, family.mx1()), (&site.mx2, family.mx2())];
        let places: Vec<(&Netns, SocketAddr)> = (0..MEMBERS)
            .map(|number| {
                let (netns, address) = hosts[number % 2];
                let port = 2500 + u16::try_from(number).unwrap();
                (&**netns, SocketAddr::new(address, port))
            })
            .collect();
        let playing = places
            .iter()
            .map(|(netns, address)| Some(begin(netns, *address)));
        Self {
            playing: playing.collect(),
            places,
            retired: Vec::new(),
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.places.iter().map(|(_, address)| *address).collect()
    }

    /// Until `done`; at the end all are well.
    fn flap(&mut self, done: &AtomicBool) {
        let mut lots = Lots(SEED);
        while !done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
            let number = lots.draw(MEMBERS);
            let (netns, address) = self.places[number];
            let Some(member) = &mut self.playing[number] else {
                // Killed, it comes back when its lot is drawn again.
                self.playing[number] = Some(begin(netns, address));
                continue;
            };
            let greeting = |reply: &str| Conduct::Say {
                at: Step::Greeting,
                reply: reply.as_bytes().to_vec(),
                close: true,
            };
            match lots.draw(8) {
                0 => member.conduct(greeting("421 4.3.2 going down\r\n")),
                1 => member.conduct(greeting("554 5.3.2 no service\r\n")),
                2 | 3 => {
                    let (at, replied) = DEATHS[lots.draw(DEATHS.len())];
                    let cut = [Cut::Fin, Cut::Rst][lots.draw(2)];
                    member.conduct(Conduct::Die(Death { at, replied, cut }));
                }
                4 => member.conduct(Conduct::DieEvery(17)),
                5 => {
                    member.stop();
                    self.retired.extend(self.playing[number].take());
                }
                _ => member.conduct(Conduct::Good),
            }
        }
        for (place, member) in self.places.iter().zip(&mut self.playing) {
            member
                .get_or_insert_with(|| begin(place.0, place.1))
                .conduct(Conduct::Good);
        }
    }

    /// Everybody who ever played.
    fn all(&self) -> impl Iterator<Item = &FaultyMember> {
        self.playing.iter().flatten().chain(&self.retired)
    }
}

fn begin(netns: &Netns, address: SocketAddr) -> FaultyMember {
    FaultyMember::start(netns, &[address]).unwrap()
}

/// What a client knows of its messages: `None` where the connection was cut.
type Fates = Mutex<HashMap<String, Option<Fate>>>;

/// Sends its share of messages, each at its time, for as long.
fn client(number: u32, site: &Site, family: Family, bound: Duration, fates: &Fates) {
    let begin = Instant::now();
    let mut connection: Option<Client> = None;
    for count in 0.. {
        let due = Duration::from_secs(1) * CLIENTS * count / RATE;
        if due >= bound {
            break;
        }
        thread::sleep(due.saturating_sub(begin.elapsed()));
        let Some(session) = connection.take().or_else(|| open(site, family)) else {
            continue;
        };
        let id = format!("f-{number}-{count}");
        let mut session = session;
        let fate = attempt(&mut session, &Message::new(&id, LENGTH)).ok();
        let goes_on = match &fate {
            Some(Fate::Acknowledged) => true,
            // What is left of the transaction.
            Some(Fate::Refused(why)) => {
                !why.contains(": 421 ") && session.command("RSET", 250).is_ok()
            }
            None => false,
        };
        connection = goes_on.then_some(session);
        fates.lock().unwrap().insert(id, fate);
    }
    if let Some(session) = connection {
        // Its member may be gone.
        let _ = session.quit();
    }
}

/// A session, if somebody takes it.
fn open(site: &Site, family: Family) -> Option<Client> {
    let bound = Duration::from_secs(10);
    let mut client = Client::connect(Some(&site.outside), None, family.service(), bound).ok()?;
    client.hello().ok()?;
    Some(client)
}

fn run(family: Family, keys: &str, bound: Duration) -> HashMap<String, Option<Fate>> {
    let site = Site::new().unwrap();
    let mut troupe = Troupe::new(&site, family);
    let server = virtual_server("mail", family.service(), keys, &troupe.addresses());
    // Members are judged, too, by probes.
    let monitors = "[[monitor]]\nname = \"probe\"\ntype = \"smtp\"\ninterval = \"200ms\"\n\
                    timeout = \"700ms\"\n";
    let server = server.replace("members = [", "monitors = [\"probe\"]\nmembers = [");
    let host = stage::start(&site, &[&server, monitors]);

    let (done, fates) = (AtomicBool::new(false), Fates::default());
    thread::scope(|scope| {
        let flapping = scope.spawn(|| troupe.flap(&done));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (site, fates) = (&site, &fates);
                scope.spawn(move || client(number, site, family, bound, fates))
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        flapping.join().unwrap();
    });

    let fates = fates.into_inner().unwrap();
    let mut kept: HashMap<String, usize> = HashMap::new();
    for taken in troupe.all().flat_map(FaultyMember::taken) {
        // Probes send none.
        assert_eq!(
            taken.digest,
            Message::new(&taken.id, LENGTH).digest(),
            "{}",
            taken.id
        );
        *kept.entry(taken.id).or_default() += 1;
    }
    for (id, fate) in &fates {
        let copies = kept.get(id).copied().unwrap_or(0);
        match fate {
            Some(Fate::Acknowledged) => assert_eq!(copies, 1, "{id} was acknowledged"),
            Some(Fate::Refused(why)) => assert!(copies <= 1, "{id}: {why}: {copies} times"),
            None => assert!(copies <= 1, "{id} was cut, and is there {copies} times"),
        }
    }
    assert!(
        kept.keys().all(|id| fates.contains_key(id)),
        "somebody else's mail"
    );
    let sessions: u64 = troupe.all().map(FaultyMember::sessions).sum();
    assert!(
        troupe.retired.len() > 5,
        "{} were killed",
        troupe.retired.len()
    );
    assert!(sessions > 100, "{sessions} sessions");
    let status = &host.status().virtual_servers[0];
    assert_eq!(status.panics, 0);
    println!(
        "{} messages, {} acknowledged",
        fates.len(),
        acknowledged(&fates)
    );
    fates
}

fn acknowledged(fates: &HashMap<String, Option<Fate>>) -> usize {
    let fates = fates.values();
    fates
        .filter(|fate| matches!(fate, Some(Fate::Acknowledged)))
        .count()
}

/// A gateway replaces members that die before 354, and never cuts its client.
#[test]
fn a_gateway_loses_and_doubles_nothing() {
    let fates = run(
        Family::V4,
        "[virtual_server.gateway]\n",
        Duration::from_mins(1),
    );
    let all = fates.len();
    assert!(
        acknowledged(&fates) > all / 2,
        "{} of {all}",
        acknowledged(&fates)
    );
    assert!(
        all > 60 * 500 / 2,
        "{all} messages, of 30,000 that were due"
    );
    let cut = fates.values().filter(|fate| fate.is_none()).count();
    assert_eq!(cut, 0, "clients without a reply");
}

#[test]
fn a_relay_loses_and_doubles_nothing() {
    let fates = run(Family::V6, "", Duration::from_secs(10));
    let all = fates.len();
    assert!(
        acknowledged(&fates) > all / 10,
        "{} of {all}",
        acknowledged(&fates)
    );
}
