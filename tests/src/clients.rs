//! Real mail clients, run in a namespace.

mod pipe;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use crate::certs::Leaf;
use crate::folder::temporary;
use crate::netns::Netns;
use crate::smtp_client::{Client, Message};

use pipe::Pipe;

/// Seconds that a client may take.
const BOUND: &str = "100";

/// A program that sends mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The Swiss Army knife for SMTP.
    Swaks,
    /// `openssl s_client`, with the dialogue held by [`Client`].
    OpenSsl,
    /// curl.
    Curl,
    /// Python's smtplib.
    Smtplib,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Swaks, Self::OpenSsl, Self::Curl, Self::Smtplib];
}

/// How a client begins TLS. It never goes on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// By STARTTLS.
    StartTls,
    /// With the connection.
    Implicit,
}

/// Whom clients send to, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub server: SocketAddr,
    /// How TLS begins.
    pub tls: Tls,
    /// The server's name, asked for and verified.
    pub name: String,
    /// Who is trusted to say that it is the server.
    pub ca: PathBuf,
    /// What the client shows, if it is asked.
    pub certificate: Option<Leaf>,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl Target {
    /// Neither a certificate of the client's nor a login.
    #[must_use]
    pub fn new(server: SocketAddr, tls: Tls, name: &str, ca: &Path) -> Self {
        Self {
            server,
            tls,
            name: name.to_owned(),
            ca: ca.to_owned(),
            certificate: None,
            login: None,
        }
    }

    /// Can a program do this? `openssl s_client` has nothing to say without TLS.
    #[must_use]
    pub fn suits(&self, program: Program) -> bool {
        program != Program::OpenSsl || self.tls != Tls::None
    }

    /// Sends a message with a program, in a session of its own; what the program printed.
    pub fn send(&self, netns: &Netns, program: Program, message: &Message) -> Result<String> {
        let folder = temporary("client")?;
        match program {
            Program::Swaks => run(&mut self.swaks(netns, &folder, message)?, b""),
            Program::Curl => run(&mut self.curl(netns, &folder, message)?, b""),
            Program::Smtplib => self.smtplib(netns, &[message]),
            Program::OpenSsl => {
                let mut client = self.openssl(netns)?;
                client.hello()?;
                if let Some((user, password)) = &self.login {
                    client.command(&format!("AUTH PLAIN {}", plain(user, password)), 235)?;
                }
                let reply = client.send(message)?;
                client.command("QUIT", 221)?;
                Ok(reply.to_string())
            }
        }
        .with_context(|| format!("{program:?}"))
    }

    /// Sends all of these in one session of smtplib; what it printed.
    pub fn smtplib(&self, netns: &Netns, messages: &[&Message]) -> Result<String> {
        let folder = temporary("client")?;
        let mut listed = Vec::new();
        for (number, message) in messages.iter().enumerate() {
            let file = folder.path().join(number.to_string());
            fs::write(&file, &message.data)?;
            listed.push(json!({
                "from": message.from, "to": message.to, "file": file,
                "options": message.parameters(),
            }));
        }
        let (user, password) = self.login.clone().unwrap_or_default();
        let job = json!({
            "host": self.server.ip(), "port": self.server.port(), "name": self.name,
            "tls": match self.tls {
                Tls::None => "none",
                Tls::StartTls => "starttls",
                Tls::Implicit => "implicit",
            },
            "ca": self.ca,
            "certificate": self.certificate.as_ref().map(|leaf| &leaf.chain),
            "key": self.certificate.as_ref().map(|leaf| &leaf.key),
            "user": user, "password": password, "messages": listed,
        });
        // Debian's own, which is there with its package, before any other.
        let python = Path::new("/usr/bin/python3");
        let python = if python.is_file() {
            python
        } else {
            Path::new("python3")
        };
        let mut command = bounded(netns, python);
        command.args(["-c", include_str!("clients/send.py")]);
        run(&mut command, &serde_json::to_vec(&job)?)
    }

    fn swaks(&self, netns: &Netns, folder: &TempDir, message: &Message) -> Result<Command> {
        let data = folder.path().join("data");
        fs::write(&data, message.stuffed())?;
        let mut command = bounded(netns, "swaks");
        command
            .args(["--server", &self.server.ip().to_string()])
            .args(["--port", &self.server.port().to_string()])
            .args(["--timeout", "60", "--ehlo", "swaks.example"])
            .args(["--from", &message.from, "--to", &message.to.join(",")])
            // As it is on the wire.
            .arg("--no-data-fixup")
            .arg("--data")
            .arg(format!("@{}", data.display()));
        if self.server.is_ipv6() {
            command.arg("-6");
        }
        match self.tls {
            Tls::None => {}
            Tls::StartTls => drop(command.arg("--tls")),
            Tls::Implicit => drop(command.arg("--tls-on-connect")),
        }
        if self.tls != Tls::None {
            command
                .arg("--tls-verify")
                .arg("--tls-ca-path")
                .arg(&self.ca);
            command.args(["--tls-sni", &self.name]);
            if let Some(leaf) = &self.certificate {
                command.arg("--tls-cert").arg(&leaf.chain);
                command.arg("--tls-key").arg(&leaf.key);
            }
        }
        if let Some((user, password)) = &self.login {
            command.args([
                "--auth",
                "PLAIN",
                "--auth-user",
                user,
                "--auth-password",
                password,
            ]);
        }
        Ok(command)
    }

    fn curl(&self, netns: &Netns, folder: &TempDir, message: &Message) -> Result<Command> {
        let data = folder.path().join("data");
        fs::write(&data, &message.data)?;
        let scheme = if self.tls == Tls::Implicit {
            "smtps"
        } else {
            "smtp"
        };
        let (name, port) = (&self.name, self.server.port());
        let mut command = bounded(netns, "curl");
        command
            .args(["--verbose", "--no-progress-meter", "--max-time", "90"])
            .args(["--url", &format!("{scheme}://{name}:{port}/curl.example")])
            // By address, and yet known by its name.
            .args([
                "--connect-to",
                &format!("{name}:{port}:{}", bracketed(self.server)),
            ])
            .args(["--mail-from", &message.from])
            .arg("--upload-file")
            .arg(data);
        for to in &message.to {
            command.args(["--mail-rcpt", to]);
        }
        if self.tls != Tls::None {
            command.arg("--ssl-reqd").arg("--cacert").arg(&self.ca);
            if let Some(leaf) = &self.certificate {
                command
                    .arg("--cert")
                    .arg(&leaf.chain)
                    .arg("--key")
                    .arg(&leaf.key);
            }
        }
        if let Some((user, password)) = &self.login {
            command.args(["--user", &format!("{user}:{password}")]);
        }
        Ok(command)
    }

    /// A session through `openssl s_client`, greeted, or inside after STARTTLS.
    pub fn openssl(&self, netns: &Netns) -> Result<Client> {
        let mut command = bounded(netns, "openssl");
        command
            .args(["s_client", "-quiet", "-verify_return_error"])
            .args(["-connect", &bracketed(self.server)])
            .args(["-servername", &self.name, "-verify_hostname", &self.name])
            .arg("-CAfile")
            .arg(&self.ca);
        if let Some(leaf) = &self.certificate {
            command
                .arg("-cert")
                .arg(&leaf.chain)
                .arg("-key")
                .arg(&leaf.key);
        }
        if self.tls == Tls::StartTls {
            command.args(["-starttls", "smtp", "-name", "openssl.example"]);
        }
        let mut client = Client::over_stream(Pipe::start(&mut command)?);
        if self.tls != Tls::StartTls {
            client.greeted().context("openssl s_client")?;
        }
        Ok(client)
    }
}

/// `AUTH PLAIN`'s response (RFC 4616).
#[must_use]
pub fn plain(user: &str, password: &str) -> String {
    base64(format!("\0{user}\0{password}").as_bytes())
}

/// RFC 4648.
#[must_use]
pub fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for three in octets.chunks(3) {
        let bits = three.iter().enumerate().fold(0_u32, |bits, (at, octet)| {
            bits | u32::from(*octet) << (16 - 8 * at)
        });
        for digit in 0..4 {
            if digit <= three.len() {
                let index = (bits >> (18 - 6 * digit)) & 63;
                text.push(char::from(DIGITS[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

fn bracketed(server: SocketAddr) -> String {
    // As `SocketAddr` writes it: `10.0.0.1:25`, `[::1]:25`.
    server.to_string()
}

/// A command that is ended when it takes too long.
fn bounded(netns: &Netns, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = netns.command("timeout");
    command.args(["--kill-after=1", BOUND]).arg(program);
    // Characters of addresses, whatever the machine's language is.
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// Runs a command to its end, which must be good; what it printed.
fn run(command: &mut Command, input: &[u8]) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    // What does not read all of it has a complaint to print.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if !output.status.success() {
        // The message itself may be long; what matters is at the end.
        let from = text.len().saturating_sub(3000);
        let from = (from..text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        bail!("{}:\n{}", output.status, &text[from..]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
