//! The SMTP probe: connect, greeting, EHLO (HELO if refused), what else is asked for, QUIT.

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::message::{self, Composed};
use super::secret::{HIDDEN, Octets, hide};
use super::transcript::Record;
use super::{Cause, Step, Subject, connect, encrypt, sasl, secret};
use crate::chance;
use crate::config::plan::{
    Mechanism, MonitorAuthPlan, MonitorMessagePlan, MonitorTlsPlan, ProxyVersion, SmtpMonitorPlan,
    Start,
};
use crate::smtp::reply::{Reply, ReplyParser};

/// For the reply to a QUIT that is said only out of courtesy, and for the end of TLS.
const COURTESY: Duration = Duration::from_secs(1);

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Who logs in, read anew for each probe.
struct Credential {
    mechanism: Mechanism,
    user: Octets,
    password: Octets,
}

/// What is ours, made ready before anybody is bothered.
struct Ready {
    credential: Option<Credential>,
    message: Option<Composed>,
}

pub(super) async fn converse(
    subject: &Subject,
    plan: &SmtpMonitorPlan,
    proxy: Option<ProxyVersion>,
    record: &mut Record<'_>,
) -> Result<(), Cause> {
    record.step(Step::Prepare);
    if plan.domain.is_empty() || !plan.domain.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Cause::Domain);
    }
    let (mut hidden, mut ready) = (
        Vec::new(),
        Ready {
            credential: None,
            message: None,
        },
    );
    if let Some(auth) = &plan.auth {
        let credential = credential(auth).await?;
        hidden.push(credential.password.clone());
        hidden.push(octets(&sasl::encode(&credential.password)));
        hidden.push(octets(&sasl::plain(&credential.user, &credential.password)));
        ready.credential = Some(credential);
    }
    if let Some(message) = &plan.message {
        ready.message = Some(compose(message, &plan.domain).await?);
    }

    record.step(Step::Connect);
    let stream = connect::tcp(subject.address, plan.source, proxy).await?;
    let mut dialogue = Dialogue {
        stream: Box::new(stream),
        parser: ReplyParser::default(),
        record,
        hidden,
    };
    let talked = dialogue.talk(subject, plan, &ready).await;
    if let Err(Cause::Rejected(_) | Cause::NotOffered(_)) = talked {
        // RFC 5321 (3.1) would have us say so also after a 554.
        let _ = timeout(COURTESY, dialogue.exchange("QUIT")).await;
    }
    talked?;
    dialogue.command(Step::Quit, "QUIT", &[221]).await?;
    let _ = timeout(COURTESY, dialogue.stream.shutdown()).await;
    Ok(())
}

fn octets(text: &str) -> Octets {
    Octets::new(text.as_bytes().to_vec())
}

async fn credential(plan: &MonitorAuthPlan) -> Result<Credential, Cause> {
    let (user, _) = secret::setting(&plan.user).await?;
    Ok(Credential {
        mechanism: plan.mechanism,
        user,
        password: secret::secret(&plan.password).await?,
    })
}

async fn compose(plan: &MonitorMessagePlan, domain: &str) -> Result<Composed, Cause> {
    let body = match &plan.body {
        Some(path) => Some(secret::file(path, message::MAX_BODY).await?),
        None => None,
    };
    let now = jiff::Timestamp::now();
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(TimeZone::UTC));
    let date = date.unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned());
    let id = format!("{}.{:016x}", now.as_second(), chance::draw());
    let body = body.as_ref().map(|body| body.as_slice());
    message::compose(plan, body, (&date, &id, domain))
}

struct Dialogue<'a, 'r> {
    stream: Box<dyn Duplex>,
    parser: ReplyParser,
    record: &'a mut Record<'r>,
    /// What no transcript and no reason may hold.
    hidden: Vec<Octets>,
}

impl Dialogue<'_, '_> {
    /// All before QUIT.
    async fn talk(
        &mut self,
        subject: &Subject,
        plan: &SmtpMonitorPlan,
        ready: &Ready,
    ) -> Result<(), Cause> {
        if let Some(tls) = plan.tls.filter(|tls| tls.start == Start::Implicit) {
            self.encrypt(tls, subject).await?;
        }
        self.record.step(Step::Greeting);
        self.wanted(&[220]).await?;
        let simple = plan.tls.is_none_or(|tls| tls.start == Start::Implicit)
            && plan.auth.is_none()
            && ready.message.as_ref().is_none_or(|text| !text.eight_bit);
        let mut offer = self.hello(&plan.domain, simple).await?;
        if let Some(tls) = plan.tls.filter(|tls| tls.start == Start::StartTls) {
            offer.must(Step::StartTls, "STARTTLS", None, self.record)?;
            self.command(Step::StartTls, "STARTTLS", &[220]).await?;
            self.encrypt(tls, subject).await?;
            // RFC 3207 (4.2): what was offered in the clear counts no more.
            offer = self.hello(&plan.domain, false).await?;
        }
        if let Some(credential) = &ready.credential {
            self.log_in(credential, &offer).await?;
        }
        if let (Some(plan), Some(text)) = (&plan.message, &ready.message) {
            self.send(plan, text, &offer).await?;
        }
        Ok(())
    }

    async fn encrypt(&mut self, plan: MonitorTlsPlan, subject: &Subject) -> Result<(), Cause> {
        self.record.step(Step::Handshake);
        // For the time of the handshake; whoever fails in it does not go on.
        let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let stream = encrypt::handshake(stream, plan, subject).await?;
        let agreed = encrypt::agreed(stream.get_ref().1);
        self.record.hear(None, [agreed.as_bytes()]);
        self.stream = Box::new(stream);
        self.parser = ReplyParser::default();
        Ok(())
    }

    /// EHLO, or HELO where that is refused and nothing of EHLO is needed.
    async fn hello(&mut self, domain: &str, simple: bool) -> Result<Offer, Cause> {
        let said = self
            .command(Step::Ehlo, &format!("EHLO {domain}"), &[250])
            .await;
        match said {
            Ok(reply) => Ok(Offer::of(&reply)),
            Err(Cause::Rejected(reply)) if simple && reply.is_permanent() => {
                let hello = format!("HELO {domain}");
                self.command(Step::Helo, &hello, &[250]).await?;
                Ok(Offer::default())
            }
            Err(cause) => Err(cause),
        }
    }

    async fn log_in(&mut self, credential: &Credential, offer: &Offer) -> Result<(), Cause> {
        let (user, password) = (&credential.user, &credential.password);
        let mechanism = match credential.mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
        };
        offer.must(Step::Auth, "AUTH", Some(mechanism), self.record)?;
        match credential.mechanism {
            Mechanism::Plain => {
                let response = sasl::plain(user, password);
                let command = Octets::new(format!("AUTH PLAIN {}", *response).into_bytes());
                self.hidden_command(&command, "AUTH PLAIN ********", 235)
                    .await?;
            }
            Mechanism::Login => {
                self.command(Step::Auth, "AUTH LOGIN", &[334]).await?;
                let name = sasl::encode(user);
                self.command(Step::Auth, &name, &[334]).await?;
                let response = octets(&sasl::encode(password));
                self.hidden_command(&response, HIDDEN, 235).await?;
            }
            Mechanism::CramMd5 => {
                let reply = self.command(Step::Auth, "AUTH CRAM-MD5", &[334]).await?;
                let challenge = reply.lines.last().map_or(&[][..], Vec::as_slice);
                let response = octets(&sasl::cram_md5(user, password, challenge)?);
                self.hidden_command(&response, HIDDEN, 235).await?;
            }
        }
        Ok(())
    }

    async fn send(
        &mut self,
        plan: &MonitorMessagePlan,
        text: &Composed,
        offer: &Offer,
    ) -> Result<(), Cause> {
        let mut mail = format!("MAIL FROM:<{}>", plan.from);
        if text.eight_bit {
            offer.must(Step::Mail, "8BITMIME", None, self.record)?;
            mail.push_str(" BODY=8BITMIME");
        }
        self.command(Step::Mail, &mail, &[250]).await?;
        let rcpt = format!("RCPT TO:<{}>", plan.rcpt);
        self.command(Step::Rcpt, &rcpt, &[250, 251]).await?;
        self.command(Step::Data, "DATA", &[354]).await?;
        let shown = format!("({} octets) .", text.octets.len());
        self.record.say(Step::Message, shown);
        self.write(&text.octets).await?;
        self.wanted(&[250]).await.map(drop)
    }

    /// Says the command and waits for a reply, which must have one of the codes.
    async fn command(&mut self, step: Step, command: &str, codes: &[u16]) -> Result<Reply, Cause> {
        self.record.say(step, command.to_owned());
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.wanted(codes).await
    }

    /// The same for what is shown as `shown` only.
    async fn hidden_command(
        &mut self,
        command: &Octets,
        shown: &str,
        code: u16,
    ) -> Result<Reply, Cause> {
        self.record.say(Step::Auth, shown.to_owned());
        let line = Octets::new([command.as_slice(), b"\r\n"].concat());
        self.write(&line).await?;
        self.wanted(&[code]).await
    }

    async fn exchange(&mut self, command: &str) -> Result<Reply, Cause> {
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn wanted(&mut self, codes: &[u16]) -> Result<Reply, Cause> {
        let reply = self.reply().await?;
        let lines = reply.lines.iter().map(Vec::as_slice);
        self.record.hear(Some(reply.code), lines);
        if codes.contains(&reply.code) {
            Ok(reply)
        } else {
            Err(Cause::Rejected(reply))
        }
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Cause> {
        self.stream.write_all(octets).await?;
        Ok(self.stream.flush().await?)
    }

    async fn reply(&mut self) -> Result<Reply, Cause> {
        let mut buffer = [0; 2048];
        loop {
            let octets = match self.stream.read(&mut buffer).await {
                Ok(0) => return Err(Cause::Closed),
                Ok(read) => &buffer[..read],
                Err(error) => return Err(error.into()),
            };
            let fed = self.parser.feed(octets)?;
            match fed.reply {
                Some(_) if fed.consumed < octets.len() => return Err(Cause::Unasked),
                Some(mut reply) => {
                    for line in &mut reply.lines {
                        hide(line, &self.hidden);
                    }
                    return Ok(reply);
                }
                None => {}
            }
        }
    }
}

/// What an EHLO was answered: the words of each line, in capitals.
#[derive(Default)]
struct Offer(Vec<Vec<String>>);

impl Offer {
    fn of(reply: &Reply) -> Self {
        let lines = reply.lines.iter().skip(1).map(|line| {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase();
            // `AUTH=` is an old spelling, and some servers know no other.
            let line = line.replacen("AUTH=", "AUTH ", 1);
            line.split(' ').map(str::to_owned).collect()
        });
        Self(lines.collect())
    }

    /// Whether there is a line of this keyword, with this parameter if one is asked for.
    fn must(
        &self,
        step: Step,
        keyword: &'static str,
        parameter: Option<&'static str>,
        record: &mut Record<'_>,
    ) -> Result<(), Cause> {
        let has = |line: &Vec<String>| {
            let (first, rest) = line.split_first().map_or(("", &[][..]), |(f, r)| (f, r));
            first == keyword && parameter.is_none_or(|wanted| rest.iter().any(|w| w == wanted))
        };
        if self.0.iter().any(has) {
            return Ok(());
        }
        record.step(step);
        Err(Cause::NotOffered(match parameter {
            Some("PLAIN") => "AUTH PLAIN",
            Some("LOGIN") => "AUTH LOGIN",
            Some(_) => "AUTH CRAM-MD5",
            None => keyword,
        }))
    }
}
