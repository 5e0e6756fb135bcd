//! Tensor, pipeline, data and expert parallelism (`reference/workloads.md §6.6, §16`).

use llmisvc_api::v1alpha2::Parallelism;

use super::problem::Problem;
use super::scope::Scope;
use crate::build::argv::{self, Spread};

/// Reads `parallelism`, and says what can't be or can't work.
pub fn parallelism(scope: &mut Scope<'_, '_>) -> Parallelism {
    Parallelism {
        tensor: size(scope, "tensor"),
        pipeline: size(scope, "pipeline"),
        data: size(scope, "data"),
        data_local: size(scope, "dataLocal"),
        data_rpc_port: port(scope),
        expert: expert(scope),
    }
}

fn size(scope: &mut Scope<'_, '_>, key: &str) -> Option<i32> {
    let number = scope.integer(&["parallelism", key], 1, "at least 1")?;
    let narrow = i32::try_from(number).ok();
    if narrow.is_none() {
        let problem = Problem::Range { got: number, rule: "at most 2147483647" };
        scope.error(&format!("parallelism.{key}"), &problem);
    }
    narrow
}

fn port(scope: &mut Scope<'_, '_>) -> Option<i32> {
    let rule = "a port from 1 to 65535";
    let number = scope.integer(&["parallelism", "dataRPCPort"], 1, rule)?;
    let port = u16::try_from(number).ok().map(i32::from);
    if port.is_none() {
        scope.error("parallelism.dataRPCPort", &Problem::Range { got: number, rule });
    }
    port
}

fn expert(scope: &mut Scope<'_, '_>) -> Option<bool> {
    let value = scope.given(&["parallelism", "expert"])?.clone();
    if value.as_bool().is_none() {
        let problem = Problem::Type { expected: "true or false", got: value.to_string() };
        scope.error("parallelism.expert", &problem);
    }
    value.as_bool()
}

/// That `data` and `dataLocal` come together, and without `pipeline`, is a rule of the API.
pub fn check_one_node(scope: &mut Scope<'_, '_>, sizes: &Parallelism) {
    if let (Some(data), Some(local)) = (sizes.data, sizes.data_local)
        && data != local
    {
        scope.warn("parallelism.dataLocal", &Problem::DataOnOneNode { data, local });
    }
}

/// What one pod runs: its ranks, and how they come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Ranks, each on an accelerator of its own.
    pub size: i64,
    /// Where the size comes from, for messages.
    pub sizes: String,
    /// False when neither the spec nor a flag gives any size.
    pub given: bool,
}

/// The world size of one pod: on a single node `data` multiplies, `expert` never does (design: the accelerator
/// count). A flag that the user gives counts more than the field, since vLLM obeys the flag.
pub fn world(sizes: &Parallelism, spread: Option<Spread>, user: &[String]) -> World {
    let [tensor, pipeline, data] = given(sizes, user);
    let (tensor, pipeline) = (("tensor", tensor), ("pipeline", pipeline));
    match spread {
        None => product(&[tensor, pipeline, ("data", data)], 1),
        Some(Spread::Data { local, .. }) => {
            let local = flag(user, "data-parallel-size-local").unwrap_or(i64::from(local));
            product(&[tensor, ("dataLocal", Some(local))], 1)
        }
        Some(Spread::World { nodes }) => product(&[tensor, pipeline], nodes),
    }
}

/// Tensor, pipeline and data, by the user's flags and else by the fields.
pub fn given(sizes: &Parallelism, user: &[String]) -> [Option<i64>; 3] {
    let fields = [sizes.tensor, sizes.pipeline, sizes.data].map(|size| size.map(i64::from));
    let flags =
        ["tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size"].map(|it| flag(user, it));
    let [tensor, pipeline, data] = flags;
    let [by_tensor, by_pipeline, by_data] = fields;
    [tensor.or(by_tensor), pipeline.or(by_pipeline), data.or(by_data)]
}

fn flag(user: &[String], name: &str) -> Option<i64> {
    argv::value_of(user, name).and_then(|value| value.parse().ok()).filter(|size| *size > 0)
}

fn product(parts: &[(&str, Option<i64>)], pods: i64) -> World {
    let ranks = parts.iter().fold(1_i64, |product, (_, n)| product.saturating_mul(n.unwrap_or(1)));
    let text: Vec<String> = parts.iter().map(|(name, n)| format!("{name} {}", n.unwrap_or(1))).collect();
    let over = if pods > 1 { format!(", over {pods} pods") } else { String::new() };
    World {
        size: (ranks + pods - 1) / pods.max(1),
        sizes: format!("{}{over}", text.join(" × ")),
        given: parts.iter().any(|(_, n)| n.is_some()),
    }
}
