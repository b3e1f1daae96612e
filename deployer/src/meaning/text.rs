//! Texts of several lines, and what is too long for one, line by line.

use super::{Item, Meaning, ONE_LINE, Sign};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// Lines that stand around each difference.
const AROUND: usize = 1;

/// `None` for what fits on one line, which shows it better.
pub(super) fn meaning(before: &Value, after: &Value) -> Option<Meaning> {
    let (before, after) = (lines(before), lines(after));
    let is_short = |text: &str| !text.contains('\n') && text.chars().count() <= ONE_LINE;
    if is_short(&before) && is_short(&after) {
        return None;
    }
    let diff = TextDiff::from_lines(&before, &after);
    let mut items = Vec::new();
    for (position, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if position > 0 {
            items.push(Item { sign: Sign::Context, text: "…".to_owned() });
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Equal => Sign::Context,
                ChangeTag::Delete => Sign::Removed,
                ChangeTag::Insert => Sign::Added,
            };
            items.push(Item { sign, text: change.value().trim_end_matches('\n').to_owned() });
        }
    }
    let number = |sign: Sign| items.iter().filter(|item| item.sign == sign).count();
    let summary = format!("{} in, {} out", super::count(number(Sign::Added), "line"), number(Sign::Removed));
    Some(Meaning { summary, items })
}

/// The text itself; of anything else its JSON over several lines.
fn lines(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(object) if let Some(("Fn::Sub", Value::String(text))) = crate::resolve::intrinsic(object) => {
            text.clone()
        }
        other => format!("{other:#}"),
    }
}
