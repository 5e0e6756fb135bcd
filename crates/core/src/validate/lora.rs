//! Whether vLLM hears of the adapters.

use super::problem::Problem;
use super::scope::Scope;
use crate::build::lora::{self, Hearing};
use crate::tree;
use crate::valid::PodTemplate;

/// Says why a command gets no flags for the adapters that are attached.
pub fn check(scope: &mut Scope<'_, '_>, template: &PodTemplate) {
    let Some(main) = tree::named(tree::list(&template.pod, &["containers"]), "main") else { return };
    match lora::hearing(main, template) {
        Hearing::Given => scope.warn_at("spec.model.lora.adapters".to_owned(), &Problem::AdaptersGiven),
        Hearing::Unheard { flags } => {
            let path = scope.main_path("command");
            scope.warn_at(path, &Problem::AdaptersUnheard { flags });
        }
        Hearing::Nothing | Hearing::Composed | Hearing::Added { .. } => {}
    }
}
