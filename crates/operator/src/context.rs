//! What every pass works with.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use llmisvc_core::facts::Ref;
use llmisvc_core::{Inputs, Step};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::configs::Memory;
use crate::events::Events;
use crate::memo::Mind;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::stores::{Stores, lock};
use crate::wire::Wire;
use llmisvc_core::status::StatusInput;

/// Writes in flight, over all services: more are slower (design, "Cost").
const WRITES: usize = 8;

/// The pure core, as the two functions that the shell calls.
#[derive(Clone, Copy)]
pub struct Core {
    /// Resolves, merges, renders, validates and builds.
    pub decide: fn(&Inputs<'_>) -> Step,
    /// The whole new status.
    pub status: fn(&StatusInput<'_>) -> Value,
}

/// Settings of the process that a pass needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespace of the operator, its presets and its ConfigMap.
    pub system_namespace: String,
    /// Who reports events: the pod, or the host.
    pub identity: String,
}

/// See the module.
pub struct Context {
    /// Requests.
    pub wire: Wire,
    /// What the watches have shown.
    pub stores: Stores,
    /// Who is due.
    pub queue: Arc<Queue>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Events that wait to be written.
    pub events: Events,
    /// The core.
    pub core: Core,
    /// Process settings.
    pub options: Options,
    /// Bounds writes in flight.
    pub writes: Semaphore,
    /// Whether the presets of this release stand, so that those of older ones may go.
    pub presets_installed: AtomicBool,
    /// Tells that a CRD of our own kinds has changed.
    pub crds: watch::Sender<()>,
    minds: Mutex<BTreeMap<Ref, Mind>>,
    memories: Mutex<BTreeMap<Ref, Memory>>,
}

impl Context {
    /// A context without any memory.
    pub fn new(wire: Wire, stores: Stores, core: Core, options: Options) -> Arc<Self> {
        Arc::new(Self {
            wire,
            stores,
            queue: Arc::default(),
            metrics: Arc::default(),
            events: Events::default(),
            core,
            options,
            writes: Semaphore::new(WRITES),
            presets_installed: AtomicBool::new(false),
            crds: watch::Sender::new(()),
            minds: Mutex::default(),
            memories: Mutex::default(),
        })
    }

    /// Takes what is remembered of a service; the queue sees to it that only one pass has it.
    pub fn take_mind(&self, service: &Ref) -> Mind {
        lock(&self.minds).remove(service).unwrap_or_default()
    }

    /// Puts it back.
    pub fn keep_mind(&self, service: &Ref, mind: Mind) {
        lock(&self.minds).insert(service.clone(), mind);
    }

    /// Takes what is remembered of a config.
    pub fn take_memory(&self, config: &Ref) -> Memory {
        lock(&self.memories).remove(config).unwrap_or_default()
    }

    /// Puts it back.
    pub fn keep_memory(&self, config: &Ref, memory: Memory) {
        lock(&self.memories).insert(config.clone(), memory);
    }

    /// Forgets the decisions of services that nothing has happened to for a while; they are made anew when
    /// something does.
    pub fn rest(&self) {
        lock(&self.minds).values_mut().for_each(Mind::rest);
    }
}
