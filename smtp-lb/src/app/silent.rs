//! Name servers that do not answer, told before mail waits for them.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;

use super::services::question_settings;
use crate::config::plan::{DnsPlan, Plan, SmtpProfilePlan};
use crate::config::{Finding, Place};
use crate::dns::{QuestionError, QuestionSettings, Questions, system_servers};

/// Whatever exists: that there is no such name is an answer, too.
const QUESTION: &str = "example.com";
/// For all servers together: they are asked side by side.
const PATIENCE: Duration = Duration::from_secs(3);

/// A warning at each profile that asks DNS, if no server answers. Blocks, for 3 s at most.
pub(super) fn warnings(plan: &Plan) -> Vec<Finding> {
    let asking = |profile: &&SmtpProfilePlan| profile.asks_dns();
    let asking: Vec<_> = plan.smtp_profiles.iter().filter(asking).collect();
    if asking.is_empty() {
        return Vec::new();
    }
    let Some((message, help)) = silence(&plan.dns) else {
        return Vec::new();
    };
    let finding = |profile: &&SmtpProfilePlan| Finding {
        place: Place {
            table: "smtp_profile",
            profile: profile.name.clone(),
            certificate_for: None,
            key: "name",
        },
        message: message.clone(),
        help: help.to_owned(),
    };
    asking.iter().map(finding).collect()
}

/// What is wrong, if no server answers.
fn silence(plan: &DnsPlan) -> Option<(String, &'static str)> {
    let (servers, help) = if plan.servers.is_empty() {
        let help =
            "write servers that do: `[dns] servers = [\"192.0.2.53\"]`, and see `smtp-lb dns test`";
        match system_servers() {
            Ok(servers) => (servers, help),
            Err(error) => return Some((format!("checks of it ask DNS: {error}"), help)),
        }
    } else {
        let help = "see to `[dns] servers`, by `smtp-lb dns test --config FILE`";
        (plan.servers.clone(), help)
    };
    let plan = plan.clone();
    let asked = servers.clone();
    // On a thread of its own: whoever asks may have a runtime around it.
    let heard = thread::spawn(move || ask(&plan, &asked)).join();
    let Ok(Ok(failures)) = heard else {
        return None;
    };
    let why = failures?;
    let list: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let message = format!(
        "checks of it ask DNS, and no name server answers ({}): {why}",
        list.join(", ")
    );
    Some((message, help))
}

/// Why none answers; `None`: one does.
fn ask(plan: &DnsPlan, servers: &[SocketAddr]) -> std::io::Result<Option<QuestionError>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answers = servers.iter().map(|server| async move {
        let settings = QuestionSettings {
            servers: vec![*server],
            timeout: plan.timeout.min(PATIENCE),
            ..question_settings(plan)
        };
        match Questions::new(&settings) {
            Ok(questions) => questions.a(QUESTION).await.err(),
            Err(_) => Some(QuestionError::Unreachable),
        }
    });
    let answers = runtime.block_on(join_all(answers));
    let mut why = Some(QuestionError::Unreachable);
    for failure in answers {
        match failure {
            Some(error) if !error.is_answer() => why = Some(error),
            _ => return Ok(None),
        }
    }
    Ok(why)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn servers_that_say_nothing_are_told_of_and_one_that_answers_is_enough() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let plan = |servers: Vec<SocketAddr>| DnsPlan {
            servers,
            timeout: Duration::from_secs(2),
            ..DnsPlan::default()
        };
        let (dead, alive) = (silent.local_addr().unwrap(), server.local_addr().unwrap());
        let (message, _) = silence(&plan(vec![dead])).unwrap();
        assert!(message.contains(&dead.to_string()), "{message}");
        // NXDOMAIN to whatever is asked.
        let thread = thread::spawn(move || {
            let mut datagram = [0; 512];
            let (length, from) = server.recv_from(&mut datagram).unwrap();
            datagram[2..4].copy_from_slice(&[0x81, 0x83]);
            server.send_to(&datagram[..length], from).unwrap();
        });
        assert_eq!(silence(&plan(vec![dead, alive])), None);
        thread.join().unwrap();
    }
}
