//! Compiled code that somebody put into the cache: loading it would be running it.

use std::fs;
use std::time::SystemTime;

use super::guest::guest;
use super::lab::{Lab, assert_returned, check};

const KEY: [u8; 32] = [7; 32];

fn written(lab: &Lab) -> SystemTime {
    fs::metadata(lab.compiled()).unwrap().modified().unwrap()
}

async fn started_with_reports() -> Lab {
    let lab = Lab::new().await;
    assert_returned(&lab.run(&guest("reports"), check()).await, 1);
    lab
}

#[tokio::test]
async fn compiled_code_that_nobody_touched_is_loaded_and_not_compiled_again() {
    let lab = started_with_reports().await;
    let (first, code) = (written(&lab), fs::read(lab.compiled()).unwrap());
    let lab = lab.again(KEY).await;
    assert_returned(&lab.run(&guest("reports"), check()).await, 1);
    assert_eq!((written(&lab), fs::read(lab.compiled()).unwrap()), (first, code));
}

// proves C3 (compiled code is only our own)
#[tokio::test]
async fn compiled_code_with_one_byte_flipped_is_compiled_again_and_never_loaded() {
    let mut lab = started_with_reports().await;
    let length = fs::read(lab.compiled()).unwrap().len();
    // In the authentication code, just behind it, in the middle, at the end.
    for at in [0, 32, length / 2, length - 1] {
        let mut flipped = fs::read(lab.compiled()).unwrap();
        flipped[at] ^= 1;
        fs::write(lab.compiled(), &flipped).unwrap();
        let touched = written(&lab);
        lab = lab.again(KEY).await;
        assert_returned(&lab.run(&guest("reports"), check()).await, 1);
        assert!(written(&lab) > touched && fs::read(lab.compiled()).unwrap() != flipped, "byte {at}");
    }
}

// proves C3 (compiled code is only our own)
#[tokio::test]
async fn compiled_code_that_is_cut_short_or_of_another_component_is_compiled_again() {
    let lab = started_with_reports().await;
    let code = fs::read(lab.compiled()).unwrap();
    let other = Lab::new().await;
    assert_returned(&other.run(&guest("remembers"), check()).await, 1);
    // Authentic under the same key, and of another name.
    let foreign = fs::read(other.compiled()).unwrap();
    let mut lab = lab;
    for planted in [&code[..code.len() - 1], &code[..10], &[], &foreign[..]] {
        fs::write(lab.compiled(), planted).unwrap();
        let touched = written(&lab);
        lab = lab.again(KEY).await;
        assert_returned(&lab.run(&guest("reports"), check()).await, 1);
        assert!(written(&lab) > touched && fs::read(lab.compiled()).unwrap() != planted, "{} bytes", planted.len());
    }
}

// proves C3 (compiled code is only our own)
#[tokio::test]
async fn compiled_code_under_another_hosts_key_is_compiled_again() {
    let lab = started_with_reports().await;
    let (first, code) = (written(&lab), fs::read(lab.compiled()).unwrap());
    let lab = lab.again([8; 32]).await;
    assert_returned(&lab.run(&guest("reports"), check()).await, 1);
    assert!(written(&lab) > first);
    assert_ne!(fs::read(lab.compiled()).unwrap()[..32], code[..32], "the authentication code is another");
}
