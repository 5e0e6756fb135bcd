//! A pod that gets weights: what is read for it, and where problems are reported.

use super::Problem;
use crate::pass::Finding;
use crate::validate::Context;

/// A pod template under validation, be it a model server's or another one's.
pub struct Site<'a, 'v> {
    /// What is read.
    pub ctx: &'v Context<'a>,
    /// Path of the pod template, such as `spec.template` or `spec.router.scheduler.tokenizer.template`.
    pub template: String,
    /// Problems that block.
    pub findings: &'v mut Vec<Finding>,
    /// Things worth knowing.
    pub warnings: &'v mut Vec<Finding>,
}

impl Site<'_, '_> {
    /// Path of a field of the pod template.
    pub fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.template)
    }

    /// Records a problem with a field of the pod template.
    pub fn error(&mut self, field: &str, problem: &Problem) {
        self.error_at(self.path(field), problem);
    }

    /// Records a problem with any path. Pods share their model, so each problem is recorded once.
    pub fn error_at(&mut self, path: String, problem: &Problem) {
        let finding = self.finding(path, problem);
        once(self.findings, finding);
    }

    /// Records a warning about a field of the pod template.
    pub fn warn(&mut self, field: &str, problem: &Problem) {
        self.warn_at(self.path(field), problem);
    }

    /// Records a warning with any path, once.
    pub fn warn_at(&mut self, path: String, problem: &Problem) {
        let finding = self.finding(path, problem);
        once(self.warnings, finding);
    }

    fn finding(&self, path: String, problem: &Problem) -> Finding {
        let origin = (self.ctx.origin)(&path);
        Finding { path, message: problem.to_string(), origin }
    }
}

fn once(list: &mut Vec<Finding>, finding: Finding) {
    if !list.contains(&finding) {
        list.push(finding);
    }
}
