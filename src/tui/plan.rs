//! The plan pane's state: a plan as a tree of steps with rows and times, or the text of an EXPLAIN.
//!
//! A step's time is its own processor time; what it takes with its inputs is the sum below it. The
//! slowest path leads from the root to the input that takes longest, again and again.
//!
//! Must never: hold text that is not safe for the terminal.

use std::collections::BTreeSet;

use crate::model::{Value, escape_control, parse_json};

use super::app::{Level, Lines};
use super::text;

/// An estimate that is wrong by this factor is marked.
const FAR_OFF: f64 = 10.0;
/// Deeper plans are cut: nobody has such, and the walk must end.
const MAX_DEPTH: usize = 500;

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Step {
    pub(super) depth: usize,
    pub(super) name: String,
    pub(super) details: String,
    pub(super) expected: Option<u64>,
    pub(super) rows: Option<u64>,
    /// Milliseconds of the step alone.
    pub(super) own: Option<f64>,
    /// Milliseconds with its inputs.
    pub(super) total: f64,
    pub(super) metrics: Vec<(String, String)>,
    /// How many steps are below it, in the list that follows it.
    pub(super) below: usize,
    /// It lies on the slowest path.
    pub(super) slow: bool,
}

impl Step {
    /// By how much the planner was wrong, where that matters: `×120`.
    pub(super) fn far_off(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)]
        let (expected, rows) = (self.expected?.max(1) as f64, self.rows?.max(1) as f64);
        let factor = (expected / rows).max(rows / expected);
        (factor >= FAR_OFF).then_some(factor)
    }
}

/// How a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// A step a line, indented.
    #[default]
    Tree,
    /// A level a line, each step as wide as the time it takes.
    Icicle,
}

/// The plan pane.
#[derive(Debug, Default)]
pub(super) struct PlanPane {
    /// The text of a plan that is no tree.
    pub(super) text: Lines,
    pub(super) steps: Vec<Step>,
    /// `planned in 3.1 ms, ran in 20 ms`.
    pub(super) summary: String,
    pub(super) shape: Shape,
    pub(super) cursor: usize,
    pub(super) top: usize,
    folded: BTreeSet<usize>,
    height: usize,
}

impl PlanPane {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.text.lines.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = PlanPane { shape: self.shape, height: self.height, ..PlanPane::default() };
        self.text.height = self.height;
    }

    /// Takes the JSON of an EXPLAIN in; false when it is none.
    pub(super) fn load(&mut self, json: &str) -> bool {
        let Ok(Value::Array(plans)) = parse_json(json) else { return false };
        let Some(Value::Object(whole)) = plans.first() else { return false };
        let Some(root) = whole.get("Plan") else { return false };
        self.clear();
        add(&mut self.steps, root, 0);
        mark_slowest(&mut self.steps);
        let time = |name: &str| whole.get(name).and_then(number).map(millis);
        let planned = time("Planning Time").map(|t| format!("planned in {t}"));
        let ran = time("Execution Time").map(|t| format!("ran in {t}"));
        self.summary = planned.into_iter().chain(ran).collect::<Vec<_>>().join(", ");
        true
    }

    /// Whether the statement ran, so that there are rows and times.
    pub(super) fn has_times(&self) -> bool {
        self.steps.iter().any(|step| step.own.is_some())
    }

    /// The steps that are shown, by their places.
    pub(super) fn shown(&self) -> Vec<usize> {
        let mut shown = Vec::new();
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            shown.push(at);
            at += if self.folded.contains(&at) { step.below + 1 } else { 1 };
        }
        shown
    }

    pub(super) fn is_folded(&self, at: usize) -> bool {
        self.folded.contains(&at)
    }

    pub(super) fn selected(&self) -> Option<&Step> {
        self.steps.get(self.cursor)
    }

    /// The step that a step is an input of.
    fn parent(&self, at: usize) -> Option<usize> {
        let depth = self.steps.get(at)?.depth;
        self.steps.get(..at)?.iter().rposition(|step| step.depth < depth)
    }

    fn first_input(&self, at: usize) -> Option<usize> {
        self.steps.get(at).filter(|step| step.below > 0).map(|_| at + 1)
    }

    /// The steps of the same depth, in order; those beside it in an icicle.
    fn beside(&self, at: usize, by: i64) -> Option<usize> {
        let depth = self.steps.get(at)?.depth;
        let level: Vec<usize> =
            self.steps.iter().enumerate().filter(|(_, s)| s.depth == depth).map(|(i, _)| i).collect();
        let here = level.iter().position(|i| *i == at)?;
        let by = isize::try_from(by.signum()).unwrap_or(0);
        level.get(here.checked_add_signed(by)?).copied()
    }

    pub(super) fn move_by(&mut self, by: i64) {
        if self.steps.is_empty() {
            return self.text.move_by(by);
        }
        if self.shape == Shape::Icicle {
            let next = if by > 0 { self.first_input(self.cursor) } else { self.parent(self.cursor) };
            self.cursor = next.unwrap_or(self.cursor);
            return;
        }
        let shown = self.shown();
        let here = shown.iter().position(|at| *at == self.cursor).unwrap_or(0);
        let by = isize::try_from(by.clamp(-1_000_000, 1_000_000)).unwrap_or(0);
        let next = here.saturating_add_signed(by).min(shown.len().saturating_sub(1));
        self.cursor = shown.get(next).copied().unwrap_or(0);
        self.scroll();
    }

    /// Puts the cursor on a line of the tree.
    pub(super) fn click(&mut self, line: usize) {
        let shown = self.shown();
        if let Some(at) = shown.get(self.top + line) {
            if *at == self.cursor {
                self.toggle();
            }
            self.cursor = *at;
        }
    }

    /// Left and right: folds and unfolds a tree, moves within a level of an icicle, scrolls text.
    pub(super) fn sideways(&mut self, by: i64) {
        if self.steps.is_empty() {
            let widest = self.text.lines.iter().map(|(_, l)| text::width(l)).max().unwrap_or(0);
            let by = isize::try_from(by.saturating_mul(8)).unwrap_or(0);
            self.text.left = self.text.left.saturating_add_signed(by).min(widest.saturating_sub(8));
            return;
        }
        if self.shape == Shape::Icicle {
            self.cursor = self.beside(self.cursor, by).unwrap_or(self.cursor);
            return;
        }
        let can_fold = self.selected().is_some_and(|step| step.below > 0);
        match (by > 0, self.folded.contains(&self.cursor)) {
            (true, true) => {
                self.folded.remove(&self.cursor);
            }
            (true, false) => {}
            (false, false) if can_fold => {
                self.folded.insert(self.cursor);
            }
            (false, _) => self.cursor = self.parent(self.cursor).unwrap_or(self.cursor),
        }
        self.scroll();
    }

    fn toggle(&mut self) {
        if !self.folded.remove(&self.cursor) && self.selected().is_some_and(|step| step.below > 0) {
            self.folded.insert(self.cursor);
        }
    }

    pub(super) fn turn(&mut self) {
        self.shape = if self.shape == Shape::Tree { Shape::Icicle } else { Shape::Tree };
        self.scroll();
    }

    pub(super) fn fit(&mut self, height: u16) {
        self.height = usize::from(height);
        self.text.fit(height);
        self.scroll();
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// Lines of the tree that fit: a heading and a line about the selected step stand beside it.
    fn room(&self) -> usize {
        self.height.saturating_sub(3).max(1)
    }

    fn scroll(&mut self) {
        let shown = self.shown();
        // What was folded away gives its place to the step above it.
        let here = shown.iter().rposition(|at| *at <= self.cursor).unwrap_or(0);
        self.cursor = shown.get(here).copied().unwrap_or(0);
        let room = self.room();
        self.top = self.top.min(here).max((here + 1).saturating_sub(room));
        self.top = self.top.min(shown.len().saturating_sub(room));
    }

    /// The whole plan as text, to be copied.
    pub(super) fn to_text(&self) -> String {
        if self.steps.is_empty() {
            return self.text.text();
        }
        let line = |step: &Step| {
            let mut line = format!("{}{}: {}", "  ".repeat(step.depth), step.name, step.details);
            for (what, n) in [("expected", step.expected), ("rows", step.rows)] {
                if let Some(n) = n {
                    line.push_str(&format!(", {what} {n}"));
                }
            }
            if let Some(own) = step.own {
                line.push_str(&format!(", {}", millis(own)));
            }
            line
        };
        let lines: Vec<String> = self.steps.iter().map(line).collect();
        format!("{}\n{}", lines.join("\n"), self.summary)
    }

    /// Everything about the selected step, a line each.
    pub(super) fn about(&self) -> Option<(String, String)> {
        let step = self.selected()?;
        let mut lines = vec![step.details.clone(), String::new()];
        let count = |n: Option<u64>| n.map_or_else(|| "not known".to_owned(), text::count);
        lines.push(format!("rows expected  {}", count(step.expected)));
        if let Some(own) = step.own {
            lines.push(format!("rows           {}", count(step.rows)));
            lines.push(format!("own time       {}", millis(own)));
            lines.push(format!("with inputs    {}", millis(step.total)));
            lines.push(String::new());
            let names = step.metrics.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0);
            let metric = |(name, value): &(String, String)| {
                format!("{}  {value}", text::fit(&name.replace('_', " "), names, false))
            };
            lines.extend(step.metrics.iter().map(metric));
        }
        Some((step.name.clone(), lines.join("\n")))
    }
}

/// Takes a step in with its inputs; gives its time with them.
fn add(steps: &mut Vec<Step>, value: &Value, depth: usize) -> f64 {
    let Value::Object(fields) = value else { return 0.0 };
    let safe = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => escape_control(text).into_owned(),
        _ => String::new(),
    };
    let whole = |name: &str| match fields.get(name) {
        Some(Value::Integer(n)) => u64::try_from(*n).ok(),
        _ => None,
    };
    let metrics = match fields.get("Metrics") {
        Some(Value::Object(metrics)) => {
            metrics.iter().map(|(k, v)| (safe_text(k), text::one_line(v))).collect()
        }
        _ => Vec::new(),
    };
    let at = steps.len();
    let own = fields.get("Self Time").and_then(number);
    steps.push(Step {
        depth,
        name: safe("Node Type"),
        details: safe("Details"),
        expected: whole("Plan Rows"),
        rows: whole("Actual Rows"),
        own,
        metrics,
        ..Step::default()
    });
    let mut total = own.unwrap_or(0.0);
    if let (Some(Value::Array(inputs)), true) = (fields.get("Plans"), depth < MAX_DEPTH) {
        total += inputs.iter().map(|input| add(steps, input, depth + 1)).sum::<f64>();
    }
    let below = steps.len() - at - 1;
    if let Some(step) = steps.get_mut(at) {
        step.total = total;
        step.below = below;
    }
    total
}

fn safe_text(text: &str) -> String {
    escape_control(text).into_owned()
}

fn mark_slowest(steps: &mut [Step]) {
    let mut next = steps.iter().any(|step| step.own.is_some()).then_some(0);
    while let Some(at) = next {
        let Some(step) = steps.get_mut(at) else { return };
        step.slow = true;
        let (depth, end) = (step.depth, at + 1 + step.below);
        let inputs = steps.get(at + 1..end).unwrap_or_default().iter().enumerate();
        next = inputs
            .filter(|(_, input)| input.depth == depth + 1)
            .max_by(|(_, a), (_, b)| a.total.total_cmp(&b.total))
            .map(|(i, _)| at + 1 + i);
    }
}

#[allow(clippy::cast_precision_loss)]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(f) => Some(*f),
        Value::Integer(i) => Some(*i as f64),
        _ => None,
    }
}

/// Milliseconds in few columns.
pub(super) fn millis(time: f64) -> String {
    match time {
        t if t < 0.0005 => "0".to_owned(),
        t if t < 1.0 => format!("{:.0} µs", t * 1000.0),
        t if t < 100.0 => format!("{t:.1} ms"),
        t if t < 10_000.0 => format!("{t:.0} ms"),
        t => format!("{:.1} s", t / 1000.0),
    }
}

/// The lines of a plan's text: what names a part of it is marked.
pub(super) fn add_text(lines: &mut Lines, heading: bool, cell: &str) {
    let level = heading.then_some(Level::Info);
    lines.lines.extend(text::lines(cell.trim_end(), None).into_iter().map(|line| (level, line)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"[{"Plan": {"Node Type": "Sort", "Details": "n DESC", "Plan Rows": 10, "Actual Rows": 5,
        "Self Time": 1.0, "Metrics": {}, "Plans": [
          {"Node Type": "HashJoin", "Details": "a = b", "Plan Rows": 5, "Actual Rows": 5000, "Self Time": 2.5,
           "Metrics": {"build_time": "1ms"}, "Plans": [
             {"Node Type": "TableScan", "Details": "x", "Actual Rows": 3, "Self Time": 0.2, "Metrics": {}},
             {"Node Type": "TableScan", "Details": "y\u001b[2J", "Actual Rows": 9, "Self Time": 7.0, "Metrics": {}}]}]},
        "Planning Time": 1.5, "Execution Time": 12.25}]"#;

    #[test]
    fn a_plan_is_a_tree_with_its_slowest_path() {
        let mut pane = PlanPane::default();
        assert!(pane.load(PLAN));
        let totals: Vec<f64> = pane.steps.iter().map(|s| s.total).collect();
        assert_eq!(totals, [10.7, 9.7, 0.2, 7.0]);
        assert_eq!(pane.steps.iter().map(|s| s.slow).collect::<Vec<_>>(), [true, true, false, true]);
        assert_eq!(pane.steps.iter().map(|s| s.below).collect::<Vec<_>>(), [3, 2, 0, 0]);
        assert_eq!(pane.steps[1].far_off(), Some(1000.0));
        assert_eq!(pane.steps[0].far_off(), None);
        assert_eq!(pane.summary, "planned in 1.5 ms, ran in 12.2 ms");
        assert!(!pane.steps[3].details.contains('\u{1b}'));
        assert!(!pane.load("{}") && !pane.load("[]") && !pane.load("no"));
    }

    #[test]
    fn folding_hides_what_is_below_and_the_cursor_stays_on_what_is_shown() {
        let mut pane = PlanPane::default();
        pane.load(PLAN);
        pane.fit(20);
        pane.move_by(3);
        assert_eq!(pane.cursor, 3);
        pane.sideways(-1);
        assert_eq!(pane.cursor, 1);
        pane.sideways(-1);
        assert_eq!(pane.shown(), [0, 1]);
        pane.move_by(10);
        assert_eq!(pane.cursor, 1);
        pane.sideways(1);
        assert_eq!(pane.shown(), [0, 1, 2, 3]);
        pane.turn();
        pane.move_by(1);
        assert_eq!(pane.cursor, 2);
        pane.sideways(1);
        assert_eq!(pane.cursor, 3);
        pane.move_by(-1);
        assert_eq!(pane.cursor, 1);
    }
}
