//! Values of a pod that shrink while they are parsed.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::quantity::nanos;

/// A quantity in thousandths; what is no quantity counts as nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount(pub(crate) i64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a quantity")
    }
    fn visit_str<E>(self, text: &str) -> Result<Amount, E> {
        let thousandths = nanos(text).unwrap_or_default() / 1_000_000;
        Ok(Amount(i64::try_from(thousandths).unwrap_or(i64::MAX)))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Amount, E> {
        Ok(Amount(number.saturating_mul(1000)))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
        self.visit_str(&number.to_string())
    }
}

/// Of a value only a hash, made while it is parsed; 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest(pub(super) u64);

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut hasher = DefaultHasher::new();
        Hashing(&mut hasher).deserialize(deserializer)?;
        Ok(Self(hasher.finish()))
    }
}

struct Hashing<'a>(&'a mut DefaultHasher);

impl<'de> DeserializeSeed<'de> for Hashing<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Hashing<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        ('b', value).hash(self.0);
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        ('n', value).hash(self.0);
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        ('n', value).hash(self.0);
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        ('f', value.to_bits()).hash(self.0);
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        ('s', value).hash(self.0);
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        '0'.hash(self.0);
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        '['.hash(self.0);
        while items.next_element_seed(Hashing(&mut *self.0))?.is_some() {}
        ']'.hash(self.0);
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        '{'.hash(self.0);
        while entries.next_key_seed(Hashing(&mut *self.0))?.is_some() {
            entries.next_value_seed(Hashing(&mut *self.0))?;
        }
        '}'.hash(self.0);
        Ok(())
    }
}
