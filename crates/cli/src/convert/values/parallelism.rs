//! The chart's arithmetic of ranks and pods (`reference/llm-d.md §3.3`).

use serde_json::{Map, Value, json};

use crate::convert::ConvertError;
use crate::convert::keys::Keys;

/// Ranks and pods of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// Accelerators that one copy of the model is spread over.
    pub tensor: i64,
    /// Data-parallel ranks in all.
    pub data: i64,
    /// Data-parallel ranks in each pod.
    pub local: i64,
    /// Pods in a group.
    pub workers: i64,
}

impl Ranks {
    /// What is not given is derived from the others; the chart's own 1 counts as not given.
    pub fn of(keys: &mut Keys, role: &str) -> Result<Self, ConvertError> {
        let mut number = |key: &str| keys.number(&format!("{role}.parallelism.{key}"));
        let (tensor, data) = (number("tensor").unwrap_or(1), number("data"));
        let (local, workers) = (number("dataLocal"), number("workers"));
        let whole = |a: i64, b: i64| divided(role, a, b);
        let total =
            data.or(local.zip(workers).map(|(local, workers)| local * workers)).or(local).unwrap_or(1);
        let here = match (local, data, workers) {
            (Some(local), ..) => local,
            (None, Some(data), Some(workers)) => whole(data, workers)?,
            (None, data, _) => data.unwrap_or(1),
        };
        let pods = match (workers, data, local) {
            (Some(workers), ..) => workers,
            (None, Some(data), Some(local)) => whole(data, local)?,
            _ => 1,
        };
        Ok(Self { tensor, data: total, local: here, workers: pods })
    }

    /// Accelerators in each pod.
    pub fn devices(&self) -> i64 {
        self.tensor * self.local
    }

    /// The field `parallelism`. A single rank is said only where the count of accelerators follows from it.
    pub fn field(&self, is_group: bool, is_counted: bool) -> Value {
        let mut field = Map::new();
        if self.tensor > 1 || is_counted {
            field.insert("tensor".to_owned(), json!(self.tensor));
        }
        if self.data > 1 {
            field.insert("data".to_owned(), json!(self.data));
        }
        if self.data > 1 && is_group {
            field.insert("dataLocal".to_owned(), json!(self.local));
        }
        if self.data == 1 && is_group {
            field.insert("pipeline".to_owned(), json!(self.workers));
        }
        Value::Object(field)
    }
}

fn divided(role: &str, total: i64, part: i64) -> Result<i64, ConvertError> {
    if total % part == 0 {
        return Ok(total / part);
    }
    Err(ConvertError::Impossible {
        path: format!("{role}.parallelism.data"),
        problem: format!(
            "{total} ranks are not divided by {part}; give data, dataLocal and workers that fit"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(parallelism: &Value) -> Result<[i64; 4], ConvertError> {
        let mut keys = Keys::new(json!({"decode": {"parallelism": parallelism}}), "");
        Ranks::of(&mut keys, "decode").map(|r| [r.tensor, r.data, r.local, r.workers])
    }

    #[test]
    fn what_is_not_given_is_derived() {
        let cases = [
            (json!({}), [1, 1, 1, 1]),
            (json!({"tensor": 8}), [8, 1, 1, 1]),
            (json!({"data": 16, "dataLocal": 8}), [1, 16, 8, 2]),
            (json!({"data": 16, "workers": 4}), [1, 16, 4, 4]),
            (json!({"dataLocal": 8, "workers": 2}), [1, 16, 8, 2]),
            (json!({"data": 4}), [1, 4, 4, 1]),
            (json!({"dataLocal": 4}), [1, 4, 4, 1]),
            (json!({"tensor": 2, "workers": 2, "data": 0, "dataLocal": null}), [2, 1, 1, 2]),
        ];
        for (given, expected) in cases {
            assert_eq!(ranks(&given), Ok(expected), "{given}");
        }
    }

    #[test]
    fn what_does_not_divide_is_refused() {
        let said = ranks(&json!({"data": 16, "dataLocal": 3})).expect_err("does not divide").to_string();
        assert!(said.starts_with("decode.parallelism.data: 16 ranks are not divided by 3"), "{said}");
    }

    #[test]
    fn a_group_says_how_it_is_spread() {
        let ranks = Ranks { tensor: 1, data: 16, local: 8, workers: 2 };
        assert_eq!(ranks.field(true, true), json!({"tensor": 1, "data": 16, "dataLocal": 8}));
        let ranks = Ranks { tensor: 8, data: 1, local: 1, workers: 2 };
        assert_eq!(ranks.field(true, false), json!({"tensor": 8, "pipeline": 2}));
        assert_eq!(ranks.devices(), 8);
    }
}
