//! Questions as SPF asks them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{QuestionError, Questions};
use crate::spf::{Answer, Dns, DnsFailure};

impl Dns for Questions {
    async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        answer(Questions::txt(self, name).await)
    }

    async fn a(&self, name: &str) -> Answer<Ipv4Addr> {
        answer(Questions::a(self, name).await)
    }

    async fn aaaa(&self, name: &str) -> Answer<Ipv6Addr> {
        answer(Questions::aaaa(self, name).await)
    }

    async fn mx(&self, name: &str) -> Answer<String> {
        answer(Questions::mx(self, name).await)
    }

    async fn ptr(&self, address: IpAddr) -> Answer<String> {
        answer(Questions::ptr(self, address).await)
    }
}

fn answer<T>(found: Result<Vec<T>, QuestionError>) -> Answer<T> {
    found.or_else(|error| match error {
        QuestionError::NoSuchName | QuestionError::NoRecords | QuestionError::BadName => {
            Ok(Vec::new())
        }
        QuestionError::ServerFailure => Err(DnsFailure::ServerFailure),
        QuestionError::Unusable | QuestionError::Unreachable => Err(DnsFailure::Refused),
        QuestionError::Timeout => Err(DnsFailure::Timeout),
        QuestionError::Busy => Err(DnsFailure::Busy),
    })
}
