//! The checks of a security profile, for one session: asked, and waited for no longer than so.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::clock;
use crate::config::plan::Offence;
use crate::proxy::server::Place;
use crate::security::question::{Answer, Note, Question};
use crate::security::session::{Judged, Session};

/// Time for one answer. Whatever a check asks for has bounds of its own, below it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks one question at a time.
pub(super) struct Judge {
    session: Arc<Session>,
    waits: Option<Pin<Box<dyn Future<Output = Judged> + Send>>>,
    /// What is asked of the client before it says anything.
    _ahead: Option<AbortOnDropHandle<()>>,
}

impl Judge {
    /// None: there is no profile.
    pub(super) fn begin(place: &Place) -> Option<Self> {
        let engine = place.gateway.as_ref()?.engine.as_ref()?;
        let id = format!("{:016x}", place.number());
        let session = Session::new(Arc::clone(engine), place.client(), id);
        let ahead = session.ask_ahead();
        Some(Self {
            session: Arc::new(session),
            waits: None,
            _ahead: ahead.map(|asks| AbortOnDropHandle::new(tokio::spawn(asks))),
        })
    }

    /// The answer comes by [`poll`](Self::poll).
    pub(super) fn ask(&mut self, question: Question) {
        let session = Arc::clone(&self.session);
        self.waits = Some(Box::pin(async move {
            let judged = timeout(PATIENCE, session.judge(&question, clock::wall())).await;
            let judged = judged.unwrap_or_else(|_| session.cannot_judge());
            if !judged.after.is_zero() {
                sleep(judged.after).await;
            }
            judged
        }));
    }

    /// Ready with the answer to what was asked. Pending if nothing was.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Answer, Option<Offence>)> {
        let Some(waits) = &mut self.waits else {
            return Poll::Pending;
        };
        let judged = ready!(waits.as_mut().poll(cx));
        self.waits = None;
        Poll::Ready((judged.answer, judged.offence))
    }

    pub(super) fn note(&self, note: &Note) {
        let now = clock::wall();
        self.session.note(note, now);
        if matches!(note, Note::Waited) {
            let session = Arc::clone(&self.session);
            tokio::spawn(async move { session.remember_wait(now).await });
        }
        if matches!(note, Note::UnknownRecipient)
            && let Some(counts) = self.session.count_unknown(now)
        {
            // It is counted even if the session ends with it; the store bounds its time.
            tokio::spawn(counts);
        }
    }

    /// What the checks found so far.
    pub(super) fn results(&self) -> String {
        self.session.results()
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}
