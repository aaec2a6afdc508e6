use smtp_lb::config::plan::{Action, FirewallMode};
use smtp_lb::firewall::{Slots, compile};

use super::{plans, stand};

#[test]
fn loads() {
    let mut plan = plans::empty(FirewallMode::Firewall);
    let policy = plans::policy(
        &mut plan,
        "p",
        vec![plans::rule("a", Action::Accept, &["10.0.0.0/8"])],
    );
    plans::server(&mut plan, "vs", &["192.0.2.1:25"], Some(policy));
    let compiled = compile(&plan, Slots::default(), 1).expect("compiles");
    let mut stand = stand::load();
    stand.image(&compiled).expect("image");
    let frame = [0u8; 64];
    assert_eq!(stand.run(&frame).expect("runs"), 2);
    println!("{:?}", stand.counters(&compiled));
    println!("{:?}", stand.time(&frame, 1000000));
}
