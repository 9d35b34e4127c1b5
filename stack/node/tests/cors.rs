//! Pages of other origins: what a browser is told, before and with an answer.

use crate::support::{ACCOUNT, Stack, header, send, verdict};
use reqwest::{Method, Response};

const ORIGIN: (&str, &str) = ("origin", "https://app.example");

async fn preflight(stack: &Stack, path: &str, headers: &[(&str, &str)]) -> Response {
    // No credential: a browser sends none.
    let mut request = stack.http.request(Method::OPTIONS, format!("{}/{path}", stack.ready.blob));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

async fn set(stack: &Stack, rules: &str) -> (u16, String) {
    let document = format!("<StorageServiceProperties><Cors>{rules}</Cors></StorageServiceProperties>");
    verdict(&send(stack, "PUT", "?restype=service&comp=properties", &[], &document).await)
}

fn rule(origins: &str, methods: &str) -> String {
    format!(
        "<CorsRule><AllowedOrigins>{origins}</AllowedOrigins><AllowedMethods>{methods}</AllowedMethods>\
         <MaxAgeInSeconds>60</MaxAgeInSeconds><ExposedHeaders>x-ms-meta-*,ETag</ExposedHeaders>\
         <AllowedHeaders>x-ms-*,content-type</AllowedHeaders></CorsRule>"
    )
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_rules_of_the_account() {
    let stack = Stack::with_container().await;
    let put = ("access-control-request-method", "PUT");
    let failed = (403, "CorsPreflightFailure".to_owned());
    let path = format!("{ACCOUNT}/photos/a");
    assert_eq!(verdict(&preflight(&stack, &path, &[ORIGIN, put]).await), failed, "there is no rule");
    assert_eq!(verdict(&preflight(&stack, "stranger/photos/a", &[ORIGIN, put]).await), failed);
    assert_eq!(set(&stack, &rule("https://app.example", "GET,PUT")).await.0, 202);

    let asked = ("access-control-request-headers", "x-ms-blob-type,content-type");
    let answer = preflight(&stack, &path, &[ORIGIN, put, asked]).await;
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("access-control-allow-origin", ORIGIN.1),
        ("access-control-allow-methods", "PUT"),
        ("access-control-allow-headers", asked.1),
        ("access-control-max-age", "60"),
        ("access-control-allow-credentials", "true"),
    ] {
        assert_eq!(header(&answer, name), value, "{name}");
    }
    for headers in [
        &[("origin", "https://evil.example"), put][..],
        &[ORIGIN, ("access-control-request-method", "DELETE")],
        &[ORIGIN, put, ("access-control-request-headers", "authorization")],
    ] {
        assert_eq!(verdict(&preflight(&stack, &path, headers).await), failed, "{headers:?}");
    }
    for headers in [&[ORIGIN][..], &[put], &[]] {
        let answer = preflight(&stack, &path, headers).await;
        assert_eq!(verdict(&answer), (400, "InvalidHeaderValue".into()), "{headers:?}");
    }
    assert_eq!(set(&stack, "").await.0, 202);
    assert_eq!(verdict(&preflight(&stack, &path, &[ORIGIN, put]).await), failed, "the rule is gone");
}

#[tokio::test]
async fn an_answer_says_which_page_may_see_it() {
    let stack = Stack::with_container().await;
    let put = [("x-ms-blob-type", "BlockBlob"), ("x-ms-meta-color", "blue")];
    assert_eq!(send(&stack, "PUT", "photos/a", &put, "content").await.status(), 201);
    let told = |answer: &Response| {
        ["access-control-allow-origin", "access-control-expose-headers", "access-control-allow-credentials", "vary"]
            .map(|name| header(answer, name))
            .join("|")
    };
    assert_eq!(told(&send(&stack, "GET", "photos/a", &[ORIGIN], "").await), "|||", "there is no rule");
    assert_eq!(set(&stack, &(rule("https://app.example", "GET") + &rule("*", "HEAD"))).await.0, 202);
    let got = send(&stack, "GET", "photos/a", &[ORIGIN], "").await;
    assert_eq!(told(&got), "https://app.example|etag,x-ms-meta-color|true|Origin");
    let missing = send(&stack, "GET", "photos/missing", &[ORIGIN], "").await;
    assert_eq!((missing.status().as_u16(), told(&missing)), (404, "https://app.example||true|Origin".into()));
    let other = [("origin", "https://other.example")];
    let got = send(&stack, "GET", "photos/a", &other, "").await;
    assert_eq!((got.status().as_u16(), told(&got)), (200, "|||Origin".into()), "the browser keeps it from the page");
    let head = send(&stack, "HEAD", "photos/a", &other, "").await;
    assert_eq!(told(&head), "*|etag,x-ms-meta-color||");
    assert_eq!(told(&send(&stack, "GET", "photos/a", &[], "").await), "|||", "it came for no page");
}

#[tokio::test]
async fn a_rule_that_could_never_do_anything_is_refused() {
    let stack = Stack::with_container().await;
    for bad in [rule("", "GET"), rule("*", ""), rule("*", "FETCH")] {
        assert_eq!(set(&stack, &bad).await, (400, "InvalidXmlNodeValue".into()), "{bad}");
    }
}
