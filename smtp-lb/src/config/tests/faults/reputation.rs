//! `[reputation]`.

use super::{SOUND, says};

const FEED: &str = "\n[[reputation.policy]]\nname = \"p\"\n[firewall]\nreputation = \"p\"\n\
    [[reputation.feed]]\nname = \"f\"\ncategory = \"spam\"\nsource = \"/f\"\n";

fn feed(more: &str) -> String {
    format!("{SOUND}{FEED}{more}\n")
}

/// Line of what `feed` is given.
fn line(text: &str) -> usize {
    let whole = feed("#here");
    let at = whole.find("#here").unwrap();
    whole[..at].matches('\n').count() + 1 + text.matches('\n').count()
}

#[test]
fn settings_of_a_feed() {
    for (text, shown, message, help) in [
        (
            "interval = \"100ms\"",
            "\"100ms\"",
            "`100ms` is out of bounds",
            "write a duration from `\"1s\"` to `\"30d\"`",
        ),
        (
            "max_size = \"1TB\"",
            "\"1TB\"",
            "`1TB` is not a size",
            "write a whole number and one unit of KiB, MiB or GiB, as `\"64MiB\"`",
        ),
        (
            "max_size = \"2GiB\"",
            "\"2GiB\"",
            "`2GiB` is out of bounds",
            "write a size from `\"1KiB\"` to `\"1GiB\"`",
        ),
        (
            "proxy = \"proxy:3128\"",
            "\"proxy:3128\"",
            "`proxy` means nothing for a file",
            "leave it out, or write an `https://` URL as the source",
        ),
        (
            "public_key = \"RWx\"",
            "\"RWx\"",
            "that is no public key of minisign",
            "write the second line of the `.pub` file, 56 characters that begin with `RW`",
        ),
        (
            "prefix_column = \"bits\"",
            "\"bits\"",
            "`prefix_column` is for `format = \"csv\"`",
            "write that format, or leave it out",
        ),
        (
            "list = \"allow\"",
            "\"spam\"",
            "allow entries have no category",
            "leave it out, or write `list = \"block\"`",
        ),
    ] {
        let at = if shown == "\"spam\"" {
            line("") - 2
        } else {
            line("")
        };
        says(&feed(text), &[(at, shown, message, help)]);
    }
}

#[test]
fn sources() {
    for (source, help) in [
        (
            "http://example.org/list",
            "write an `https://` URL: what comes in the clear anybody may have written",
        ),
        ("list.txt", "write an absolute path or an `https://` URL"),
        (
            "https://",
            "write it as `\"https://feeds.example.org/list.txt\"`",
        ),
        (
            "https://me:secret@example.org/",
            "write it as `\"https://feeds.example.org/list.txt\"`",
        ),
    ] {
        let text = feed("").replace("\"/f\"", &format!("\"{source}\""));
        let message = format!("`{source}` is no source");
        says(
            &text,
            &[(line("") - 1, &format!("\"{source}\""), &message, help)],
        );
    }
}

#[test]
fn a_feed_without_a_category_and_a_category_twice() {
    says(
        &feed("").replace("category = \"spam\"\n", ""),
        &[(
            line("") - 3,
            "\"f\"",
            "the feed `f` has no category",
            "add `category = \"spam_sources\"` with what its entries are listed for",
        )],
    );
    let twice = "[[reputation.policy]]\nname = \"q\"\ncategory = [{ name = \"spam\", action = \
        \"drop\" }, { name = \"spam\", action = \"accept\" }]";
    says(
        &feed(twice),
        &[(
            line("\n\n"),
            "\"spam\"",
            "the category `spam` is named twice",
            "name it once",
        )],
    );
    let text = feed("").replace("reputation = \"p\"", "reputation = \"pp\"");
    says(
        &text,
        &[(
            line("") - 5,
            "\"pp\"",
            "there is no reputation policy named `pp`",
            "write one of `p`",
        )],
    );
}

#[test]
fn feedback_is_written_once_and_for_something() {
    let table = "[[reputation.feedback]]\ncategory = \"abuse\"\n";
    says(
        &feed(table),
        &[(
            line("\n"),
            "\"abuse\"",
            "nothing leads into this category",
            "add `on = [\"tls-garbage\"]` with what clients are listed for",
        )],
    );
    let twice = format!("{table}on = [\"tls-garbage\"]\n{table}on = [\"tls-garbage\"]");
    says(
        &feed(&twice),
        &[(
            line("\n\n\n\n\n"),
            "\"tls-garbage\"",
            "clients are listed for this already",
            "write it once, in one table",
        )],
    );
    let long = format!("{table}on = [\"tls-garbage\"]\nduration = \"31d\"");
    says(
        &feed(&long),
        &[(
            line("\n\n\n"),
            "\"31d\"",
            "`31d` is out of bounds",
            "write a duration from `\"1s\"` to `\"30d\"`",
        )],
    );
}
