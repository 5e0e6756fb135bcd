//! What a PromQL expression asks for.

use std::collections::BTreeSet;

use promql_parser::label::METRIC_NAME;
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

use super::known::Known;

/// What is wrong with an expression.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not parse.
    Syntax(String),
    /// No component has this series.
    Metric(String),
    /// The series has no such label.
    Label(String, String),
}

pub struct Expression(Expr);

impl Expression {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parser::parse(text).map(Self).map_err(Fault::Syntax)
    }

    /// Series and labels that do not exist.
    pub fn faults(&self, known: &Known) -> Vec<Fault> {
        let mut faults = Vec::new();
        check(&self.0, known, &[], &mut faults);
        faults
    }

    /// Labels of the result.
    pub fn labels(&self, known: &Known) -> BTreeSet<String> {
        labels(&self.0, known)
    }
}

/// The expressions directly below one.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(it) => std::iter::once(&*it.expr).chain(it.param.as_deref()).collect(),
        Expr::Unary(it) => vec![&it.expr],
        Expr::Binary(it) => vec![&it.lhs, &it.rhs],
        Expr::Paren(it) => vec![&it.expr],
        Expr::Subquery(it) => vec![&it.expr],
        Expr::Call(it) => it.args.args.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

fn selector(expr: &Expr) -> Option<&VectorSelector> {
    match expr {
        Expr::VectorSelector(it) => Some(it),
        Expr::MatrixSelector(it) => Some(&it.vs),
        _ => None,
    }
}

/// `by` are the labels that aggregations around the expression keep.
fn check(expr: &Expr, known: &Known, by: &[&str], faults: &mut Vec<Fault>) {
    if let Some(selector) = selector(expr) {
        return check_selector(selector, known, by, faults);
    }
    let kept = match expr {
        Expr::Aggregate(it) => it.modifier.as_ref().map(|it| it.labels().labels.iter().map(String::as_str)),
        _ => None,
    };
    let by: Vec<&str> = by.iter().copied().chain(kept.into_iter().flatten()).collect();
    for part in parts(expr) {
        check(part, known, &by, faults);
    }
}

fn check_selector(selector: &VectorSelector, known: &Known, by: &[&str], faults: &mut Vec<Fault>) {
    let name = selector.name.clone().unwrap_or_default();
    let Some(labels) = known.labels(&name) else { return faults.push(Fault::Metric(name)) };
    let matched = selector.matchers.matchers.iter().map(|it| it.name.as_str());
    for label in matched.filter(|it| *it != METRIC_NAME).chain(by.iter().copied()) {
        if !labels.contains(label) {
            faults.push(Fault::Label(name.clone(), label.to_owned()));
        }
    }
}

fn labels(expr: &Expr, known: &Known) -> BTreeSet<String> {
    match expr {
        Expr::Aggregate(it) => match &it.modifier {
            Some(LabelModifier::Include(kept)) => kept.labels.iter().cloned().collect(),
            _ => BTreeSet::new(),
        },
        Expr::Call(it) if it.func.name.starts_with("absent") => BTreeSet::new(),
        Expr::Call(it) if it.func.name == "histogram_quantile" => {
            let mut kept = it.args.args.last().map(|it| labels(it, known)).unwrap_or_default();
            kept.remove("le");
            kept
        }
        // The left side of an operator decides, here as in all our expressions.
        _ => match selector(expr).and_then(|it| it.name.as_deref()) {
            Some(name) => known.labels(name).cloned().unwrap_or_default(),
            None => parts(expr).first().map(|it| labels(it, known)).unwrap_or_default(),
        },
    }
}
