use super::{Of, Parameters};
use crate::smtp::command::CommandFault::{Argument, Parameter};
use crate::smtp::ehlo::Extensions;

#[test]
fn what_mail_takes() {
    let dsn = Extensions::DSN;
    let table = [
        ("", Extensions::NONE),
        (" SIZE=0", Extensions::SIZE),
        (" size=99999999999999999999", Extensions::SIZE),
        (" BODY=8BITMIME", Extensions::EIGHT_BIT_MIME),
        (" body=7bit", Extensions::EIGHT_BIT_MIME),
        (
            " SMTPUTF8 REQUIRETLS",
            Extensions::SMTPUTF8.with(Extensions::REQUIRETLS),
        ),
        (" RET=HDRS ENVID=QQ+3D314159", dsn),
        (" AUTH=<>", Extensions::AUTH),
        (
            " AUTH=e+3Dmc2@example.com SIZE=5",
            Extensions::AUTH.with(Extensions::SIZE),
        ),
    ];
    for (text, needs) in table {
        let parameters = Parameters::parse(text, Of::Mail).unwrap();
        assert_eq!(parameters.needs(), needs, "{text}");
    }
}

#[test]
fn what_rcpt_takes() {
    for text in [
        " NOTIFY=NEVER",
        " NOTIFY=SUCCESS,delay,FAILURE",
        " ORCPT=rfc822;Bob@Example.COM",
        " orcpt=utf-8;j\\x{FC}rgen@b NOTIFY=FAILURE",
        " ORCPT=utf-8;jürgen@b",
    ] {
        let parameters = Parameters::parse(text, Of::Rcpt).unwrap();
        assert_eq!(parameters.needs(), Extensions::DSN, "{text}");
    }
}

#[test]
fn what_is_refused() {
    let table = [
        (Of::Mail, "SIZE=1", Argument),
        (Of::Mail, " ", Parameter),
        (Of::Mail, "  SIZE=1", Parameter),
        (Of::Mail, " SIZE=1  BODY=7BIT", Parameter),
        (Of::Mail, " SIZE", Argument),
        (Of::Mail, " SIZE=", Parameter),
        (Of::Mail, " SIZE=-1", Argument),
        (Of::Mail, " SIZE=+1", Argument),
        (Of::Mail, " SIZE=1 size=1", Parameter),
        (Of::Mail, " SIZE=1 SIZE=2", Parameter),
        (Of::Mail, " SIZE=100000000000000000000", Argument),
        (Of::Mail, " BODY=BINARYMIME", Parameter),
        (Of::Mail, " BODY=9BIT", Argument),
        (Of::Mail, " BODY", Argument),
        (Of::Mail, " SMTPUTF8=1", Argument),
        (Of::Mail, " RET=NONE", Argument),
        (Of::Mail, " ENVID=a+b", Argument),
        (Of::Mail, " ENVID=a=b", Parameter),
        (Of::Mail, " AUTH=a+4", Argument),
        (Of::Mail, " NOTIFY=NEVER", Parameter),
        (Of::Mail, " X-FOO=1", Parameter),
        (Of::Mail, " =1", Parameter),
        (Of::Mail, " SIZE=1\u{85}", Parameter),
        (Of::Rcpt, " SIZE=1", Parameter),
        (Of::Rcpt, " NOTIFY=NEVER,SUCCESS", Argument),
        (Of::Rcpt, " NOTIFY=", Parameter),
        (Of::Rcpt, " NOTIFY=,", Argument),
        (Of::Rcpt, " ORCPT=a@b", Argument),
        (Of::Rcpt, " ORCPT=;a@b", Argument),
        (Of::Rcpt, " ORCPT=rfc822;", Argument),
    ];
    for (of, text, fault) in table {
        assert_eq!(Parameters::parse(text, of), Err(fault), "{text:?}");
    }
}

#[test]
fn values_are_found_in_any_case() {
    let parameters = Parameters::parse(" Size=42 smtputf8", Of::Mail).unwrap();
    assert_eq!(parameters.size(), Some(42));
    assert_eq!(parameters.value("SIZE"), Some("42"));
    assert!(parameters.has("SMTPUTF8") && !parameters.has("BODY"));
    assert_eq!(parameters.value("SMTPUTF8"), None);
    let list: Vec<_> = parameters.iter().collect();
    assert_eq!(list, [("Size", Some("42")), ("smtputf8", None)]);
    let huge = Parameters::parse(" SIZE=99999999999999999999", Of::Mail).unwrap();
    assert_eq!(huge.size(), Some(u64::MAX));
}
