//! TPU slices: how many chips a node has, and how many ranks they run (`reference/llm-d.md §2.2, §2.3`). The shapes
//! are those of Google's pages on each generation: a slice of one node has all its chips there, any larger one is
//! made of nodes with four. Eight chips of v5e and v6e may also be two nodes of four.

use serde_json::Value;

use crate::tree;

/// Label of the generation.
pub const GENERATION: &str = "cloud.google.com/gke-tpu-accelerator";
/// Label of the slice's shape.
pub const TOPOLOGY: &str = "cloud.google.com/gke-tpu-topology";

/// What a chip of a generation has.
struct Generation {
    label: &'static str,
    /// Each runs a rank.
    cores: i64,
    /// GiB of memory.
    memory: u64,
    /// Chips of the largest node.
    most: i64,
    /// Its topologies have this many dimensions.
    dimensions: usize,
}

const GENERATIONS: [Generation; 5] = [
    Generation { label: "tpu-v5-lite-podslice", cores: 1, memory: 16, most: 8, dimensions: 2 },
    Generation { label: "tpu-v5-lite-device", cores: 1, memory: 16, most: 8, dimensions: 2 },
    Generation { label: "tpu-v5p-slice", cores: 1, memory: 95, most: 4, dimensions: 3 },
    Generation { label: "tpu-v6e-slice", cores: 1, memory: 32, most: 8, dimensions: 2 },
    Generation { label: "tpu7x", cores: 2, memory: 192, most: 4, dimensions: 3 },
];

/// Chips of a node in a larger slice.
const PER_NODE: i64 = 4;

/// A slice that a pod asks for by node selectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its shape, as the label says it.
    pub topology: String,
    /// Chips in all.
    pub chips: i64,
    /// Ranks of a chip.
    pub cores: i64,
    /// Chips of a node, the usual number first.
    pub per_node: Vec<i64>,
}

impl Slice {
    /// Chips of a node, where so many pods share the slice.
    pub fn chips_of_node(&self, pods: i64) -> i64 {
        let fitting = self.per_node.iter().find(|chips| self.nodes(**chips) == pods);
        fitting.or(self.per_node.first()).copied().unwrap_or(self.chips)
    }

    /// Nodes with so many chips.
    pub fn nodes(&self, per_node: i64) -> i64 {
        self.chips / per_node.max(1)
    }
}

/// The slice of a pod, when its selectors name a generation and a shape that are known.
pub fn slice(pod: &Value) -> Option<Slice> {
    let generation = generation(tree::text(pod, &["nodeSelector", GENERATION]))?;
    let topology = tree::text(pod, &["nodeSelector", TOPOLOGY]);
    let chips = chips(topology, generation.dimensions)?;
    let per_node = match chips {
        8 if generation.most == 8 => vec![8, PER_NODE],
        few if few <= PER_NODE => vec![few],
        _ => vec![PER_NODE],
    };
    Some(Slice { topology: topology.to_owned(), chips, cores: generation.cores, per_node })
}

/// GiB of memory of a chip.
pub fn memory(label: &str) -> Option<u64> {
    generation(label).map(|generation| generation.memory)
}

/// Ranks of a chip of the pod's generation, one where it is not known.
pub fn cores(pod: &Value) -> i64 {
    generation(tree::text(pod, &["nodeSelector", GENERATION])).map_or(1, |generation| generation.cores)
}

fn generation(label: &str) -> Option<&'static Generation> {
    GENERATIONS.iter().find(|generation| generation.label == label)
}

/// The product of `2x4`: one, two, or a multiple of four chips.
fn chips(topology: &str, dimensions: usize) -> Option<i64> {
    let sides: Vec<i64> = topology.split('x').map(str::parse).collect::<Result<_, _>>().ok()?;
    let fits = sides.len() == dimensions && sides.iter().all(|side| *side > 0);
    let chips = sides.iter().try_fold(1_i64, |chips, side| chips.checked_mul(*side)).filter(|_| fits)?;
    (chips < PER_NODE || chips % PER_NODE == 0).then_some(chips)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pod(generation: &str, topology: &str) -> Value {
        json!({"nodeSelector": {GENERATION: generation, TOPOLOGY: topology}})
    }

    #[rstest]
    #[case("tpu-v6e-slice", "1x1", 1, 1, &[1])]
    #[case("tpu-v6e-slice", "2x2", 4, 1, &[4])]
    #[case("tpu-v6e-slice", "2x4", 8, 1, &[8, 4])]
    #[case("tpu-v6e-slice", "4x4", 16, 1, &[4])]
    #[case("tpu-v6e-slice", "16x16", 256, 1, &[4])]
    #[case("tpu-v5-lite-podslice", "2x4", 8, 1, &[8, 4])]
    #[case("tpu-v5-lite-podslice", "4x8", 32, 1, &[4])]
    #[case("tpu-v5p-slice", "2x2x1", 4, 1, &[4])]
    #[case("tpu-v5p-slice", "2x2x2", 8, 1, &[4])]
    #[case("tpu7x", "2x2x1", 4, 2, &[4])]
    #[case("tpu7x", "2x4x4", 32, 2, &[4])]
    fn a_topology_tells_chips_and_nodes(
        #[case] generation: &str,
        #[case] topology: &str,
        #[case] chips: i64,
        #[case] cores: i64,
        #[case] per_node: &[i64],
    ) {
        let expected = Slice { topology: topology.to_owned(), chips, cores, per_node: per_node.to_vec() };
        assert_eq!(slice(&pod(generation, topology)), Some(expected));
    }

    #[rstest]
    #[case("tpu-v9", "2x4")]
    #[case("tpu7x", "2x4")]
    #[case("tpu-v6e-slice", "3x3")]
    #[case("tpu-v6e-slice", "2x0")]
    #[case("tpu-v6e-slice", "-2x-4")]
    #[case("tpu-v6e-slice", "")]
    #[case("", "2x4")]
    fn what_is_no_slice_says_nothing(#[case] generation: &str, #[case] topology: &str) {
        assert_eq!(slice(&pod(generation, topology)), None);
    }

    #[test]
    fn eight_chips_are_one_node_or_two() {
        let slice = slice(&pod("tpu-v6e-slice", "2x4")).unwrap();
        assert_eq!([1, 2, 3].map(|pods| slice.chips_of_node(pods)), [8, 4, 8]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(topology in "([0-9]{1,19}x){0,3}[0-9x]{0,19}|.*") {
            for generation in &GENERATIONS {
                if let Some(slice) = slice(&pod(generation.label, &topology)) {
                    prop_assert!(slice.per_node.iter().all(|chips| slice.nodes(*chips) * chips == slice.chips));
                }
            }
        }
    }
}
