use super::book::{Book, Corrupt};
use super::*;
use crate::config::plan::{ConnectionLimits, HostPlan, Plan};
use crate::pool::tests::{plan, pool};

const DAY: Duration = Duration::from_hours(24);

fn pools(plan: &Plan) -> Pools {
    Pools::from_plan(plan, None)
}

fn one() -> Plan {
    plan(vec![pool("mail", &[("mx1", 1), ("mx2", 2)], false)])
}

fn two() -> Plan {
    plan(vec![
        pool("mail", &[("mx1", 1), ("mx2", 2)], false),
        pool("sub/x", &[("mx1", 1), ("s", 3)], false),
    ])
}

fn order(state: Administration, now: SystemTime, within: Option<Duration>) -> Order {
    Order {
        state,
        since: now,
        until: within.map(|within| now + within),
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

#[test]
fn a_book_is_read_as_it_was_written() {
    let pools = pools(&one());
    let pool = &pools.iter().next().unwrap();
    let (mx1, mx2) = (&pool.members()[0], &pool.members()[1]);
    let mut book = Book::default();
    let drain = order(Administration::Draining, now(), Some(DAY));
    book.set("mail", mx1, drain, now());
    let mut read = Book::parse(&book.encode().unwrap()).unwrap();
    assert_eq!(read.find("mail", mx1, now()), Some(drain));
    assert_eq!(read.find("mail", mx2, now()), None);
    assert_eq!(read.find("other", mx1, now()), None);
    // What was to be over by now is.
    let late = read.find("mail", mx1, now() + DAY).unwrap();
    assert_eq!(late.state, Administration::Drained);
    // The last word counts; to be enabled is not worth a line.
    book.set(
        "mail",
        mx1,
        order(Administration::Offline, now(), None),
        now(),
    );
    assert_eq!(
        book.find("mail", mx1, now()).unwrap().state,
        Administration::Offline
    );
    book.set(
        "mail",
        mx1,
        order(Administration::Enabled, now(), None),
        now(),
    );
    assert_eq!(book.find("mail", mx1, now()), None);
}

#[test]
fn members_that_are_gone_are_remembered_for_a_month() {
    let pools = pools(&one());
    let pool = pools.iter().next().unwrap();
    let (mx1, mx2) = (&pool.members()[0], &pool.members()[1]);
    let mut book = Book::default();
    let disabled = order(Administration::Disabled, now(), None);
    book.set("mail", mx1, disabled, now());
    book.set("mail", mx2, disabled, now());
    // One of them is there still.
    assert!(book.find("mail", mx2, now() + 29 * DAY).is_some());
    book.prune(now() + 31 * DAY);
    assert_eq!(book.find("mail", mx1, now()), None);
    assert!(book.find("mail", mx2, now()).is_some());
}

#[test]
fn a_book_has_an_end() {
    let entries: Vec<_> = (0..20_000)
        .map(|n| {
            serde_json::json!({"pool": "p", "member": format!("m{n}"), "address": "192.0.2.1:25",
                "state": "disabled", "since": 1, "seen": 1_800_000_000u64 + n})
        })
        .collect();
    let text = serde_json::json!({"version": 1, "members": entries}).to_string();
    assert!((text.len() as u64) < FILE_LIMIT);
    let mut book = Book::parse(text.as_bytes()).unwrap();
    book.prune(now());
    let kept = book.encode().unwrap();
    assert_eq!(
        String::from_utf8(kept).unwrap().matches("disabled").count(),
        10_000
    );
}

#[test]
fn what_is_no_book_is_refused() {
    for text in [
        "",
        "{",
        "[]",
        "{\"version\":1,\"members\":[{}]}",
        "{\"version\":1,\"members\":[],\"more\":1}",
        "{\"version\":1,\"members\":[{\"pool\":\"p\",\"member\":\"m\",\"address\":null,\
         \"state\":\"asleep\",\"since\":1,\"seen\":1}]}",
    ] {
        assert!(
            matches!(Book::parse(text.as_bytes()), Err(Corrupt::Json(_))),
            "{text}"
        );
    }
    let other = Book::parse(b"{\"version\":2,\"members\":[]}");
    assert!(matches!(other, Err(Corrupt::Version(2))));
    // Times that no clock has do no harm.
    let far = "{\"version\":1,\"members\":[{\"pool\":\"mail\",\"member\":\"mx1\",\
         \"address\":\"127.0.0.1:1\",\"state\":\"draining\",\"since\":18446744073709551615,\
         \"until\":18446744073709551615,\"seen\":18446744073709551615}]}";
    let pools = pools(&one());
    let member = &pools.iter().next().unwrap().members()[0];
    let mut book = Book::parse(far.as_bytes()).unwrap();
    assert!(book.find("mail", member, now()).is_some());
}

#[test]
fn a_name_means_one_member_or_is_refused() {
    let pools = pools(&two());
    let chosen = |name: &str| {
        let chosen = select(&pools, name).map_err(|refusal| refusal.to_string())?;
        Ok::<_, String>(format!("{}|{}", chosen.pool, chosen.members[0].name()))
    };
    for (name, found) in [
        ("mx2", "mail|mx2"),
        ("s", "sub/x|s"),
        ("mail/mx1", "mail|mx1"),
        ("sub/x/mx1", "sub/x|mx1"),
    ] {
        assert_eq!(chosen(name).as_deref(), Ok(found));
    }
    let ambiguous = chosen("mx1").unwrap_err();
    assert!(
        ambiguous.contains("mail/mx1, sub/x/mx1; write POOL/MEMBER"),
        "{ambiguous}"
    );
    for name in ["mx3", "mail/s", "mail/", "/mx1", "mail", ""] {
        let refused = chosen(name).unwrap_err();
        assert!(refused.contains("there is no member"), "{refused}");
    }
}

#[test]
fn a_drain_is_over_at_its_deadline_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Arc::new(Folder::open(dir.path()).unwrap());
    let bus = Bus::null();
    let orders = Orders::read(Some(folder), bus.clone());
    let pools = pools(&one());
    let member = &pools.iter().next().unwrap().members()[0];
    member.set_administration(order(Administration::Draining, now(), Some(DAY)));
    let left = orders.enforce(&pools, now() + DAY - Duration::from_secs(1));
    assert_eq!(left, Duration::from_secs(1));
    assert_eq!(member.administration(), Administration::Draining);
    assert_eq!(orders.enforce(&pools, now() + DAY), LOOK);
    assert_eq!(member.administration(), Administration::Drained);
    assert_eq!(bus.recent().len(), 1);
    assert!(dir.path().join(FILE).exists());
    // Said once.
    orders.enforce(&pools, now() + DAY + DAY);
    assert_eq!(bus.recent().len(), 1);
}

#[test]
fn a_corrupt_file_is_set_aside_and_all_are_enabled() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Arc::new(Folder::open(dir.path()).unwrap());
    folder.write(FILE, b"not at all").unwrap();
    let orders = Orders::read(Some(Arc::clone(&folder)), Bus::null());
    let pools = pools(&one());
    orders.restore(&pools);
    let member = &pools.iter().next().unwrap().members()[0];
    assert_eq!(member.administration(), Administration::Enabled);
    assert_eq!(folder.read(FILE, FILE_LIMIT).unwrap(), None);
    let aside = std::fs::read(dir.path().join("members.json.corrupt")).unwrap();
    assert_eq!(aside, b"not at all");
}

#[test]
fn what_is_said_of_a_host_holds_for_addresses_to_come_and_a_word_on_one_of_them_is_stronger() {
    let mut with_host = one();
    with_host.pools[0].hosts = vec![HostPlan {
        name: "mx.example:25".to_owned(),
        host: "mx.example".to_owned(),
        port: 25,
        after: 2,
        ratio: 1,
        priority: 0,
        limits: ConnectionLimits::default(),
    }];
    let at = |last: &[u8]| {
        let mut plan = with_host.clone();
        plan.pools[0].settle(&|_| last.iter().map(|last| [192, 0, 2, *last].into()).collect());
        pools(&plan)
    };
    let (before, after) = (at(&[1, 2]), at(&[2, 3]));
    let host = select(&before, "mail/mx.example:25").unwrap();
    assert_eq!(
        (host.members.len(), host.host.as_deref()),
        (2, Some("mx.example:25"))
    );
    let own = select(&before, "mx.example:25/192.0.2.2").unwrap();
    assert_eq!((own.members.len(), own.host.as_deref()), (1, None));
    // Also before an address is known.
    assert!(
        select(&at(&[]), "mx.example:25")
            .unwrap()
            .members
            .is_empty()
    );

    let mut book = Book::default();
    let disabled = order(Administration::Disabled, now(), None);
    book.set(
        "mail",
        &own.members[0],
        order(Administration::Offline, now(), None),
        now(),
    );
    book.set_host("mail", "mx.example:25", disabled, now());
    book.set(
        "mail",
        &own.members[0],
        order(Administration::Enabled, now(), None),
        now(),
    );
    let mut book = Book::parse(&book.encode().unwrap()).unwrap();
    let members = after.iter().next().unwrap().members()[2..].to_vec();
    let states: Vec<_> = members
        .iter()
        .map(|member| book.find("mail", member, now()).map(|order| order.state))
        .collect();
    assert_eq!(
        states,
        [
            Some(Administration::Enabled),
            Some(Administration::Disabled)
        ]
    );
    book.set_host(
        "mail",
        "mx.example:25",
        order(Administration::Enabled, now(), None),
        now(),
    );
    assert_eq!(
        book,
        Book::parse(b"{\"version\":1,\"members\":[]}").unwrap()
    );
}
