//! The values that labels may have: closed sets.

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $value:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$what])* $value,)* }

        impl $name {
            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }
    )*};
}

labels! {
    /// How a pass ended.
    Outcome {
        /// Everything is as it should be, or waits for something that a watch will show.
        Settled = "settled",
        /// To be tried again with backoff.
        Retry = "retry",
        /// The service is gone, or on its way.
        Deleted = "deleted",
        /// Held back for a moment.
        Held = "held",
    }

    /// A step of a pass.
    Step {
        /// Answers and decision.
        Decide = "decide",
        /// Creates and applies.
        Apply = "apply",
        /// Deletes.
        Prune = "prune",
        /// Status and event.
        Report = "report",
    }

    /// What was done to an object.
    Verb {
        /// Created by POST.
        Created = "created",
        /// Changed by server-side apply.
        Applied = "applied",
        /// Found as it should be.
        Unchanged = "unchanged",
        /// Deleted.
        Pruned = "pruned",
        /// Refused by the API server, or not ours.
        Refused = "refused",
    }

    /// What was written about a config.
    ConfigWrite {
        /// Its finalizer was set.
        Held = "held",
        /// Its finalizer was taken off.
        Released = "released",
        /// It was deleted, as a preset of an older release.
        Retired = "retired",
        /// Its status.
        Status = "status",
    }

    /// A webhook, as it is called.
    Call {
        /// Validation.
        Validate = "validate",
        /// Defaults.
        Mutate = "mutate",
        /// Conversion.
        Convert = "convert",
    }

    /// What became of an object that was to be stored anew.
    Rewrite {
        /// It is of the current version.
        Done = "done",
        /// The API server refuses it as it is.
        Refused = "refused",
    }

    /// How a call ended.
    CallResult {
        /// Admitted, or converted.
        Ok = "ok",
        /// Refused, or not convertible.
        Refused = "refused",
        /// Not understood.
        Failed = "failed",
    }

    /// What became of an event.
    Told {
        /// It was created.
        Written = "written",
        /// It was counted on the same one of before.
        Repeated = "repeated",
        /// There were too many.
        Dropped = "dropped",
        /// It could not be written.
        Failed = "failed",
    }

    /// A work queue.
    Line {
        /// Services.
        Services = "services",
        /// Configs.
        Configs = "configs",
    }
}
