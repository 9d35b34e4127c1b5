//! A director as a window meets it: opened over a project of its own, and called.

use crate::support::stack;
use greenroom_director::{Director, Options, Places, Trust, What};
use greenroom_show::call::{Call, CallError, Request, Role};
use greenroom_show::version::Version;
use std::path::Path;

/// The talk of a project, in the version that it asks for, by somebody who trusts it.
pub fn of_talk(root: &Path) -> Options {
    Options {
        places: Places::within(root),
        what: What::Deck("talk".into()),
        version: Version::default(),
        trust: Trust::Given,
        stack: Some(stack()),
        clipboard: None,
    }
}

/// Opens a show, and waits for its stack.
pub async fn open(options: Options) -> Director {
    let director = Director::open(options).await.expect("a good deck");
    director.ready().await.expect("a stack");
    director
}

pub async fn call<C: Call>(director: &Director, call: C) -> Result<C::Reply, CallError> {
    let Request::Show(request) = call.request() else { panic!("a window answers this, and not the director") };
    let reply = director.call(Role::Presenter, request).await?;
    Ok(serde_json::from_value(reply).expect("the call's reply"))
}
