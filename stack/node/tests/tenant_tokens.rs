//! A tenant's own token: what it sees and does with it is its own, and of others it learns nothing.

use crate::support::{ACCOUNT, CONTAINER, Stack};
use greenroom_model::control::Account;
use greenroom_model::tenancy::{AuditEntry, KeyPair, Receipt, TenantStatus, TenantToken, UsageRow};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const OTHER: &str = "other";

async fn two_tenants() -> Stack {
    let stack = Stack::with_container().await;
    stack.make_account("bronze", OTHER, &[CONTAINER]).await;
    stack
}

async fn token(stack: &Stack, tenant: &str) -> String {
    let made = stack.control(Method::POST, &format!("/v1/tenants/{tenant}/token")).send().await.expect("an answer");
    assert_eq!(made.status(), StatusCode::OK);
    made.json::<TenantToken>().await.expect("a token").token
}

fn call(stack: &Stack, token: &str, method: Method, path: &str) -> RequestBuilder {
    stack.http.request(method, format!("{}{path}", stack.ready.control)).bearer_auth(token)
}

async fn get<T: serde::de::DeserializeOwned>(stack: &Stack, token: &str, path: &str) -> T {
    let answer = call(stack, token, Method::GET, path).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.json().await.expect("the shape that is documented")
}

#[tokio::test]
async fn it_sees_and_does_what_is_its_own() {
    let stack = two_tenants().await;
    let gold = token(&stack, "gold").await;
    let seen: Vec<TenantStatus> = get(&stack, &gold, "/v1/tenants").await;
    assert_eq!(seen.iter().map(|tenant| tenant.name.as_str()).collect::<Vec<_>>(), ["gold"]);
    let status: TenantStatus = get(&stack, &gold, "/v1/tenants/gold").await;
    assert_eq!(status.name.as_str(), "gold");
    let accounts: Vec<Account> = get(&stack, &gold, "/v1/accounts").await;
    assert_eq!(accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), [ACCOUNT]);
    for query in ["", "?tenant=gold", "?tenant=bronze"] {
        let used: Vec<UsageRow> = get(&stack, &gold, &format!("/v1/usage{query}")).await;
        assert!(used.iter().all(|row| row.tenant.as_str() == "gold") && used.is_empty() == query.ends_with("bronze"));
        let csv = call(&stack, &gold, Method::GET, &format!("/v1/usage.csv{query}")).send().await.expect("an answer");
        assert!(!csv.text().await.expect("a text").contains("bronze"));
        let parquet = call(&stack, &gold, Method::GET, &format!("/v1/usage.parquet{query}")).send().await;
        let parquet = parquet.expect("an answer").bytes().await.expect("a file");
        assert!(parquet.starts_with(b"PAR1") && !parquet.windows(6).any(|part| part == b"bronze"));
    }
    let before: KeyPair = get(&stack, &gold, "/v1/accounts/acct/keys").await;
    let rotated = call(&stack, &gold, Method::POST, "/v1/accounts/acct/keys/2/rotate").send().await.expect("an answer");
    let rotated: KeyPair = rotated.json().await.expect("keys");
    assert!(rotated.key1 == before.key1 && rotated.key2 != before.key2);
    let sas = json!({"account": ACCOUNT, "permissions": "rl", "expires_in_s": 60});
    let sas = call(&stack, &gold, Method::POST, "/v1/sas").json(&sas).send().await.expect("an answer");
    assert_eq!(sas.status(), StatusCode::OK);
    let audit = stack.control(Method::GET, "/v1/audit").send().await.expect("an answer");
    let audit: Vec<AuditEntry> = audit.json().await.expect("entries");
    assert!(audit.iter().any(|entry| entry.actor == "tenant gold" && entry.action == "keys.rotate"), "{audit:?}");
    assert!(!serde_json::to_string(&audit).expect("plain values").contains(&gold), "no secret is written down");
}

#[tokio::test]
async fn what_is_anothers_answers_as_what_is_not_there() {
    let stack = two_tenants().await;
    let gold = token(&stack, "gold").await;
    let sas = |account: &str| json!({"account": account, "permissions": "rl", "expires_in_s": 60});
    for (method, path, body) in [
        (Method::GET, "/v1/tenants/{t}", json!({})),
        (Method::GET, "/v1/tenants/{t}/encryption", json!({})),
        (Method::POST, "/v1/tenants/{t}/hand-over", json!({})),
        (Method::GET, "/v1/accounts/{a}/keys", json!({})),
        (Method::GET, "/v1/accounts/{a}/change-feed", json!({})),
        (Method::GET, "/v1/accounts/{a}/sinks/tail/events", json!({})),
        (Method::GET, "/v1/accounts/{a}/mirrors", json!({})),
        (Method::GET, "/v1/accounts/{a}/mirrors/lake", json!({})),
        (Method::POST, "/v1/accounts/{a}/keys/1/rotate", json!({})),
        (Method::POST, "/v1/sas", sas("{a}")),
    ] {
        let mut answers = Vec::new();
        for (tenant, account) in [("bronze", OTHER), ("nobody", "strangers")] {
            let name = |text: &str| text.replace("{t}", tenant).replace("{a}", account);
            let request = call(&stack, &gold, method.clone(), &name(path)).body(name(&body.to_string()));
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            let said = answer.text().await.expect("a text").replace(tenant, "{t}").replace(account, "{a}");
            answers.push((status, said));
        }
        assert_eq!(answers[0].0, StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(answers[0], answers[1], "{method} {path} tells who is there");
    }
}

/// Every call that is not named here is the operator's: also one that is added later.
#[tokio::test]
async fn all_other_calls_are_the_operators() {
    const TENANTS: [&str; 17] = [
        "GET /v1/tenants",
        "GET /v1/tenants/{tenant}",
        "GET /v1/tenants/{tenant}/encryption",
        "POST /v1/tenants/{tenant}/hand-over",
        "POST /v1/tenants/{tenant}/revoke",
        "POST /v1/accounts/{account}/revoke",
        "GET /v1/accounts",
        "GET /v1/accounts/{account}/keys",
        "GET /v1/accounts/{account}/change-feed",
        "GET /v1/accounts/{account}/sinks/{sink}/events",
        "GET /v1/accounts/{account}/mirrors",
        "GET /v1/accounts/{account}/mirrors/{mirror}",
        "POST /v1/accounts/{account}/keys/{number}/rotate",
        "GET /v1/usage",
        "GET /v1/usage.csv",
        "GET /v1/usage.parquet",
        "POST /v1/sas",
    ];
    let stack = two_tenants().await;
    let gold = token(&stack, "gold").await;
    let description: Value = get(&stack, &gold, "/openapi.json").await;
    let mut refused = 0;
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys().map(|method| method.to_uppercase()) {
            let open = !path.starts_with("/v1/");
            if open || TENANTS.contains(&format!("{method} {path}").as_str()) {
                continue;
            }
            let at = path.replace("{tenant}", "gold").replace("{account}", ACCOUNT);
            let answer = call(&stack, &gold, method.parse().expect("a method"), &at).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path}");
            refused += 1;
        }
    }
    assert!(refused > 10, "{refused}");
}

#[tokio::test]
async fn a_token_ends_with_the_next_one_and_with_its_tenant() {
    let mut stack = two_tenants().await;
    let status = async |stack: &Stack, token: &str| {
        call(stack, token, Method::GET, "/v1/tenants").send().await.expect("an answer").status()
    };
    let first = token(&stack, "gold").await;
    assert_eq!(status(&stack, &first).await, StatusCode::OK);
    let bronze = token(&stack, "bronze").await;
    for forged in [first.replacen("gold", "bronze", 1), bronze.replacen("bronze", "gold", 1), "gold.".to_owned()] {
        assert_eq!(status(&stack, &forged).await, StatusCode::UNAUTHORIZED);
    }
    let second = token(&stack, "gold").await;
    assert_eq!(status(&stack, &first).await, StatusCode::UNAUTHORIZED, "revoked");
    stack.kill().await;
    stack.restart().await;
    assert_eq!(status(&stack, &second).await, StatusCode::OK, "it outlives a crash");
    assert_eq!(status(&stack, &first).await, StatusCode::UNAUTHORIZED, "also after a crash");
    let gone = stack.control(Method::POST, "/v1/tenants/gold/off-board").send().await.expect("an answer");
    gone.json::<Receipt>().await.expect("a receipt");
    assert_eq!(status(&stack, &second).await, StatusCode::UNAUTHORIZED);
    let again = "version: 1\ntenants: [{ name: gold }]";
    let again = stack.control(Method::PUT, "/v1/tenants").body(again).send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(status(&stack, &second).await, StatusCode::UNAUTHORIZED, "who comes back is somebody else");
    assert_eq!(status(&stack, &bronze).await, StatusCode::OK);
}
