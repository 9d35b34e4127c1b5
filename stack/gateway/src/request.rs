//! A request: its head, and the body that streams behind it.

use crate::body::BodyIn;
use crate::head::Head;

#[derive(Debug)]
pub struct Request {
    pub head: Head,
    pub body: BodyIn,
}

impl AsMut<BodyIn> for Request {
    fn as_mut(&mut self) -> &mut BodyIn {
        &mut self.body
    }
}
