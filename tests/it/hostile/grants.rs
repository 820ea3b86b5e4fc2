//! Guests that want what was not granted: the import is absent, so they do not even begin.

use std::sync::Arc;

use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::egress::Policy;
use fitment_domain::run::{End, Returned};
use fitment_domain::ticket::remote;
use fitment_runner_client::{Egress, HttpHost, Secrets, Trust};

use super::guest::guest;
use super::lab::{Lab, check, describe, http, told};
use super::web::{Manner, Web};

// proves C3 (only what was granted)
#[tokio::test]
async fn an_import_without_its_permission_is_refused_by_name() {
    let lab = Lab::new().await;
    let refused = lab.run(&guest("measures"), check()).await;
    let words = "import fitment:accessory/metrics@0.1.1 needs permission metrics, which was not granted to this run";
    assert_eq!(refused.end, End::Refused(words.to_owned()));
    assert_eq!(refused.usage.fuel, 0, "not one instruction ran");

    // The wrong permission is none, for a monitor that could not even import http.
    let mut spec = check();
    spec.grants = http(&["http://127.0.0.1:9"], &[]);
    assert_eq!(lab.run(&guest("measures"), spec).await.end, End::Refused(words.to_owned()));

    let mut spec = check();
    spec.grants = Grants([(Permission::Metrics, Scope::default())].into());
    assert!(told(&lab.run(&guest("measures"), spec).await) > 1e6, "the bytes of this machine's memory");
}

// proves C3 (only what was granted), C2 (the same runtime runs monitors and connectors)
#[tokio::test]
async fn http_without_its_permission_or_with_an_empty_scope_is_refused_by_name() {
    let lab = Lab::new().await;
    let web = Web::start(Manner::Echo).await;
    let host = Arc::new(HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device)).unwrap());
    let words = "import fitment:accessory/http@0.1.1 needs permission http, which was not granted to this run";
    let metrics = Grants([(Permission::Metrics, Scope::default())].into());
    for grants in [Grants::default(), metrics, http(&[], &["token"])] {
        let report = lab.run_with(&guest("asks"), describe(&web.origin(), "", grants), host.clone()).await;
        assert_eq!(report.end, End::Refused(words.to_owned()));
    }
    assert!(web.heard().await.is_empty());

    let report = lab.run_with(&guest("asks"), describe(&web.origin(), "", http(&[&web.origin()], &[])), host).await;
    assert!(matches!(report.end, End::Returned(Returned::Connector(Ok(remote::Answer::Description(_))))), "{report:?}");
    assert_eq!(web.heard().await.len(), 1);
    // The process that ran the connector takes a monitor next.
    let mut spec = check();
    spec.grants = Grants([(Permission::Metrics, Scope::default())].into());
    assert!(told(&lab.run(&guest("measures"), spec).await) > 1e6);
}

// proves C3 (only what was granted)
#[tokio::test]
async fn a_component_of_one_world_is_refused_in_the_other() {
    let lab = Lab::new().await;
    let as_monitor = lab.run(&guest("asks"), check()).await;
    assert!(matches!(as_monitor.end, End::Refused(_)), "{as_monitor:?}");
    let as_connector =
        lab.run(&guest("spins"), describe("http://127.0.0.1:9", "", http(&["http://127.0.0.1:9"], &[]))).await;
    assert!(matches!(as_connector.end, End::Refused(_)), "{as_connector:?}");
}
