//! A request within another one, as a batch holds them: routed, authenticated, admitted and counted as if it had come alone.

use crate::body::BodyIn;
use crate::call::{Call, RunPart};
use crate::error::{Code, Error};
use crate::gate::Pass;
use crate::head::Head;
use crate::meter::{Measured, Outcome};
use crate::reply::Reply;
use crate::request::Request;
use crate::route::{self, Action, FromUrl, Row};
use crate::{asks, mirrored};
use std::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, debug_span};

/// What may come within another request.
const OFFERED: [&str; 2] = ["Delete Blob", "Set Blob Tier"];

/// As a call holds it.
pub const RUN: RunPart =
    |outer, head| Box::pin(run(outer, head).instrument(debug_span!("part", operation = Empty, status = Empty)));

/// Runs the request. It brings its own credential.
async fn run(outer: &Call, head: Head) -> Result<Reply, Error> {
    let row = route::find(&head.method, head.target.scope(), &head.query, FromUrl::of(&head.headers))?;
    let run = match row.action {
        Action::Run(run) if OFFERED.contains(&row.operation) => run,
        Action::Run(_) | Action::Refuse(_) => {
            return Err(Error::new(Code::OperationNotSupported, format!("({} in a batch)", row.operation)));
        }
    };
    Span::current().record("operation", row.operation);
    let request = Request { head, body: BodyIn::empty() };
    let admitted = outer.authority.admit(request, &row.permit, outer.now).await;
    let mut request = admitted.map_err(|turned_away| turned_away.error)?;
    let Some(served) = outer.body.served() else { return Err(Code::InternalError.into()) };
    let mut measured = Measured::begin(served.clone(), row.class, Instant::now());
    let asked = Instant::now();
    request.body_mut().metered(served.meter.clone());
    match Pass::enter(served.gate).instrument(debug_span!("admission")).await {
        Ok(pass) => request.body_mut().admitted(pass),
        Err(busy) => {
            served.meter.throttled();
            return Err(Code::from((busy, row.class)).into());
        }
    }
    served.meter.waited(asked.elapsed());
    let mut call = outer.within(request, row.operation);
    let outcome = match ready(row, &mut call).await {
        Ok(()) => run(&mut call).await,
        Err(error) => Err(error),
    };
    let status = outcome.as_ref().map_or_else(|error| error.code.row().status, |reply| reply.status);
    Span::current().record("status", status.as_u16());
    measured.set_outcome(Outcome::Answered(status));
    outcome
}

/// What is left of either operation is the disk's work.
async fn ready(row: &Row, call: &mut Call) -> Result<(), Error> {
    asks::fit(row, &call.head)?;
    mirrored::prepare(row, call).await?;
    call.body.write().await
}
