//! What is remembered: one suite for both back ends, and what each must bear.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use smtp_lb::store::{
    Count, Embedded, EmbeddedSettings, Entry, Key, OpenError, Store, StoreError, Valkey,
    ValkeySettings,
};
use smtp_lb_tests::certs::Certs;
use smtp_lb_tests::folder::temporary;
use smtp_lb_tests::redis::Redis;
use smtp_lb_tests::wait::{LONG, until};
use tokio::runtime::Runtime;

const NOW: u64 = 1_800_000_000;

fn entry(expires: u64, passes: u32) -> Entry {
    Entry {
        first: NOW,
        last: NOW + 1,
        expires,
        passes,
    }
}

fn key(text: &str) -> Key {
    Key::new(text)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What every store does. The store is empty.
async fn suite(store: &impl Store) {
    // Entries, until they expire.
    let (a, long) = (key("g:a*[b]?"), key(&"long ".repeat(100)));
    assert_eq!(store.get(&a, NOW).await, Ok(None));
    for (key, passes) in [(&a, 0), (&long, 1), (&a, 2)] {
        store.put(key, entry(NOW + 100, passes), NOW).await.unwrap();
    }
    assert_eq!(store.get(&a, NOW + 99).await, Ok(Some(entry(NOW + 100, 2))));
    assert_eq!(store.get(&a, NOW + 100).await, Ok(None));
    assert_eq!(store.get(&long, NOW).await, Ok(Some(entry(NOW + 100, 1))));
    assert_eq!(store.remove(&a).await, Ok(true));
    assert_eq!(store.remove(&a).await, Ok(false));
    assert_eq!(store.get(&a, NOW).await, Ok(None));
    store.put(&a, entry(NOW + 100, 0), NOW).await.unwrap();

    // Lists of entries, by how they begin.
    for at in 0..50 {
        let expires = if at % 2 == 0 { NOW + 100 } else { NOW + 10 };
        store
            .put(&key(&format!("h:{at}")), entry(expires, at), NOW)
            .await
            .unwrap();
    }
    let listed = |begins, most, now| async move {
        let mut list = store.list(begins, most, now).await.unwrap();
        list.sort_by_key(|(key, _)| key.clone());
        list
    };
    assert_eq!(
        listed("g:a*[", 10, NOW).await,
        [(a.clone(), entry(NOW + 100, 0))]
    );
    assert_eq!(listed("g:?", 10, NOW).await, []);
    assert_eq!(listed("h:", 100, NOW).await.len(), 50);
    assert_eq!(listed("h:", 100, NOW + 10).await.len(), 25);
    assert_eq!(listed("h:", 7, NOW).await.len(), 7);
    assert_eq!(listed("h:", 0, NOW).await.len(), 0);

    // Counts, a window after the other.
    let begin = NOW - NOW % 60;
    let count = |amount, now| async move { store.count(&key("c"), amount, 60, now).await.unwrap() };
    assert_eq!(
        count(1, begin).await,
        Count {
            before: 0,
            within: 1
        }
    );
    assert_eq!(
        count(3, begin + 59).await,
        Count {
            before: 0,
            within: 4
        }
    );
    assert_eq!(
        count(2, begin + 60).await,
        Count {
            before: 4,
            within: 2
        }
    );
    assert_eq!(
        count(0, begin + 60).await,
        Count {
            before: 4,
            within: 2
        }
    );
    assert_eq!(
        count(1, begin + 180).await,
        Count {
            before: 0,
            within: 1
        }
    );
    let other = store.count(&key("d"), 5, 3600, NOW).await.unwrap();
    assert_eq!(
        other,
        Count {
            before: 0,
            within: 5
        }
    );

    // Lists of what happened, the newest first.
    assert_eq!(store.newest("v", 10).await, Ok(vec![]));
    for at in 0..30_u8 {
        store.push("v", &[at, 0, 255], 20).await.unwrap();
    }
    let newest = store.newest("v", 3).await.unwrap();
    assert_eq!(newest, [29, 28, 27_u8].map(|at| vec![at, 0, 255]));
    assert_eq!(store.newest("v", 100).await.unwrap().len(), 20);
    assert_eq!(store.newest("v", 0).await.unwrap().len(), 0);
    store.push("v", b"last", 0).await.unwrap();
    assert_eq!(store.newest("v", 100).await.unwrap().len(), 0);
}

/// All of 8 threads' counts are counted.
fn counts_exactly(store: &impl Store) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                runtime().block_on(async {
                    for _ in 0..50 {
                        store.count(&key("exact"), 1, 3600, NOW).await.unwrap();
                    }
                });
            });
        }
    });
    let count = runtime().block_on(store.count(&key("exact"), 0, 3600, NOW));
    assert_eq!(count.unwrap().within, 400);
}

fn at(file: &Path) -> EmbeddedSettings {
    EmbeddedSettings {
        file: Some(file.to_owned()),
        ..EmbeddedSettings::default()
    }
}

#[test]
fn the_embedded_store_passes_the_suite() {
    let folder = temporary("store").unwrap();
    let memory = Embedded::open(&EmbeddedSettings::default()).unwrap();
    runtime().block_on(suite(&memory));
    let store = Embedded::open(&at(&folder.path().join("store.redb"))).unwrap();
    runtime().block_on(suite(&store));
    counts_exactly(&store);
}

fn valkey(redis: &Redis, runtime: &Runtime) -> Valkey {
    let settings = ValkeySettings {
        url: redis.url(),
        authorities: None,
        username: None,
        password: None,
        prefix: "smtp-lb".to_owned(),
        timeout: Duration::from_secs(2),
    };
    Valkey::new(&settings, runtime.handle()).unwrap()
}

#[test]
fn the_shared_store_passes_the_suite_and_comes_back_when_its_server_does() {
    let mut redis = Redis::start().unwrap();
    // It keeps the connection, whoever asks.
    let keeper = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime().block_on(async {
        let store = valkey(&redis, &keeper);
        suite(&store).await;
        // Another host sees what this one has put.
        let other = valkey(&redis, &keeper);
        store
            .put(&key("both"), entry(NOW + 100, 3), NOW)
            .await
            .unwrap();
        assert_eq!(
            other.get(&key("both"), NOW).await,
            Ok(Some(entry(NOW + 100, 3)))
        );

        redis.stop().unwrap();
        let begin = Instant::now();
        assert_eq!(store.get(&key("both"), NOW).await, Err(StoreError::Away));
        assert_eq!(
            store.put(&key("both"), entry(NOW, 0), NOW).await,
            Err(StoreError::Away)
        );
        assert_eq!(
            store.count(&key("c"), 1, 60, NOW).await,
            Err(StoreError::Away)
        );
        assert_eq!(store.push("v", b"x", 5).await, Err(StoreError::Away));
        assert_eq!(store.list("", 5, NOW).await, Err(StoreError::Away));
        // Five operations of at most 2 s, on a machine with much to do.
        assert!(begin.elapsed() < LONG);

        redis.again().unwrap();
        let begin = Instant::now();
        while store.get(&key("both"), NOW).await.is_err() {
            assert!(begin.elapsed() < LONG, "it does not come back");
        }
        store
            .put(&key("both"), entry(NOW + 100, 4), NOW)
            .await
            .unwrap();
        assert_eq!(
            store.get(&key("both"), NOW).await,
            Ok(Some(entry(NOW + 100, 4)))
        );
    });
    counts_exactly(&valkey(&redis, &keeper));
    let bad = ValkeySettings {
        url: "http://u:secret@host".to_owned(),
        authorities: None,
        username: None,
        password: None,
        prefix: String::new(),
        timeout: LONG,
    };
    assert!(Valkey::new(&bad, keeper.handle()).is_err());
}

#[test]
fn the_shared_store_is_reached_within_tls_by_whom_knows_it() {
    let (certs, others) = (Certs::new().unwrap(), Certs::new().unwrap());
    let leaf = certs.server("valkey", &["127.0.0.1"]).unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let _redis = Redis::start_tls(port, &leaf, "hunter2").unwrap();
    let keeper = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let reach = |host: &str, scheme: &str, ca: &Certs, password: &str| {
        let settings = ValkeySettings {
            url: format!("{scheme}://{host}:{port}/0"),
            authorities: Some(fs::read(ca.ca()).unwrap()),
            username: None,
            password: Some(password.to_owned().into()),
            prefix: "smtp-lb".to_owned(),
            timeout: Duration::from_secs(2),
        };
        Valkey::new(&settings, keeper.handle()).unwrap()
    };
    runtime().block_on(async {
        suite(&reach("127.0.0.1", "rediss", &certs, "hunter2")).await;
        let get = |store: Valkey| async move { store.get(&key("a"), NOW).await };
        // Another's certificate, another name, no TLS, another password: nothing of it is heard.
        for (host, scheme, ca, password) in [
            ("127.0.0.1", "rediss", &others, "hunter2"),
            ("localhost", "rediss", &certs, "hunter2"),
            ("127.0.0.1", "redis", &certs, "hunter2"),
            ("127.0.0.1", "rediss", &certs, "wrong"),
        ] {
            let found = get(reach(host, scheme, ca, password)).await;
            assert!(found.is_err(), "{scheme}://{host}: {found:?}");
        }
    });
}

#[test]
fn a_store_survives_its_daemon_and_is_opened_by_one_at_a_time() {
    let folder = temporary("store").unwrap();
    let file = folder.path().join("store.redb");
    let runtime = runtime();
    let store = Embedded::open(&at(&file)).unwrap();
    runtime.block_on(async {
        for number in 0..1000 {
            let expires = if number % 2 == 0 { NOW + 100 } else { NOW + 10 };
            store
                .put(&key(&number.to_string()), entry(expires, number), NOW)
                .await
                .unwrap();
        }
        store.remove(&key("2")).await.unwrap();
    });
    assert!(matches!(
        Embedded::open(&at(&file)),
        Err(OpenError::Taken(_))
    ));
    drop(store);
    let store = Embedded::open(&at(&file)).unwrap();
    assert_eq!((store.status().entries, store.status().set_aside), (999, 0));
    runtime.block_on(async {
        assert_eq!(
            store.get(&key("4"), NOW).await,
            Ok(Some(entry(NOW + 100, 4)))
        );
        assert_eq!(store.get(&key("2"), NOW).await, Ok(None));
    });
    drop(store);
    // Opened with less room, it keeps what expires last, and the file does so too.
    let small = EmbeddedSettings {
        entries: 160,
        ..at(&file)
    };
    let store = Embedded::open(&small).unwrap();
    let kept = store.status().entries;
    assert!(kept <= 160 && store.status().evicted == 999 - kept as u64);
    drop(store);
    assert_eq!(Embedded::open(&at(&file)).unwrap().status().entries, kept);
}

#[test]
fn what_has_expired_is_swept_away_by_itself() {
    let store = Embedded::open(&EmbeddedSettings::default()).unwrap();
    let runtime = runtime();
    runtime.block_on(async {
        for number in 0..100 {
            store
                .put(&key(&number.to_string()), entry(NOW + 10, 0), NOW)
                .await
                .unwrap();
        }
        store.get(&key("0"), NOW + 10).await.unwrap();
    });
    // A shard of 16 every second: the first of them is enough to see it.
    until("a sweep", LONG, || {
        Ok((store.status().entries < 100).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_store_that_nobody_uses_sleeps() {
    let folder = temporary("store").unwrap();
    let store = Embedded::open(&at(&folder.path().join("store.redb"))).unwrap();
    let idles = |store: &Embedded| {
        until("sleep", LONG, || Ok(store.status().idle.then_some(()))).unwrap();
    };
    idles(&store);
    let runtime = runtime();
    // Each wakes it, and is written.
    for round in 1..=2_u32 {
        let now = NOW + u64::from(round);
        let key = key("a");
        let put = store.put(&key, entry(NOW + 100, round), now);
        runtime.block_on(put).unwrap();
        until("a batch", LONG, || {
            Ok((store.status().batches >= u64::from(round)).then_some(()))
        })
        .unwrap();
        if round == 1 {
            // All shards are swept once more before that.
            idles(&store);
        }
    }
    drop(store);
    let store = Embedded::open(&at(&folder.path().join("store.redb"))).unwrap();
    let found = runtime.block_on(store.get(&key("a"), NOW)).unwrap();
    assert_eq!(found, Some(entry(NOW + 100, 2)));
}

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "run by another test"]
fn writes_until_it_is_killed() {
    let Some(file) = std::env::var_os("SMTP_LB_TEST_STORE") else {
        return;
    };
    let store = Embedded::open(&at(Path::new(&file))).unwrap();
    let status = store.status();
    println!("opened {} {}", status.entries, status.set_aside);
    runtime().block_on(async {
        for number in 0.. {
            let entry = entry(u64::from(u32::MAX), number);
            store
                .put(&key(&(number % 5000).to_string()), entry, NOW)
                .await
                .unwrap();
            if number % 100 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
}

#[test]
fn after_kill_9_a_store_opens_with_what_it_had() {
    let folder = temporary("store").unwrap();
    let file = folder.path().join("store.redb");
    let mut last = 0;
    for round in 0_u64..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::writes_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env("SMTP_LB_TEST_STORE", &file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("a file", LONG, || Ok(file.exists().then_some(()))).unwrap();
        std::thread::sleep(Duration::from_millis(300 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Embedded::open(&at(&file)).unwrap();
        let status = store.status();
        assert_eq!(status.set_aside, 0, "round {round}");
        assert!(
            status.entries >= last,
            "round {round}: {} of {last}",
            status.entries
        );
        last = status.entries;
    }
    assert!(last > 0);
}

#[test]
fn a_store_that_is_cut_or_broken_anywhere_opens_again() {
    let folder = temporary("store").unwrap();
    let file = folder.path().join("store.redb");
    let runtime = runtime();
    let store = Embedded::open(&at(&file)).unwrap();
    runtime.block_on(async {
        for number in 0..2000 {
            store
                .put(
                    &key(&format!("some text {number}")),
                    entry(NOW + 100, number),
                    NOW,
                )
                .await
                .unwrap();
        }
    });
    drop(store);
    let whole = fs::read(&file).unwrap();
    let cuts = (0..24).map(|at| whole.len() * at / 24).chain([
        1,
        7,
        8,
        63,
        64,
        320,
        4095,
        4096,
        whole.len() - 1,
    ]);
    let cut = cuts.map(|at| whole[..at].to_vec());
    let spots = (0..24)
        .map(|at| whole.len() * at / 24 + at)
        .chain([0, 9, 20, 70, 130]);
    let broken = spots.map(|at| {
        let mut broken = whole.clone();
        let end = (at + 40).min(broken.len());
        broken[at..end].iter_mut().for_each(|octet| *octet ^= 0x5a);
        broken
    });
    let (mut recovered, mut aside) = (0, 0);
    for (case, octets) in cut.chain(broken).enumerate() {
        fs::write(&file, &octets).unwrap();
        let store = Embedded::open(&at(&file)).unwrap_or_else(|error| panic!("{case}: {error:?}"));
        let status = store.status();
        match (status.set_aside, status.entries) {
            (0, 0 | 2000) => recovered += 1,
            (1, 0) => aside += 1,
            other => panic!("case {case}: {other:?}"),
        }
        // Whatever it was, it works.
        runtime
            .block_on(store.put(&key("new"), entry(NOW + 100, 0), NOW))
            .unwrap();
        assert!(
            runtime
                .block_on(store.get(&key("new"), NOW))
                .unwrap()
                .is_some()
        );
        drop(store);
        let again = Embedded::open(&at(&file)).unwrap().status();
        assert_eq!(
            (again.entries, again.set_aside),
            (status.entries + 1, 0),
            "case {case}"
        );
    }
    assert!(recovered > 0 && aside > 0, "{recovered} {aside}");
    assert!(folder.path().join("store.redb.broken").exists());
}

/// Figures for `bench/security.md`: `cargo nextest run --release -p smtp-lb-tests --run-ignored only
/// --no-capture a_million`.
#[test]
#[ignore = "takes a minute, and prints figures"]
fn a_million_triplets() {
    const MANY: u32 = 1_000_000;
    let folder = temporary("store").unwrap();
    let file = folder.path().join("store.redb");
    let triplet = |number: u32| {
        let [_, a, b, c] = number.wrapping_mul(2_654_435_761).to_be_bytes();
        key(&format!(
            "t:{a}.{b}.{c}.0/24 sender-{number}@mail{}.example.com recipient{}@example.org",
            number % 1000,
            number % 500
        ))
    };
    let memory = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1024
    };
    let percentile = |times: &mut Vec<Duration>, of: f64| {
        times.sort_unstable();
        #[allow(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss
        )]
        let at = (times.len() as f64 * of) as usize;
        times[at.min(times.len() - 1)]
    };
    let runtime = runtime();
    let before = memory();
    let store = Embedded::open(&at(&file)).unwrap();
    let mut inserts = Vec::new();
    let mut lookups = Vec::new();
    runtime.block_on(async {
        for number in 0..MANY {
            let begin = Instant::now();
            store
                .put(&triplet(number), entry(NOW + 1000, 0), NOW)
                .await
                .unwrap();
            inserts.push(begin.elapsed());
        }
        for number in 0..MANY {
            let begin = Instant::now();
            assert!(store.get(&triplet(number), NOW).await.unwrap().is_some());
            lookups.push(begin.elapsed());
        }
    });
    for (what, times) in [("insert", &mut inserts), ("look-up", &mut lookups)] {
        println!(
            "{what}: p50 {:?}, p99 {:?}, p99.99 {:?}, longest {:?}",
            percentile(times, 0.5),
            percentile(times, 0.99),
            percentile(times, 0.9999),
            times[times.len() - 1]
        );
        assert!(percentile(times, 0.99) < Duration::from_millis(1));
    }
    assert_eq!(store.status().entries, MANY as usize);
    println!("memory: {} MiB more", memory() - before);
    let begin = Instant::now();
    drop(store);
    println!("written {:?} after the last insert", begin.elapsed());
    let size = fs::metadata(&file).unwrap().len();
    println!("on disk: {} MB", size / 1_000_000);
    let begin = Instant::now();
    let store = Embedded::open(&at(&file)).unwrap();
    println!("opened in {:?}", begin.elapsed());
    assert_eq!(store.status().entries, MANY as usize);
    assert!(size < 200_000_000);
}
