//! The control socket: an HTTP/1.1 API in JSON over a Unix socket.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`api::Status`] |
//! | `POST /v1/reload` | [`api::Reloaded`] |
//! | `GET /v1/firewall` | [`api::FirewallList`] |
//! | `GET /v1/firewall/counters` | [`api::Counters`] |
//! | `POST /v1/firewall/explain` | [`api::Explanation`] to an [`api::ExplainRequest`] |
//! | `GET /v1/firewall/staged` | [`api::StagedList`] |
//! | `POST /v1/firewall/promotion/diff` | [`api::FirewallCompared`] to an [`api::Promotion`] |
//! | `POST /v1/firewall/promotion` | [`api::FirewallApplied`] to an [`api::Promote`] |
//! | `POST /v1/firewall/diff` | [`api::FirewallCompared`] to an [`api::FirewallFile`] |
//! | `POST /v1/firewall/apply` | [`api::FirewallApplied`] to an [`api::FirewallApply`] |
//! | `POST /v1/firewall/confirm` | [`api::FirewallSettled`] |
//! | `POST /v1/firewall/rollback` | [`api::FirewallSettled`] |
//! | `POST /v1/firewall/capture` | an [`api::CaptureRecord`] a line, to an [`api::CaptureRequest`] |
//! | `POST /v1/monitor/test` | [`api::MonitorTested`] to an [`api::MonitorTest`] |
//! | `POST /v1/monitor/resume` | [`api::MonitorResumed`] to an [`api::MonitorResume`] |
//! | `GET /v1/pools` | [`api::PoolList`] |
//! | `POST /v1/pools/events` | [`api::PoolEvents`] to an [`api::PoolEventsRequest`] |
//! | `POST /v1/members` | [`api::MemberSet`] to an [`api::MemberOrder`] |
//! | `GET /v1/reputation` | [`api::ReputationStatus`] |
//! | `POST /v1/reputation/show` | [`api::AddressStatus`] to an [`api::AddressQuestion`] |
//! | `POST /v1/reputation/refresh` | [`api::Refreshed`] to an [`api::RefreshRequest`] |
//! | `GET /v1/reputation/added` | [`api::AddedList`] |
//! | `POST /v1/reputation/add` | [`api::AddedList`] to an [`api::AddRequest`] |
//! | `POST /v1/reputation/remove` | [`api::AddedList`] to an [`api::RemoveRequest`] |
//! | `GET /v1/events`, or `POST` with an [`api::EventQuery`] | one record a line, until the client leaves |
//! | `GET /v1/log` | [`api::LogReport`] |
//! | `POST /v1/log/test` | [`api::TestReport`] to an [`api::LogTest`] |
//!
//! Whatever is refused answers with an [`api::Problem`].

pub mod api;
pub mod client;
mod object;
mod refusal;
mod reputation;
mod routes;
mod security;
mod server;
pub mod socket;
#[cfg(test)]
mod tests;

use std::future::Future;

use hyper::body::Bytes;
use tokio::sync::mpsc;

pub use refusal::{Part, Refusal};
pub use server::{Bounds, Server};

use api::{
    CaptureRequest, Counters, EventQuery, ExplainRequest, Explanation, FirewallApplied,
    FirewallApply, FirewallCompared, FirewallFile, FirewallList, FirewallSettled, LogReport,
    LogTest, MemberOrder, MemberSet, MonitorResume, MonitorResumed, MonitorTest, MonitorTested,
    Peer, PoolEvents, PoolEventsRequest, PoolList, Promote, Promotion, Reloaded, StagedList,
    Status, TestReport,
};

/// What the API asks of the running daemon; a fake one serves the tests.
///
/// All that is no future may block for the time of a few system calls, and are
/// called where blocking is allowed.
pub trait Control: Send + Sync + 'static {
    /// A picture of everything that runs.
    fn status(&self) -> Status;
    /// Takes the configuration file anew, all of it or nothing.
    fn reload(&self) -> impl Future<Output = Result<Reloaded, Refusal>> + Send;
    /// Rules as configured, with what each has hit.
    fn firewall(&self) -> Result<FirewallList, Refusal>;
    /// Rules of staged policies, with what each would have decided.
    fn staged(&self) -> Result<StagedList, Refusal>;
    /// What would change if the staged policy of a context took the place of the enforced one.
    fn promotion(
        &self,
        request: Promotion,
    ) -> impl Future<Output = Result<FirewallCompared, Refusal>> + Send;
    /// Puts it there.
    fn promote(
        &self,
        request: Promote,
    ) -> impl Future<Output = Result<FirewallApplied, Refusal>> + Send;
    /// Counters of the packet filter.
    fn counters(&self) -> Result<Counters, Refusal>;
    /// What security checks found and remember. `None`: they are not there.
    fn security(&self) -> Option<crate::security::Services>;
    /// Runs a made-up packet through the filter.
    fn explain(&self, request: &ExplainRequest) -> Result<Explanation, Refusal>;
    /// What a file would change of the firewall.
    fn compare(
        &self,
        file: FirewallFile,
    ) -> impl Future<Output = Result<FirewallCompared, Refusal>> + Send;
    /// Puts the firewall of a file in force.
    fn apply(
        &self,
        request: FirewallApply,
    ) -> impl Future<Output = Result<FirewallApplied, Refusal>> + Send;
    /// Keeps what was applied.
    fn confirm(&self) -> impl Future<Output = Result<FirewallSettled, Refusal>> + Send;
    /// Takes back what was applied and waits for its confirmation.
    fn roll_back(&self) -> impl Future<Output = Result<FirewallSettled, Refusal>> + Send;
    /// Captures frames, each line an [`api::CaptureRecord`]. Dropping the receiver ends it.
    fn capture(&self, request: &CaptureRequest) -> Result<mpsc::Receiver<Bytes>, Refusal>;
    /// Probes a member now.
    fn test_monitor(
        &self,
        request: &MonitorTest,
    ) -> impl Future<Output = Result<MonitorTested, Refusal>> + Send;
    /// Lets a member up that its monitors hold down.
    fn resume_monitor(&self, request: &MonitorResume) -> Result<MonitorResumed, Refusal>;
    /// Pools and their members.
    fn pools(&self) -> PoolList;
    /// The last changes of members.
    fn pool_events(&self, request: &PoolEventsRequest) -> Result<PoolEvents, Refusal>;
    /// Says of a member that it is to be used, or not.
    fn set_member(&self, request: &MemberOrder, peer: Peer) -> Result<MemberSet, Refusal>;
    /// Reputation, for its own endpoints; `None`: it is not there.
    fn reputation(&self) -> Option<crate::reputation::Service>;
    /// Events from now on that meet the query, each a record with its newline. Dropping the receiver ends it.
    fn follow(&self, query: &EventQuery) -> Result<mpsc::Receiver<Bytes>, Refusal>;
    /// Somebody did something that changes the daemon, or tried. `object`: to what, empty: to all of it.
    fn administered(&self, peer: Peer, operation: &'static str, object: String, done: bool);
    /// The event pipeline in full.
    fn log(&self) -> LogReport;
    /// Sends test records to a destination.
    fn test_log(
        &self,
        request: &LogTest,
    ) -> impl Future<Output = Result<TestReport, Refusal>> + Send;
}
