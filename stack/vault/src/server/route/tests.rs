use super::{Ask, Route};
use crate::server::record::Use;
use http::{Method, StatusCode};

const VERSION: &str = "0123456789abcdef0123456789abcdef";

fn find(method: &str, path: &str) -> Result<Route, StatusCode> {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    Route::find(&method, path).map_err(|refusal| refusal.status())
}

#[test]
fn paths_say_what_is_asked_for() {
    let name = || "a".parse().expect("a name");
    let version = || Some(VERSION.parse().expect("a version"));
    for (method, path, ask) in [
        ("GET", "/keys".to_owned(), Ask::List),
        ("GET", "/keys/".to_owned(), Ask::List),
        ("POST", "/keys/a/create".to_owned(), Ask::Create(name())),
        ("GET", "/keys/a".to_owned(), Ask::Get(name(), None)),
        ("GET", "/keys/a/".to_owned(), Ask::Get(name(), None)),
        ("GET", format!("/keys/a/{VERSION}"), Ask::Get(name(), version())),
        ("GET", "/keys/a/versions".to_owned(), Ask::Versions(name())),
        ("PATCH", "/keys/a/".to_owned(), Ask::Update(name(), None)),
        ("PATCH", format!("/keys/a/{VERSION}"), Ask::Update(name(), version())),
        ("POST", "/keys/a/rotate".to_owned(), Ask::Rotate(name())),
        ("DELETE", "/keys/a".to_owned(), Ask::Delete(name())),
        ("POST", format!("/keys/a/{VERSION}/wrapkey"), Ask::Turn(Use::WrapKey, name(), version())),
        ("POST", "/keys/a//unwrapkey".to_owned(), Ask::Turn(Use::UnwrapKey, name(), None)),
        ("POST", "/keys/a/encrypt".to_owned(), Ask::Turn(Use::Encrypt, name(), None)),
        ("POST", "/keys/a//decrypt".to_owned(), Ask::Turn(Use::Decrypt, name(), None)),
        ("GET", "/deletedkeys".to_owned(), Ask::ListDeleted),
        ("GET", "/deletedkeys/a".to_owned(), Ask::GetDeleted(name())),
        ("DELETE", "/deletedkeys/a".to_owned(), Ask::Purge(name())),
        ("POST", "/deletedkeys/a/recover".to_owned(), Ask::Recover(name())),
    ] {
        assert_eq!(find(method, &path), Ok(Route::Keys(ask)), "{method} {path}");
    }
    assert_eq!(find("POST", "/greenroom/oauth2/v2.0/token"), Ok(Route::Token));
    assert_eq!(find("GET", "/greenroom/v2.0/.well-known/openid-configuration"), Ok(Route::Discovery));
}

#[test]
fn what_is_nowhere_is_not_found_and_what_is_no_name_is_refused() {
    let long = format!("/keys/{}", "a".repeat(128));
    for (method, path, status) in [
        ("GET", "/", StatusCode::NOT_FOUND),
        ("GET", "", StatusCode::NOT_FOUND),
        ("GET", "/secrets/a", StatusCode::NOT_FOUND),
        ("POST", "/other/oauth2/v2.0/token", StatusCode::BAD_REQUEST),
        ("POST", "/keys/a/b/c/d", StatusCode::NOT_FOUND),
        ("PUT", "/keys/a", StatusCode::METHOD_NOT_ALLOWED),
        ("PUT", "/deletedkeys/a", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/keys/..", StatusCode::BAD_REQUEST),
        ("GET", "/keys/../x", StatusCode::BAD_REQUEST),
        ("GET", "/keys/%2e%2e", StatusCode::BAD_REQUEST),
        ("GET", "/keys/a%00", StatusCode::BAD_REQUEST),
        ("GET", "/keys/a/short", StatusCode::BAD_REQUEST),
        ("POST", "/keys/a/short/wrapkey", StatusCode::BAD_REQUEST),
        ("DELETE", "/deletedkeys/..", StatusCode::BAD_REQUEST),
        ("POST", "/keys//create", StatusCode::BAD_REQUEST),
        ("GET", long.as_str(), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(find(method, path), Err(status), "{method} {path}");
    }
}
