//! A driver for tests, and two peers that read from a script.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Act, BULK, Count, INBOX, Machine, MemberGone, Output, Settings, World};
use crate::config::plan::{Activation, BalanceUnit, GatewayPlan, LineEndings};
use crate::security::question::{Answer, Question};
use crate::smtp::ehlo::Offer;
use crate::smtp::reply::ReplyParser;

/// What a good member offers, as its EHLO reply.
pub(super) const EHLO: &str = "250-m1\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n\
     250-SMTPUTF8\r\n250-DSN\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250-STARTTLS\r\n\
     250-REQUIRETLS\r\n250-XCLIENT NAME\r\n250-BINARYMIME\r\n250 ENHANCEDSTATUSCODES\r\n";

/// What the client is told of that, in the clear.
pub(super) const OFFER: &str = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10000\r\n\
     250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n";

pub(super) const PARK: &[Act] = &[Act::Park];
pub(super) const QUIT: &[Act] = &[Act::Quit];
pub(super) const ABORT: &[Act] = &[Act::Abort];
pub(super) const CLOSE: &[Act] = &[Act::CloseClient];
pub(super) const FRESH: &[Act] = &[Act::Pick { fresh: true }];
pub(super) const OTHER: &[Act] = &[Act::Pick { fresh: false }];

pub(super) fn offer(reply: &str) -> Offer {
    let fed = ReplyParser::default().feed(reply.as_bytes()).unwrap();
    Offer::parse(&fed.reply.unwrap())
}

pub(super) fn settings() -> Settings {
    Settings {
        plan: GatewayPlan {
            hostname: "mx.example".into(),
            banner: "{hostname} ESMTP".into(),
            starttls: Activation::Require,
            balance_unit: BalanceUnit::Message,
            line_endings: LineEndings::Reject,
            clear_auth: false,
            xclient: true,
            bad_commands: 20,
            junk_commands: 100,
            recipients: 1000,
            command_timeout: Duration::from_mins(5),
            data_timeout: Duration::from_mins(3),
            min_rate: 16,
            reply_timeout: Duration::from_mins(5),
            data_reply_timeout: Duration::from_mins(10),
        },
        starttls: Activation::None,
        implicit_tls: false,
        member_tls: None,
        asks: false,
    }
}

pub(super) struct Fake {
    now: Cell<Duration>,
    offer: RefCell<Option<Offer>>,
}

impl Fake {
    pub(super) fn new(offer: Option<Offer>) -> Self {
        Self {
            now: Cell::new(Duration::from_secs(1000)),
            offer: RefCell::new(offer),
        }
    }

    pub(super) fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }
}

impl World for Fake {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn pool_offer(&self) -> Option<Offer> {
        self.offer.borrow().clone()
    }
}

/// Where the octets of a conversation are cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Whole,
    /// Each on its own.
    Every,
    /// The ones of this call in two, here.
    At(usize, usize),
}

/// One conversation. What was said and done since the last [`expect`](Self::expect) adds up.
pub(super) struct Stage {
    pub(super) machine: Machine,
    pub(super) world: Fake,
    out: Output,
    /// What the client sent and the machine would not read yet.
    unread: Vec<u8>,
    said: Vec<u8>,
    heard: Vec<u8>,
    pub(super) acts: Vec<Act>,
    counts: Vec<Count>,
    cut: Cut,
    lengths: Vec<usize>,
}

/// Holds the conversation whole, octet by octet, and cut in two at every place.
pub(super) fn every_split(settings: Settings, offer: Option<&str>, script: impl Fn(&mut Stage)) {
    let settings = Arc::new(settings);
    let run = |cut| {
        let mut stage = Stage::new(&settings, offer, cut);
        script(&mut stage);
        assert!(stage.lengths.iter().sum::<usize>() > 0, "nothing was said");
        stage.lengths
    };
    let lengths = run(Cut::Whole);
    run(Cut::Every);
    for (call, length) in lengths.into_iter().enumerate() {
        for at in 1..length {
            run(Cut::At(call, at));
        }
    }
}

/// The usual settings; what the pool offers is known.
pub(super) fn usual(script: impl Fn(&mut Stage)) {
    every_split(settings(), Some(EHLO), script);
}

impl Stage {
    fn new(settings: &Arc<Settings>, offer: Option<&str>, cut: Cut) -> Self {
        Self {
            machine: Machine::new(Arc::clone(settings)),
            world: Fake::new(offer.map(self::offer)),
            out: Output::default(),
            unread: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            acts: Vec::new(),
            counts: Vec::new(),
            cut,
            lengths: Vec::new(),
        }
    }

    /// Once, uncut.
    pub(super) fn once(settings: Settings, offer: Option<&str>) -> Self {
        Self::new(&Arc::new(settings), offer, Cut::Whole)
    }

    fn call(&mut self, call: impl FnOnce(&mut Machine, &Fake, &mut Output)) {
        call(&mut self.machine, &self.world, &mut self.out);
        self.said.append(&mut self.out.to_client);
        self.heard.append(&mut self.out.to_member);
        for act in self.out.acts.drain(..) {
            match act {
                Act::Count(count) => self.counts.push(count),
                Act::Learned(_) => {}
                Act::Abort => {
                    // How much had been sent by then depends on the cut.
                    self.heard.clear();
                    self.acts.push(act);
                }
                act => self.acts.push(act),
            }
        }
        assert!(self.machine.inbox.len() <= INBOX + BULK);
    }

    fn pieces(&mut self, octets: &[u8]) -> Vec<Vec<u8>> {
        let call = self.lengths.len();
        self.lengths.push(octets.len());
        match self.cut {
            Cut::At(at_call, at) if at_call == call => {
                vec![octets[..at].to_vec(), octets[at..].to_vec()]
            }
            Cut::Every => octets.iter().map(|&octet| vec![octet]).collect(),
            _ => vec![octets.to_vec()],
        }
    }

    /// Feeds what the machine will read.
    fn pump(&mut self) {
        loop {
            let count = self.machine.client_appetite().min(self.unread.len());
            if count == 0 {
                return;
            }
            let piece: Vec<u8> = self.unread.drain(..count).collect();
            self.call(|m, w, o| m.client_input(&piece, w, o));
        }
    }

    pub(super) fn start(&mut self) -> &mut Self {
        self.call(super::super::Machine::start);
        self
    }

    pub(super) fn client(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        for piece in self.pieces(octets.as_ref()) {
            self.unread.extend_from_slice(&piece);
            self.pump();
        }
        self
    }

    /// In one piece, whatever the cut: what the client says at once.
    pub(super) fn client_at_once(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.unread.extend_from_slice(octets.as_ref());
        self.pump();
        self
    }

    pub(super) fn member(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        for piece in self.pieces(octets.as_ref()) {
            // A leg that is gone is not read any more.
            if self.machine.member_wanted() {
                self.call(|m, w, o| m.member_input(&piece, w, o));
            }
        }
        self.pump();
        self
    }

    /// Though the machine would not have it read.
    pub(super) fn member_at_once(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.call(|m, w, o| m.member_input(octets.as_ref(), w, o));
        self
    }

    pub(super) fn connected(&mut self, index: usize, parked: bool) -> &mut Self {
        self.call(|m, w, o| m.member_connected(index, parked, w, o));
        self.pump();
        self
    }

    pub(super) fn no_member(&mut self) -> &mut Self {
        self.call(super::super::Machine::no_member);
        self.pump();
        self
    }

    pub(super) fn gone(&mut self) -> &mut Self {
        self.call(|m, w, o| m.member_gone(MemberGone::Closed, w, o));
        self.pump();
        self
    }

    pub(super) fn gone_by(&mut self, why: MemberGone) -> &mut Self {
        self.call(|m, w, o| m.member_gone(why, w, o));
        self
    }

    /// Whatever was said and done so far.
    pub(super) fn forget(&mut self) {
        self.said.clear();
        self.heard.clear();
        self.acts.clear();
    }

    pub(super) fn member_tls(&mut self) -> &mut Self {
        self.call(super::super::Machine::member_tls);
        self.pump();
        self
    }

    pub(super) fn client_tls(&mut self) -> &mut Self {
        self.call(super::super::Machine::client_tls);
        self.pump();
        self
    }

    pub(super) fn client_ended(&mut self) -> &mut Self {
        self.call(super::super::Machine::client_ended);
        self
    }

    /// Whatever else may happen.
    pub(super) fn call_with(
        &mut self,
        call: impl FnOnce(&mut Machine, &Fake, &mut Output),
    ) -> &mut Self {
        self.call(call);
        self.pump();
        self
    }

    /// The checks were asked this, and answer.
    #[track_caller]
    pub(super) fn judged(&mut self, question: Question, answer: Answer) -> &mut Self {
        let asked = self.acts.pop();
        assert_eq!(asked, Some(Act::Ask(question)), "{:?}", self.cut);
        self.call(|m, w, o| m.judged(answer, w, o));
        self.pump();
        self
    }

    /// The same, and the rest of what was said and done until then.
    #[track_caller]
    pub(super) fn passes(&mut self, question: Question) -> &mut Self {
        self.judged(question, Answer::Pass)
    }

    pub(super) fn shut_down(&mut self) -> &mut Self {
        self.call(super::super::Machine::shut_down);
        self
    }

    /// Lets time pass, and the timer fire as often as it is due.
    pub(super) fn pass(&mut self, time: Duration) -> &mut Self {
        let end = self.world.now() + time;
        while let Some(deadline) = self.machine.deadline().filter(|&at| at <= end) {
            let before = self.world.now();
            self.world.pass(deadline.saturating_sub(before));
            self.call(super::super::Machine::timed_out);
            self.pump();
            let next = self.machine.deadline();
            assert_ne!(next, Some(deadline), "a timer that has fired is set anew");
        }
        let now = self.world.now();
        self.world.pass(end.saturating_sub(now));
        self
    }

    /// Like a member that takes nothing: what it is to be sent stays.
    pub(super) fn pass_while_stuck(&mut self, time: Duration) -> &mut Self {
        self.out.to_member.extend_from_slice(b"stuck");
        self.world.pass(time);
        self.call(super::super::Machine::timed_out);
        self
    }

    /// The end of the message has not gone out yet when this comes.
    pub(super) fn member_while_stuck(&mut self, octets: &str) -> &mut Self {
        self.out.to_member.extend_from_slice(b"stuck");
        self.call(|m, w, o| m.member_input(octets.as_bytes(), w, o));
        self
    }

    /// What the client and the member were told and what was done, all of it.
    #[track_caller]
    pub(super) fn expect(&mut self, client: &str, member: &str, acts: &[Act]) -> &mut Self {
        let text = |octets: &mut Vec<u8>| String::from_utf8_lossy(&std::mem::take(octets)).into();
        let found: (String, String) = (text(&mut self.said), text(&mut self.heard));
        let done = std::mem::take(&mut self.acts);
        assert_eq!(
            (found.0.as_str(), found.1.as_str(), done.as_slice()),
            (client, member, acts),
            "client, member, acts; {:?}",
            self.cut
        );
        self
    }

    #[track_caller]
    pub(super) fn counted(&mut self, count: Count, times: usize) -> &mut Self {
        let found = self.counts.iter().filter(|&&c| c == count).count();
        assert_eq!(found, times, "{count:?} of {:?}", self.counts);
        self
    }

    /// Banner and EHLO.
    pub(super) fn hello(&mut self) -> &mut Self {
        self.start().expect("220 mx.example ESMTP\r\n", "", &[]);
        self.client("EHLO c.example\r\n").expect(OFFER, "", &[])
    }

    /// A member that was asked for, up to the end of its EHLO.
    pub(super) fn join(&mut self, index: usize) -> &mut Self {
        self.connected(index, false).expect("", "", &[]);
        self.member("220 m ESMTP\r\n");
        self.expect("", "EHLO c.example\r\n", &[]);
        self.member(EHLO)
    }

    /// EHLO, MAIL and RCPT at member 0.
    pub(super) fn envelope(&mut self) -> &mut Self {
        self.hello();
        self.client("MAIL FROM:<a@a>\r\n").expect("", "", FRESH);
        self.join(0).expect("", "MAIL FROM:<a@a>\r\n", &[]);
        self.member("250 2.1.0 m\r\n")
            .expect("250 2.1.0 m\r\n", "", &[]);
        self.client("RCPT TO:<b@b>\r\n");
        self.expect("", "RCPT TO:<b@b>\r\n", &[]);
        self.member("250 2.1.5 r\r\n")
            .expect("250 2.1.5 r\r\n", "", &[])
    }

    /// The same, and DATA and 354.
    pub(super) fn text(&mut self) -> &mut Self {
        self.envelope()
            .client("DATA\r\n")
            .expect("", "DATA\r\n", &[]);
        self.member("354 go\r\n").expect("354 go\r\n", "", &[])
    }

    /// The same, and a whole message, without its reply.
    pub(super) fn message(&mut self) -> &mut Self {
        self.text().client("S: x\r\n\r\nhi\r\n.\r\n");
        self.expect("", "S: x\r\n\r\nhi\r\n.\r\n", &[])
    }

    #[track_caller]
    pub(super) fn closed(&mut self) -> &mut Self {
        assert_eq!(self.machine.client_appetite(), 0);
        assert!(!self.machine.member_wanted());
        assert_eq!(self.machine.deadline(), None);
        self
    }
}
