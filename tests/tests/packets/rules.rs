//! Contexts and their actions, and everything that a rule can ask for.

mod contexts;
mod matches;
mod rate;
mod scale;
mod staged;

use smtp_lb::config::plan::Plan;

use super::stand::Bench;

/// Holds each frame against what is written beside it, in the kernel and in userspace.
fn hold(plan: &Plan, rows: &[(String, Vec<u8>, String)]) {
    let mut bench = Bench::new(plan);
    let mut wrong = Vec::new();
    for (name, octets, said) in rows {
        let userspace = bench.userspace(octets);
        // Received = Σ verdicts = Σ rules: checked behind each.
        let kernel = bench.kernel(octets);
        if kernel != *said || userspace != *said {
            wrong.push(format!(
                "{name}:\n  table     {said}\n  kernel    {kernel}\n  userspace {userspace}"
            ));
        }
    }
    let (wrong, all) = (wrong.join("\n"), rows.len());
    assert!(wrong.is_empty(), "of {all} rows:\n{wrong}");
}
