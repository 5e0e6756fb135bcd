//! Collects findings and warnings of one workload with their paths.

use serde_json::Value;

use super::Context;
use super::problem::Problem;
use super::storage::Site;
use crate::pass::Finding;
use crate::tree;
use crate::valid::{Position, Role};

/// One workload under validation.
pub struct Scope<'a, 'v> {
    /// What is read.
    pub ctx: &'v Context<'a>,
    /// What its pods do.
    pub role: Role,
    /// Which of its pod templates is looked at.
    pub position: Position,
    /// `spec` or `spec.prefill` of the merged and rendered document.
    pub spec: &'v Value,
    /// Problems that block.
    pub findings: &'v mut Vec<Finding>,
    /// Things worth knowing.
    pub warnings: &'v mut Vec<Finding>,
}

impl<'a> Scope<'a, '_> {
    /// The pod template that is looked at, as one that gets weights.
    pub fn site(&mut self) -> Site<'a, '_> {
        let template = self.path(self.template());
        Site { ctx: self.ctx, template, findings: self.findings, warnings: self.warnings }
    }
}

impl Scope<'_, '_> {
    /// Path of a field of the workload, from `spec`.
    pub fn path(&self, field: &str) -> String {
        match self.role {
            Role::Both | Role::Decode => format!("spec.{field}"),
            Role::Prefill => format!("spec.prefill.{field}"),
        }
    }

    /// Name of the field with the pod template that is looked at.
    pub fn template(&self) -> &'static str {
        match self.position {
            Position::Single | Position::Leader => "template",
            Position::Worker => "worker",
        }
    }

    /// A field of the pod template, below the workload.
    pub fn in_template(&self, field: &str) -> String {
        format!("{}.{field}", self.template())
    }

    /// Path of a field of container `main`.
    pub fn main_path(&self, field: &str) -> String {
        self.path(&self.in_template(&format!("containers[main].{field}")))
    }

    /// Records a problem with a field of the workload.
    pub fn error(&mut self, field: &str, problem: &Problem) {
        let path = self.path(field);
        self.error_at(path, problem);
    }

    /// Records a problem with any path.
    pub fn error_at(&mut self, path: String, problem: &Problem) {
        let finding = self.finding(path, problem);
        self.findings.push(finding);
    }

    /// Records a warning about a field of the workload.
    pub fn warn(&mut self, field: &str, problem: &Problem) {
        let path = self.path(field);
        self.warn_at(path, problem);
    }

    /// Records a warning with any path.
    pub fn warn_at(&mut self, path: String, problem: &Problem) {
        let finding = self.finding(path, problem);
        self.warnings.push(finding);
    }

    /// Records a warning with any path, unless another template or workload has brought it already.
    pub fn warn_once(&mut self, path: &str, problem: &Problem) {
        let finding = self.finding(path.to_owned(), problem);
        if !self.warnings.contains(&finding) {
            self.warnings.push(finding);
        }
    }

    fn finding(&self, path: String, problem: &Problem) -> Finding {
        let origin = (self.ctx.origin)(&path);
        Finding { path, message: problem.to_string(), origin }
    }

    /// A value of the workload that is neither absent nor null.
    pub fn given(&self, path: &[&str]) -> Option<&Value> {
        tree::get(self.spec, path).filter(|v| !v.is_null())
    }

    /// An integer of at least `min`, or a recorded problem.
    pub fn integer(&mut self, path: &[&str], min: i64, rule: &'static str) -> Option<i64> {
        let value = self.given(path)?.clone();
        let Some(number) = value.as_i64() else {
            let problem = Problem::Type { expected: "an integer", got: value.to_string() };
            self.error(&path.join("."), &problem);
            return None;
        };
        if number < min {
            self.error(&path.join("."), &Problem::Range { got: number, rule });
            return None;
        }
        Some(number)
    }
}
