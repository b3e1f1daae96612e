//! A plan as Markdown for a pull request: a summary line, then one collapsible block.

use crate::plan::Plan;
use std::fmt::Write as _;

/// Longest body that GitHub takes for a comment, less room for what a workflow adds. Characters.
///
/// Source: the API's own error "Body is too long (maximum is 65536 characters)" (read 2026-11).
const LIMIT: usize = 60_000;

/// The whole plan; what does not fit is counted.
pub(crate) fn plan(plan: &Plan, next: Option<&str>) -> String {
    let mut out = format!("### {}\n\n**{}**", super::headline(plan), super::summary(plan));
    if !plan.lines.is_empty() {
        let _ = write!(out, " · worst: {}", plan.risk().word());
    }
    out.push_str("\n\n");
    for block in &plan.blocked {
        let _ = writeln!(out, "> **Blocked:** {}. {}.\n", escape(&block.what), escape(&block.way_out));
    }
    if !plan.lines.is_empty() {
        out.push_str("<details><summary>Changes, worst first</summary>\n\n");
        out.push_str("| | what | risk | why | undo |\n| --- | --- | --- | --- | --- |\n");
        let mut left_out = 0;
        for line in &plan.lines {
            let change = &line.change;
            let properties: String = change
                .properties
                .iter()
                .map(|property| {
                    format!(
                        "<br>`{}`: {} ({})",
                        property.path,
                        escape(&super::transition(property)),
                        super::cause(property.cause)
                    )
                })
                .collect();
            let row = format!(
                "| {} | {} {} **{}**{properties} | {} | {} | {} |\n",
                super::sign(change.action),
                super::word(change.action),
                super::kind(&change.kind),
                escape(&change.name),
                line.risk.word(),
                escape(&line.reason),
                super::undo(line.undo),
            );
            if out.chars().count() + row.chars().count() > LIMIT {
                left_out += 1;
            } else {
                out.push_str(&row);
            }
        }
        if left_out > 0 {
            let _ = writeln!(out, "\n{left_out} more changes do not fit into a comment; `deployer plan` shows them.");
        }
        out.push_str("\n</details>\n\n");
    }
    for note in &plan.notes {
        let _ = writeln!(out, "- {}", escape(note));
    }
    if let Some(next) = next {
        let _ = writeln!(out, "\n```\n{next}\n```");
    }
    out
}

/// Text inside a table cell.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "\\|").replace('\n', " ")
}
