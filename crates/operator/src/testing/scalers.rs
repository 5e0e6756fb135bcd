//! The end of an autoscaler wakes its service: something waits for that.

use std::collections::BTreeSet;

use llmisvc_core::facts::Ref;
use llmisvc_kinds::Kind;

use super::Server;
use super::passes::{child, context, enacted, sealed};
use crate::memo::Mind;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

#[tokio::test]
async fn what_waits_for_the_end_of_an_autoscaler_is_woken_when_it_is_gone() {
    for (kind, name) in
        [(Kind::HorizontalPodAutoscaler, "m-kserve-hpa"), (Kind::ScaledObject, "m-kserve-keda")]
    {
        let server = Server::default();
        let ctx = context(&server);
        let mut mind = Mind::default();
        enacted(&ctx, &sealed([child(kind, name, 1)]), &mut mind).await;
        let there = ctx.stores.live(&Ref::new("ns", "m"));
        let object = there[&(kind, name.to_owned())].body.as_ref().clone();
        server.requests();
        enacted(&ctx, &[], &mut mind).await;
        assert_eq!(server.requests(), [format!("delete {}/{name}", kind.served().plural)]);
        // It counts as there until the watch shows its end, however long its finalizers take.
        assert_eq!(ctx.stores.live(&Ref::new("ns", "m")), there);
        let woken = ctx.stores.remove(Watched::Child(kind), &Raw::new(object));
        assert_eq!(woken, BTreeSet::from([Ref::new("ns", "m")]));
        assert!(ctx.stores.live(&Ref::new("ns", "m")).is_empty());
    }
}
