//! What other ways to serve a model say, as `LLMInferenceService`s: llm-d's chart values, InferenceService with its
//! ServingRuntime, DynamoGraphDeployment.
//!
//! A conversion fails only where there is nothing to make a service of. What has no counterpart is a [`Loss`], never
//! left out silently.

use std::fmt;

use serde_json::Value;

pub mod common;
pub mod detect;
pub mod dynamo;
pub mod inference_service;
pub mod keys;
pub mod run;
pub mod values;

/// The outcome of a conversion.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Converted {
    /// Objects to apply, in this order: configs, services, and what stands beside them.
    pub objects: Vec<Value>,
    /// What could not be carried over, in the order of the input.
    pub lost: Vec<Loss>,
}

/// Something of the input that has no counterpart in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where it stands in the input, such as `decode.subGroupPolicy`.
    pub path: String,
    /// Why it is not carried over, and what to do in its place.
    pub why: String,
}

impl Loss {
    /// A loss at this path of the input.
    pub fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not carried over: {}: {}", self.path, self.why)
    }
}

/// Why nothing comes out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConvertError {
    /// A document is none of those that can be converted.
    #[error(
        "{document}: {found} cannot be converted; known are values of the llm-d-modelservice and inferencepool charts, InferenceService with ServingRuntime, and DynamoGraphDeployment"
    )]
    Unknown {
        /// File and number of the document.
        document: String,
        /// What it is: `kind Pod`, or its first keys.
        found: String,
    },
    /// What is needed to make a service is missing or can't be served by vLLM.
    #[error("{path}: {problem}")]
    Impossible {
        /// Where it stands in the input.
        path: String,
        /// What is wrong with it, with the value, and what to do.
        problem: String,
    },
}
