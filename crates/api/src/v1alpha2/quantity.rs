//! Resource quantities, which YAML may write as a string or as an integer.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

/// A quantity such as `10Gi`, in the text form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantity(pub String);

impl Quantity {
    /// The number before the suffix has no digit but zero.
    pub fn is_zero(&self) -> bool {
        let number = self.0.trim_start_matches(['+', '-']);
        let number = number.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
        !number.contains(|c: char| ('1'..='9').contains(&c))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a quantity: a string such as 10Gi, or an integer")]
        enum Written {
            Text(String),
            Integer(i64),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Integer(number) => number.to_string(),
        }))
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        crate::crd::nodes::quantity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_string_or_an_integer() {
        let read =
            |text: &str| serde_json::from_str::<Quantity>(text).map(|q| q.0).map_err(|e| e.to_string());
        assert_eq!(read("\"10Gi\""), Ok("10Gi".to_owned()));
        assert_eq!(read("1073741824"), Ok("1073741824".to_owned()));
        assert!(read("true").unwrap_err().starts_with("a quantity: a string such as 10Gi"));
    }

    #[test]
    fn zero_is_zero_in_every_unit() {
        let zero = |text: &str| Quantity(text.to_owned()).is_zero();
        assert!(["0", "0Gi", "0.00", "-0", "0e5"].iter().all(|q| zero(q)));
        assert!(["1", "0.5Gi", "10Mi", "1e3"].iter().all(|q| !zero(q)));
    }
}
