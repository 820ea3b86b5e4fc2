//! Where connections may lead to.

use serde_json::json;

use crate::support::databases::Database;
use crate::support::platform::{Answer, Platform, Session, Setting};

async fn connect(msp: &Session, url: &str) -> Answer {
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": url, "secrets": { "token": "t" },
        "consent": ["http"] });
    msp.post("/api/v1/connections", body).await
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_connection_leads_into_a_closed_network_only_where_the_operator_opened_it() {
    let closed = Setting { connections_stay_public: true, ..Setting::default() };
    let closed = Platform::start_in(Database::sqlite(), closed).await;
    let open = Platform::start(Database::sqlite()).await;
    for platform in [&closed, &open] {
        platform.publish("request-tracker").await;
    }
    let (closed, open) = (closed.msp().await, open.msp().await);
    let here = ["http://127.0.0.1:9", "http://localhost:9"];
    let elsewhere = ["http://10.0.0.1", "http://169.254.169.254/latest", "http://0xa9fea9fe/", "http://[fe80::1]"];
    for url in here.iter().chain(&elsewhere) {
        let refused = connect(&closed, url).await;
        assert_eq!((refused.status, refused.code()), (422, "address-refused"), "{url}: {refused:#?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.starts_with("url: ") && detail.contains(" leads to a"), "{detail}");
        assert_eq!(detail.contains("--connections-may-reach"), !detail.contains("metadata"), "{detail}");
    }
    for url in elsewhere {
        assert_eq!(connect(&open, url).await.code(), "address-refused", "{url}");
    }
    for url in here {
        let tried = connect(&open, url).await;
        assert_eq!((tried.status, tried.code()), (422, "connection-refused"), "nobody answers there: {tried:#?}");
    }
    let wrong = std::process::Command::new(crate::support::programs::program("fitment-server"))
        .args(["serve", "--data", "/nonexistent", "--connections-may-reach", "10.1.2.3/8"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("write 10.0.0.0/8"), "{said}");
}
