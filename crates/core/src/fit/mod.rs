//! Whether the weights of a model fit the memory of its accelerators: an estimate, which refuses nothing
//! (`reference/asks.md`, rank 19). Each rank holds its part of the weights and uses the share of its memory that
//! `--gpu-memory-utilization` gives vLLM; what is left of that is for the KV cache.

pub mod format;
pub mod model;
mod notes;

use crate::build::argv;
use crate::quantity;

pub use notes::{Note, notes};

/// What vLLM takes of a device's memory by default, in thousandths.
const UTILIZATION: i64 = 900;

/// How the weights are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// Ranks that hold one copy: tensor × pipeline.
    pub copy: i64,
    /// Copies, of all but experts where these are spread.
    pub data: i64,
    /// Experts are spread over the copies.
    pub expert: bool,
}

/// The weights of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Bytes of one copy.
    pub bytes: u64,
    /// Bytes that are in every copy even where experts are spread; none when that is not known.
    pub common: Option<u64>,
    /// Where the size is known from.
    pub source: String,
}

/// The devices of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Bytes of memory.
    pub memory: u64,
    /// Ranks that share it.
    pub ranks: i64,
}

/// Weights beside memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// What is to fit.
    pub weights: Weights,
    /// Into how many devices.
    pub devices: i64,
    /// Of which kind.
    pub device: Device,
    /// Thousandths of the memory that vLLM takes.
    pub utilization: i64,
    /// Bytes on all these devices, after the weights; below zero where they don't fit.
    pub left: i128,
}

/// How the weights fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With room.
    Fits,
    /// With less than an eighth for the KV cache.
    Tight,
    /// Not.
    TooLarge,
}

/// The weights of a model by its name and vLLM's flags.
pub fn weights(name: &str, flags: &[String]) -> Option<Weights> {
    let size = model::size(name)?;
    let billions = shown(size.total);
    if let Some(bytes) = size.published.filter(|_| !format::is_said(name, flags)) {
        let common = size.active.and_then(|active| share(bytes, active, size.total));
        return Some(Weights { bytes, common, source: format!("{billions} parameters, as published") });
    }
    let format = format::format(name, flags)?;
    let common = size.active.map(|active| format.bytes(active));
    let source = format!("{billions} parameters of {format}");
    Some(Weights { bytes: format.bytes(size.total), common, source })
}

fn share(bytes: u64, part: u64, whole: u64) -> Option<u64> {
    u64::try_from(u128::from(bytes) * u128::from(part) / u128::from(whole.max(1))).ok()
}

/// Parameters as names have them: `32B`, `0.6B`.
fn shown(parameters: u64) -> String {
    let tenths = parameters.saturating_add(50_000_000) / 100_000_000;
    if tenths.is_multiple_of(10) {
        format!("{}B", tenths / 10)
    } else {
        format!("{}.{}B", tenths / 10, tenths % 10)
    }
}

/// Thousandths of the memory that vLLM takes, by its flags.
pub fn utilization(flags: &[String]) -> i64 {
    let given = argv::value_of(flags, "gpu-memory-utilization").and_then(quantity::nanos);
    let thousandths = given.and_then(|nanos| i64::try_from(nanos / 1_000_000).ok());
    thousandths.filter(|n| (1..=1000).contains(n)).unwrap_or(UTILIZATION)
}

/// Compares the two. None where experts are spread and nobody knows how much of the weights they are, unless the
/// weights are too large even if they were nothing but experts.
pub fn estimate(weights: Weights, ranks: Ranks, device: Device, utilization: i64) -> Option<Fit> {
    let (copy, data) = (i128::from(ranks.copy.max(1)), i128::from(ranks.data.max(1)));
    let holders = if ranks.expert { copy.checked_mul(data)? } else { copy };
    let bytes = i128::from(weights.bytes);
    let usable = i128::from(device.memory) / i128::from(device.ranks.max(1)) * i128::from(utilization) / 1000;
    let common = weights.common.map(i128::from).unwrap_or_default();
    let held = if ranks.expert { common / copy + (bytes - common) / holders } else { bytes / copy };
    let left = (usable - held).checked_mul(holders)?;
    let is_guess = ranks.expert && data > 1 && weights.common.is_none() && left >= 0;
    let devices = i64::try_from(holders).ok()?.max(1).checked_add(device.ranks - 1)? / device.ranks.max(1);
    (!is_guess).then_some(Fit { weights, devices, device, utilization, left })
}

impl Fit {
    /// Bytes that vLLM takes of all devices.
    pub fn usable(&self) -> i128 {
        let memory = i128::from(self.device.memory) * i128::from(self.devices);
        memory.saturating_mul(i128::from(self.utilization)) / 1000
    }

    /// How the weights fit.
    pub fn verdict(&self) -> Verdict {
        match self.left {
            ..0 => Verdict::TooLarge,
            left if left < self.usable() / 8 => Verdict::Tight,
            _ => Verdict::Fits,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
