//! The leader's Lease.

use std::time::Duration;

use super::Server;
use crate::lease::{Lease, NAME};

fn path() -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/kserve/leases/{NAME}")
}

fn holder(server: &Server) -> String {
    server.get(&path()).unwrap()["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_held_lease_is_taken_over_only_after_it_ran_out() {
    let server = Server::default();
    let (mut a, mut b) = (Lease::new(server.wire(), "kserve", "a"), Lease::new(server.wire(), "kserve", "b"));
    a.acquire().await;
    let started = tokio::time::Instant::now();
    b.acquire().await;
    assert!(started.elapsed() >= Duration::from_secs(15));
    assert_eq!(holder(&server), "b");
    assert_eq!(server.get(&path()).unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_once() {
    let server = Server::default();
    let (mut a, mut b) = (Lease::new(server.wire(), "kserve", "a"), Lease::new(server.wire(), "kserve", "b"));
    a.acquire().await;
    a.release().await;
    let started = tokio::time::Instant::now();
    b.acquire().await;
    assert_eq!((holder(&server), started.elapsed()), ("b".to_owned(), Duration::ZERO));
    a.release().await;
    assert_eq!(holder(&server), "b", "only the holder releases");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_others_take_over() {
    let server = Server::default();
    let mut a = Lease::new(server.wire(), "kserve", "a");
    a.acquire().await;
    server.refuse(NAME, 503);
    let started = tokio::time::Instant::now();
    a.hold().await;
    assert!(started.elapsed() >= Duration::from_secs(10) && started.elapsed() < Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_another_holds_stops() {
    let server = Server::default();
    let mut a = Lease::new(server.wire(), "kserve", "a");
    a.acquire().await;
    let mut lease = server.get(&path()).unwrap();
    lease["spec"]["holderIdentity"] = "b".into();
    server.put(&path(), lease);
    let started = tokio::time::Instant::now();
    a.hold().await;
    assert!(started.elapsed() < Duration::from_secs(5));
}
