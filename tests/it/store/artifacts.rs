//! Compiled code: what is attested, and who takes it.

use ed25519_dalek::SigningKey;
use fitment_domain::artifact::{ARTIFACT_TYPE, Standing, Target};
use fitment_domain::bytes::Digest;
use fitment_domain::signature::Envelope;
use fitment_domain::tenant::Scope;
use fitment_store::{Artifact, StoreError};

use super::fixture::{Msp, NOW};
use crate::support::databases::Database;

pub(crate) async fn what_is_known_of_compiled_code_reads_back_and_an_msp_takes_none_unless_it_said_so(
    database: &Database,
) {
    let store = database.open().await;
    let (one, two) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let statement = Envelope::sign(ARTIFACT_TYPE, &"said", &SigningKey::from_bytes(&[1; 32])).unwrap();
    let artifact = |build, standing| Artifact {
        release: one.release.clone(),
        target: Target::X86V2Linux,
        build,
        digest: Digest::of(b"code"),
        statement: statement.clone(),
        standing,
        reason: None,
        changed: NOW,
    };
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    for build in [2, 10] {
        tx.put_artifact(&artifact(build, Standing::Waiting)).await.unwrap();
    }
    let refused = Artifact { reason: Some("why".to_owned()), ..artifact(10, Standing::Refused) };
    tx.put_artifact(&refused).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.artifacts(&one.release).await.unwrap(), [artifact(2, Standing::Waiting), refused.clone()]);
    assert_eq!(tx.artifacts(&two.release).await.unwrap(), []);
    assert_eq!(tx.artifact(&one.release, Target::X86V2Linux, 10).await.unwrap(), Some(refused));
    assert_eq!(tx.artifact(&one.release, Target::Aarch64Linux, 10).await.unwrap(), None);
    // What is forgotten is what was withdrawn, and nothing that counts.
    tx.put_artifact(&artifact(10, Standing::Withdrawn)).await.unwrap();
    tx.put_artifact(&artifact(2, Standing::Attested)).await.unwrap();
    assert_eq!(tx.delete_withdrawn_artifacts(&one.release, Target::Aarch64Linux).await.unwrap(), 0);
    assert_eq!(tx.delete_withdrawn_artifacts(&one.release, Target::X86V2Linux).await.unwrap(), 1);
    assert_eq!(tx.artifacts(&one.release).await.unwrap(), [artifact(2, Standing::Attested)]);
    assert_eq!(tx.tenants_that_take_artifacts().await.unwrap(), []);
    tx.commit().await.unwrap();

    for (accepted, takers) in [(true, vec![one.tenant.clone()]), (false, Vec::new())] {
        let mut tx = store.begin(one.scope()).await.unwrap();
        assert_eq!(tx.takes_artifacts().await.unwrap(), !accepted);
        tx.set_takes_artifacts(accepted).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!store.read(two.scope()).await.unwrap().takes_artifacts().await.unwrap());
        let mut tx = store.read(Scope::Platform).await.unwrap();
        assert_eq!(tx.tenants_that_take_artifacts().await.unwrap(), takers);
    }
    let mut tx = store.begin(one.scope()).await.unwrap();
    let refused = Err(StoreError::Scope { needed: "platform" });
    assert_eq!(tx.put_artifact(&artifact(1, Standing::Attested)).await, refused);
}
