//! `[[firewall.flood_profile]]` and `flood`.

use super::says;

#[test]
fn profiles() {
    let profile = |keys: &str| format!("[[firewall.flood_profile]]\nname = \"f\"\n{keys}\n");
    for (keys, line, shown, message, help) in [
        (
            "log = false",
            2,
            "\"f\"",
            "the flood profile has no rate",
            "write `source_rate`, `network_rate` or both",
        ),
        (
            "source_rate = 1\nnetwork_burst = 5",
            4,
            "5",
            "a burst without `network_rate` means nothing",
            "write `network_rate`, or leave it out",
        ),
        (
            "source_burst = 5",
            3,
            "5",
            "a burst without `source_rate` means nothing",
            "write `source_rate`, or leave it out",
        ),
    ] {
        says(&profile(keys), &[(line, shown, message, help)]);
    }
}

#[test]
fn marks_of_protection() {
    let server = |keys: &str| {
        format!(
            "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n{keys}\n\
             [[pool]]\nname = \"p\"\nmembers = [\"10.1.0.2:25\"]\n"
        )
    };
    let fault = |line, shown| {
        [(
            line,
            shown,
            "a mark means nothing unless `syn_protection` is `auto`",
            "write `syn_protection = \"auto\"`, or leave it out",
        )]
    };
    says(&server("syn_rate = 7"), &fault(5, "7"));
    says(
        &server("syn_protection = \"always\"\nsyn_accept_queue = 60"),
        &fault(6, "60"),
    );
    says(
        &server("syn_protection = \"off\"\nsyn_rate = 8"),
        &fault(6, "8"),
    );
}

#[test]
fn of_virtual_servers() {
    let server = |keys: &str| {
        format!(
            "[[virtual_server]]\nname = \"v\"\nlisten = [\"192.0.2.1:25\"]\npool = \"p\"\n{keys}\n\
             [[pool]]\nname = \"p\"\nmembers = [\"10.1.0.2:25\"]\n"
        )
    };
    says(
        &server("flood = \"f\""),
        &[(
            5,
            "\"f\"",
            "there is no firewall flood profile named `f`",
            "add it as `[[firewall.flood_profile]]` with `name = \"f\"`",
        )],
    );
}
