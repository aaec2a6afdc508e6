//! `smtp-lb reputation …`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use super::client::ask;
use super::error::CliError;
use super::escape;
use super::output::{Output, duration, moment, table};
use crate::admin::api::{
    AddRequest, AddedEntry, AddedList, AddressQuestion, AddressStatus, FeedState, FeedStatus,
    RefreshRequest, Refreshed, RemoveRequest, ReputationStatus,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show feeds and categories: what is in force of them, and what it has hit.
    Status,
    /// Show who lists an address, why, and what becomes of its packets.
    Show {
        /// The address.
        address: IpAddr,
    },
    /// Look at the sources of feeds now.
    Refresh {
        /// Name of a feed; without it all of them.
        feed: Option<String>,
        /// Take it however much it has grown or shrunk.
        #[arg(long)]
        force: bool,
    },
    /// List what was added for a time.
    Added,
    /// List an address or network for a time.
    Add {
        /// Address or network; IPv4 /8 or longer, IPv6 /19 or longer.
        #[arg(value_name = "ADDRESS/NET")]
        network: String,
        /// Category that a feed or policy of the configuration names.
        #[arg(long)]
        category: String,
        /// How long, as 30s, 10m, 1h or 7d; at most 365d.
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        ttl: u64,
        /// Why, for people; 96 octets of it are kept.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Take away what was added.
    Remove {
        /// Address or network, as it was added.
        #[arg(value_name = "ADDRESS/NET")]
        network: String,
    },
}

/// A whole number and a unit.
fn seconds(text: &str) -> Result<u64, String> {
    let bad = || "write a whole number and one unit of s, m, h or d, as 1h".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(scale).ok_or_else(bad)
}

pub(super) fn reputation(command: Command, socket: &Path, out: Output) -> Result<(), CliError> {
    match command {
        Command::Status => {
            let status = ask(socket, |client| async move { client.reputation().await })?;
            out.show(&status, status_text)
        }
        Command::Show { address } => {
            let question = AddressQuestion { address };
            let shown = ask(socket, |client| async move {
                client.reputation_show(&question).await
            })?;
            out.show(&shown, address_text)
        }
        Command::Refresh { feed, force } => {
            let request = RefreshRequest { feed, force };
            let done = ask(socket, |client| async move {
                client.reputation_refresh(&request).await
            })?;
            out.show(&done, |done: &Refreshed| feeds_text(&done.feeds))
        }
        Command::Added => {
            let list = ask(
                socket,
                |client| async move { client.reputation_added().await },
            )?;
            out.show(&list, |list: &AddedList| entries_text(&list.entries))
        }
        Command::Add {
            network,
            category,
            ttl,
            reason,
        } => {
            let request = AddRequest {
                network,
                category,
                ttl_seconds: ttl,
                reason,
            };
            let done = ask(socket, |client| async move {
                client.reputation_add(&request).await
            })?;
            out.show(&done, |done: &AddedList| entries_text(&done.entries))
        }
        Command::Remove { network } => {
            let request = RemoveRequest { network };
            let done = ask(socket, |client| async move {
                client.reputation_remove(&request).await
            })?;
            out.show(&done, |done: &AddedList| entries_text(&done.entries))
        }
    }
}

fn status_text(status: &ReputationStatus) -> String {
    if !status.used {
        return "no policy asks for reputation\n".to_owned();
    }
    let categories = status.categories.iter().map(|category| {
        let name = match category.name.as_str() {
            "" => "(allowed)",
            name => name,
        };
        vec![
            name.to_owned(),
            category.hits.packets.to_string(),
            category.hits.dropped.to_string(),
            category.hits.rejected.to_string(),
            category.hits.alone.to_string(),
        ]
    });
    let headings = ["CATEGORY", "#PACKETS", "#DROPPED", "#REJECTED", "#ALONE"];
    let categories = table(&headings, categories);
    let (image, added) = (status.image, status.added);
    let mut text = feeds_text(&status.feeds);
    if !categories.is_empty() {
        text = format!("{text}\n{categories}");
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\nimage {}: {} KiB, {} sets, made in {} ms",
        image.generation,
        image.bytes / 1024,
        image.sets,
        image.millis
    );
    let _ = writeln!(
        text,
        "added entries: {} of {}, {} packets dropped, {} rejected; refused: {}, no room: {}, lost: {}",
        added.entries,
        added.most,
        added.hits.dropped,
        added.hits.rejected,
        added.refused,
        added.full,
        added.lost
    );
    text
}

fn feeds_text(feeds: &[FeedStatus]) -> String {
    let headings = [
        "FEED",
        "STATE",
        "#IPV4",
        "#IPV6",
        "#BAD",
        "TAKEN",
        "#PACKETS",
        "#DROPPED",
        "#REJECTED",
        "#ALONE",
        "SOURCE",
    ];
    let rows = feeds.iter().map(|feed| {
        vec![
            feed.name.clone(),
            feed.state.to_string(),
            feed.v4.to_string(),
            feed.v6.to_string(),
            feed.bad_lines.to_string(),
            feed.taken.map_or_else(String::new, moment),
            feed.hits.packets.to_string(),
            feed.hits.dropped.to_string(),
            feed.hits.rejected.to_string(),
            feed.hits.alone.to_string(),
            feed.source.clone(),
        ]
    });
    let mut text = table(&headings, rows);
    for feed in feeds {
        let error = feed
            .last_error
            .iter()
            .filter(|_| feed.state == FeedState::Failed);
        for said in error.chain(&feed.first_bad) {
            let _ = writeln!(text, "{}: {}", escape::line(&feed.name), escape::line(said));
        }
    }
    text
}

fn entries_text(entries: &[AddedEntry]) -> String {
    let headings = ["NETWORK", "CATEGORY", "LEFT", "SINCE", "BY", "REASON"];
    let rows = entries.iter().map(|entry| {
        vec![
            entry.network.clone(),
            entry.category.clone(),
            duration(entry.left),
            moment(entry.since),
            entry.origin.to_string(),
            entry.reason.clone(),
        ]
    });
    table(&headings, rows)
}

fn address_text(shown: &AddressStatus) -> String {
    let mut text = format!("{}\n", shown.address);
    if shown.trusted {
        text.push_str("trusted: of the failsafe list or allowed by the configuration\n");
    }
    if shown.feeds.is_empty() && shown.added.is_empty() {
        text.push_str("nobody lists it\n");
    }
    for member in &shown.feeds {
        let feed = escape::line(&member.feed);
        let _ = match member.category.as_str() {
            "" => writeln!(text, "feed {feed} allows it"),
            category => writeln!(text, "feed {feed} lists it as {}", escape::line(category)),
        };
    }
    for entry in &shown.added {
        let _ = writeln!(
            text,
            "added as {} by {}, {} to go, in {}: {}",
            escape::line(&entry.category),
            entry.origin,
            duration(entry.left),
            escape::line(&entry.network),
            escape::line(&entry.reason)
        );
    }
    let rows = shown.verdicts.iter().map(|verdict| {
        vec![
            verdict.context.clone(),
            verdict.action.clone(),
            verdict.by.clone().unwrap_or_default(),
        ]
    });
    format!("{text}\n{}", table(&["CONTEXT", "ACTION", "BY"], rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_have_units() {
        for (text, number) in [("30s", 30), ("10m", 600), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(number));
        }
        for text in ["", "5", "h", "1.5h", "-1s", "1w", "99999999999999999999d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_shown_with_its_reasons() {
        let shown = AddressStatus {
            address: "192.0.2.7".parse().unwrap(),
            trusted: false,
            feeds: vec![crate::reputation::sets::Member {
                feed: "drop".into(),
                category: "spam".into(),
            }],
            added: vec![AddedEntry {
                network: "192.0.2.7/32".into(),
                category: "bots".into(),
                left: 61,
                since: 0,
                origin: crate::reputation::status::Origin::Proxy,
                reason: "evil\u{1b}".into(),
            }],
            verdicts: vec![],
        };
        assert_eq!(
            address_text(&shown),
            "192.0.2.7\nfeed drop lists it as spam\n\
             added as bots by proxy, 1m 1s to go, in 192.0.2.7/32: evil\\u{1b}\n\n"
        );
    }
}
