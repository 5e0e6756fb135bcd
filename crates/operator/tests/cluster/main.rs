//! The operator on a real control plane, under the permissions of `config/rbac`. All tests share one cluster and
//! one operator; each has a namespace of its own. Those in `alone` have a cluster of their own.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
// Helpers of tests may index and unwrap, as tests may.
#![cfg(test)]

mod admission;
mod alone;
mod causes;
mod chart;
mod claims;
mod configs;
mod drift;
mod equality;
mod errors;
mod examples;
mod gateway_extras;
mod gitops;
mod groups;
mod handover;
mod lifecycle;
mod look;
mod matrix;
mod monitors;
mod node;
mod older_version;
mod pairs;
mod picker;
mod picker_identity;
mod pickers;
mod pools;
mod rollout_blocked;
mod rollouts;
mod scale;
mod scaling;
mod signals;
mod standby;
mod status;
mod storage_version;
mod takeover;
mod tls;
mod topologies;
mod traffic;
mod variants;
mod versions;
mod ways_in;
mod webhooks;
mod webhooks_rotation;
