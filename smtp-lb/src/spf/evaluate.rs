//! `check_host()` (section 4).

use std::net::IpAddr;
use std::pin::Pin;

use super::dns::{Answer, Dns, DnsFailure};
use super::macros::{MacroString, Values};
use super::name;
use super::outcome::{Outcome, Problem, Verdict};
use super::query::Query;
use super::record::{Cidr, Mechanism, Qualifier, Record};

/// The most questions that any evaluation with the default limits asks: one for the first record;
/// for each of 10 terms one, and 10 for names that it leads to; the explanation, and the client's names
/// for it.
pub const MAX_QUESTIONS: u32 = 1 + 10 * (1 + 10) + 1 + (1 + 10);

/// Bounds of an evaluation (section 4.6.4). The defaults are those of the RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Terms that ask DNS: `include`, `a`, `mx`, `ptr`, `exists`, `redirect`, and `%{p}`.
    pub terms: u32,
    /// Terms for which DNS has nothing.
    pub voids: u32,
    /// Names of one `mx`, and names of the client that are validated.
    pub names: usize,
    /// Octets of an explanation; what is longer is cut.
    pub explanation: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            terms: 10,
            voids: 2,
            names: 10,
            explanation: 400,
        }
    }
}

/// Evaluates `query`: at most [`MAX_QUESTIONS`] questions, one after the other. Never fails: what
/// goes wrong is a verdict.
pub async fn check_host<D: Dns>(dns: &D, query: &Query, limits: &Limits) -> Outcome {
    let mut evaluation = Evaluation {
        dns,
        query,
        limits,
        terms: 0,
        voids: 0,
        questions: 0,
        client: None,
    };
    let found = evaluation.domain(query.domain.clone()).await;
    let mut outcome = Outcome {
        verdict: Verdict::None,
        directive: None,
        domain: query.domain.clone(),
        explanation: None,
        problem: None,
        terms: 0,
        voids: 0,
        questions: 0,
    };
    match found {
        Ok(found) => {
            outcome.explanation = evaluation.explain(&found).await;
            outcome.verdict = found.verdict;
            outcome.directive = found.directive;
            outcome.domain = found.domain;
        }
        Err(problem) => {
            outcome.verdict = problem.verdict();
            outcome.problem = Some(problem);
        }
    }
    outcome.terms = evaluation.terms;
    outcome.voids = evaluation.voids;
    outcome.questions = evaluation.questions;
    outcome
}

struct Evaluation<'a, D> {
    dns: &'a D,
    query: &'a Query,
    limits: &'a Limits,
    terms: u32,
    voids: u32,
    questions: u32,
    /// Validated names of the client, once they were asked for.
    client: Option<ClientNames>,
}

/// Names of the client (section 5.5).
struct ClientNames {
    validated: Vec<String>,
    /// It has none, validated or not.
    void: bool,
}

/// What the record of a domain says.
struct Found {
    verdict: Verdict,
    directive: Option<String>,
    /// Whose record said it.
    domain: String,
    explanation: Option<MacroString>,
}

/// Boxed, as `include` and `redirect` come back here.
type Recursive<'f> = Pin<Box<dyn Future<Output = Result<Found, Problem>> + Send + 'f>>;

impl<D: Dns> Evaluation<'_, D> {
    /// `check_host()` with another `<domain>`. Each step deeper has cost a term.
    fn domain(&mut self, domain: String) -> Recursive<'_> {
        Box::pin(async move {
            let Some(record) = self.record(&domain).await? else {
                return Ok(Found::nothing(Verdict::None, domain));
            };
            for directive in record.directives {
                if self.matches(&directive.mechanism, &domain).await? {
                    return Ok(Found {
                        verdict: directive.qualifier.into(),
                        directive: Some(directive.text),
                        domain,
                        explanation: record.explanation,
                    });
                }
            }
            let Some(redirect) = record.redirect else {
                return Ok(Found::nothing(Verdict::Neutral, domain));
            };
            self.term()?;
            let (term, target) = ("redirect", self.target(Some(&redirect), &domain).await?);
            let found = self.domain(target.clone()).await?;
            match found.verdict {
                Verdict::None => Err(Problem::Nowhere {
                    term,
                    domain: target,
                }),
                _ => Ok(found),
            }
        })
    }

    /// The record of a domain (sections 4.3 to 4.6). `None`: it has none, or is no domain.
    async fn record(&mut self, domain: &str) -> Result<Option<Record>, Problem> {
        let Some(name) = name::checkable(domain) else {
            return Ok(None);
        };
        self.questions += 1;
        let mut texts = failed(name, self.dns.txt(name).await)?;
        texts.retain(|text| Record::is_one(text));
        let domain = || name.to_owned();
        match texts.as_slice() {
            [] => Ok(None),
            [text] => match Record::parse(text) {
                Ok(record) => Ok(Some(record)),
                Err(error) => Err(Problem::Syntax {
                    domain: domain(),
                    error,
                }),
            },
            _ => Err(Problem::SeveralRecords { domain: domain() }),
        }
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Problem> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, prefix) => Ok(match self.query.ip {
                IpAddr::V4(ip) => same(ip.octets(), network.octets(), *prefix),
                IpAddr::V6(_) => false,
            }),
            Mechanism::Ip6(network, prefix) => Ok(match self.query.ip {
                IpAddr::V4(_) => false,
                IpAddr::V6(ip) => same(ip.octets(), network.octets(), *prefix),
            }),
            Mechanism::Include(target) => self.include(target, domain).await,
            Mechanism::A(target, cidr) => {
                self.term()?;
                let target = self.target(target.as_ref(), domain).await?;
                let (matches, void) = self.addresses(&target, *cidr).await?;
                self.void(void)?;
                Ok(matches)
            }
            Mechanism::Mx(target, cidr) => self.mx(target.as_ref(), *cidr, domain).await,
            Mechanism::Ptr(target) => self.ptr(target.as_ref(), domain).await,
            Mechanism::Exists(target) => self.exists(target, domain).await,
        }
    }

    /// Section 5.2.
    async fn include(&mut self, target: &MacroString, domain: &str) -> Result<bool, Problem> {
        self.term()?;
        let (term, target) = ("include", self.target(Some(target), domain).await?);
        match self.domain(target.clone()).await?.verdict {
            Verdict::Pass => Ok(true),
            Verdict::None => Err(Problem::Nowhere {
                term,
                domain: target,
            }),
            _ => Ok(false),
        }
    }

    /// Section 5.4. No MX record is no match, and not the domain's own addresses.
    async fn mx(
        &mut self,
        target: Option<&MacroString>,
        cidr: Cidr,
        domain: &str,
    ) -> Result<bool, Problem> {
        self.term()?;
        let target = self.target(target, domain).await?;
        let Some(asked) = name::askable(&target) else {
            return Ok(false);
        };
        self.questions += 1;
        let exchanges = failed(asked, self.dns.mx(asked).await)?;
        let most = self.limits.names;
        if exchanges.len() > most {
            let domain = asked.to_owned();
            return Err(Problem::TooManyExchanges { domain, most });
        }
        let mut all_void = true;
        for exchange in &exchanges {
            let (matches, void) = self.addresses(exchange, cidr).await?;
            all_void &= void;
            if matches {
                return Ok(true);
            }
        }
        self.void(all_void)?;
        Ok(false)
    }

    /// Section 5.5.
    async fn ptr(&mut self, target: Option<&MacroString>, domain: &str) -> Result<bool, Problem> {
        self.term()?;
        let target = self.target(target, domain).await?;
        let names = self.client_names().await;
        let (void, target) = (names.void, target.strip_suffix('.').unwrap_or(&target));
        let matches = names.validated.iter().any(|it| name::within(it, target));
        self.void(void)?;
        Ok(matches)
    }

    /// Section 5.7: of A records, whatever the client has.
    async fn exists(&mut self, target: &MacroString, domain: &str) -> Result<bool, Problem> {
        self.term()?;
        let target = self.target(Some(target), domain).await?;
        let Some(asked) = name::askable(&target) else {
            return Ok(false);
        };
        self.questions += 1;
        let exists = !failed(asked, self.dns.a(asked).await)?.is_empty();
        self.void(!exists)?;
        Ok(exists)
    }

    /// Whether an address of `host` is in one network with the client, and whether it has none of the
    /// client's kind.
    async fn addresses(&mut self, host: &str, cidr: Cidr) -> Result<(bool, bool), Problem> {
        let Some(host) = name::askable(host) else {
            return Ok((false, true));
        };
        self.questions += 1;
        match self.query.ip {
            IpAddr::V4(ip) => {
                let found = failed(host, self.dns.a(host).await)?;
                let matches = |it: &std::net::Ipv4Addr| same(ip.octets(), it.octets(), cidr.v4);
                Ok((found.iter().any(matches), found.is_empty()))
            }
            IpAddr::V6(ip) => {
                let found = failed(host, self.dns.aaaa(host).await)?;
                let matches = |it: &std::net::Ipv6Addr| same(ip.octets(), it.octets(), cidr.v6);
                Ok((found.iter().any(matches), found.is_empty()))
            }
        }
    }

    /// The target-name of a term (section 4.8): `<domain>` if it names none.
    async fn target(
        &mut self,
        target: Option<&MacroString>,
        domain: &str,
    ) -> Result<String, Problem> {
        let Some(target) = target else {
            return Ok(domain.to_owned());
        };
        if target.needs_validated() && self.client.is_none() {
            self.term()?;
        }
        Ok(self
            .expand(target, domain, MacroString::domain)
            .await
            .unwrap_or_default())
    }

    async fn expand<T>(
        &mut self,
        text: &MacroString,
        domain: &str,
        how: impl FnOnce(&MacroString, Values<'_>) -> T,
    ) -> T {
        let query = self.query;
        let validated = if text.needs_validated() {
            self.client_names().await.best(domain)
        } else {
            None
        };
        how(
            text,
            Values {
                query,
                domain,
                validated,
            },
        )
    }

    /// The names of the client that lead back to it, of the first 10 (sections 4.6.4 and 5.5). Asked
    /// once; a failure is as if there were none.
    async fn client_names(&mut self) -> &ClientNames {
        let known = match self.client.take() {
            Some(known) => known,
            None => self.validate().await,
        };
        self.client.insert(known)
    }

    async fn validate(&mut self) -> ClientNames {
        self.questions += 1;
        let names = self.dns.ptr(self.query.ip).await;
        let void = names.as_ref().is_ok_and(Vec::is_empty);
        let mut validated = Vec::new();
        let whole = Cidr { v4: 32, v6: 128 };
        for name in names.unwrap_or_default().iter().take(self.limits.names) {
            if matches!(self.addresses(name, whole).await, Ok((true, _))) {
                validated.push(name.strip_suffix('.').unwrap_or(name).to_owned());
            }
        }
        ClientNames { validated, void }
    }

    /// What the domain says to those whom it fails (section 6.2). Whatever is wrong with that: nothing.
    async fn explain(&mut self, found: &Found) -> Option<String> {
        let (Verdict::Fail, Some(target)) = (found.verdict, &found.explanation) else {
            return None;
        };
        let target = self
            .expand(target, &found.domain, MacroString::domain)
            .await?;
        let asked = name::askable(&target)?;
        self.questions += 1;
        let texts = self.dns.txt(asked).await.ok()?;
        let [text] = texts.as_slice() else {
            return None;
        };
        let text = str::from_utf8(text).ok().filter(|it| it.is_ascii())?;
        let text = MacroString::explanation(text).ok()?;
        let most = self.limits.explanation;
        let text = self
            .expand(&text, &found.domain, |text, values| text.text(values, most))
            .await;
        // Spaces for what would end a line or steer a terminal, a question mark for what is not ASCII.
        let shown = text.chars().map(|c| match c {
            ' '..='~' => c,
            c if c.is_ascii() => ' ',
            _ => '?',
        });
        let shown: String = shown.collect();
        Some(shown.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn term(&mut self) -> Result<(), Problem> {
        if self.terms == self.limits.terms {
            return Err(Problem::TooManyTerms(self.limits.terms));
        }
        self.terms += 1;
        Ok(())
    }

    fn void(&mut self, void: bool) -> Result<(), Problem> {
        self.voids += u32::from(void);
        if self.voids > self.limits.voids {
            return Err(Problem::TooManyVoids(self.limits.voids));
        }
        Ok(())
    }
}

impl ClientNames {
    /// The one that `%{p}` shows: the domain itself, else one in it, else any (section 7.3).
    fn best(&self, domain: &str) -> Option<&str> {
        let itself = |name: &&String| name.eq_ignore_ascii_case(domain);
        let inside = |name: &&String| name::within(name, domain);
        let names = &self.validated;
        let best = names
            .iter()
            .find(itself)
            .or_else(|| names.iter().find(inside));
        best.or_else(|| names.first()).map(String::as_str)
    }
}

impl Found {
    fn nothing(verdict: Verdict, domain: String) -> Self {
        Self {
            verdict,
            directive: None,
            domain,
            explanation: None,
        }
    }
}

impl From<Qualifier> for Verdict {
    fn from(qualifier: Qualifier) -> Self {
        match qualifier {
            Qualifier::Pass => Self::Pass,
            Qualifier::Fail => Self::Fail,
            Qualifier::SoftFail => Self::SoftFail,
            Qualifier::Neutral => Self::Neutral,
        }
    }
}

fn failed<T>(name: &str, answer: Answer<T>) -> Result<Vec<T>, Problem> {
    answer.map_err(|failure: DnsFailure| Problem::Dns {
        name: name.to_owned(),
        failure,
    })
}

/// Whether the first `prefix` bits are the same.
fn same<const N: usize>(a: [u8; N], b: [u8; N], prefix: u8) -> bool {
    let mut left = usize::from(prefix);
    a.iter().zip(b).all(|(a, b)| {
        let bits = left.min(8);
        left -= bits;
        bits == 0 || (a ^ b) >> (8 - bits) == 0
    })
}
