//! The kinds `LLMInferenceService` and `LLMInferenceServiceConfig` of group `serving.kserve.io`: types, schema,
//! rules on one object, and conditions. Pure: no client, no clock.

pub mod conditions;
pub mod conversion;
pub mod crd;
pub mod rules;
pub mod v1alpha1;
pub mod v1alpha2;
pub mod version;
