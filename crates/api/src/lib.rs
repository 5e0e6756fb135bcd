//! The kinds `LLMInferenceService` and `LLMInferenceServiceConfig` of group `serving.kserve.io`.
pub mod v1alpha2;
