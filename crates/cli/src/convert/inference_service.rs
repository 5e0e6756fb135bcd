//! InferenceService with its ServingRuntime.
