//! Plans as Markdown for a pull request: counts and what stands in the way, then the changes in a block to unfold.

use super::{Detail, Group};
use crate::plan::Plan;

/// Longest body that is made, of all stacks together. Bytes, of which a text has at least as many as characters.
///
/// GitHub takes 65,536 characters, as its own error says: "Body is too long (maximum is 65536 characters)" (read 2026-11).
/// The rest is room for what a workflow writes around it.
const LIMIT: usize = 60_000;
/// What a stack is given at least: its headline and what is worst. Bytes.
const LEAST: usize = 1_200;
/// Longest text in one place: a name, a reason, a value. Bytes.
const LONGEST: usize = 600;
/// Blocks and notes that are shown before the rest is counted.
const MOST: usize = 20;
/// Names of alike changes in one row.
const NAMES_SHOWN: usize = 100;
/// Single differences that are shown at once; more are folded.
const ITEMS_OPEN: usize = 4;

/// One plan, with the command that comes next.
pub(crate) fn plan(plan: &Plan, next: Option<&str>) -> String {
    one(plan, next, LIMIT)
}

/// Several plans as one comment: each as much as it needs, or an equal share of what there is.
pub(crate) fn plans(plans: &[(&Plan, Option<String>)]) -> String {
    // Whoever comes after these is only counted.
    let shown = &plans[..plans.len().min(LIMIT / LEAST - 1)];
    let whole: Vec<String> = shown.iter().map(|(plan, next)| one(plan, next.as_deref(), LIMIT)).collect();
    let mut by_need: Vec<usize> = (0..shown.len()).collect();
    by_need.sort_by_key(|position| whole[*position].len());
    let mut left = LIMIT - LEAST;
    let mut room = vec![0; shown.len()];
    for (done, position) in by_need.iter().enumerate() {
        // Two for the empty line between.
        let share = left / (shown.len() - done);
        room[*position] = (whole[*position].len() + 2).min(share);
        left -= room[*position];
    }
    let mut texts: Vec<String> = Vec::new();
    for (position, (plan, next)) in shown.iter().enumerate() {
        let limit = room[position].saturating_sub(2);
        texts.push(match whole[position].len() <= limit {
            true => whole[position].clone(),
            false => one(plan, next.as_deref(), limit),
        });
    }
    if shown.len() < plans.len() {
        let more = plans.len() - shown.len();
        texts.push(format!("{more} more stacks do not fit into a comment; `deployer plan` shows them.\n"));
    }
    texts.join("\n")
}

/// A plan in at most `limit` bytes.
fn one(plan: &Plan, next: Option<&str>, limit: usize) -> String {
    let mut out = Bounded { text: String::new(), limit };
    out.push(&format!("### {}\n\n**{}**", cut(&super::headline(plan), 300), super::summary(plan)));
    if !plan.lines.is_empty() {
        out.push(&format!(" · {}", super::verdict(plan)));
    }
    out.push("\n\n");
    let end = match next {
        Some(next) => format!("\n```sh\n{}\n```\n", cut(next, 400)),
        None => String::new(),
    };
    // What comes last has its room kept.
    out.limit = limit.saturating_sub(end.len());
    let what = plan.blocked.iter().map(|block| format!("> - {}: {}\n", cell(&block.what), cell(&block.way_out)));
    if plan.is_blocked() && out.push("> [!CAUTION]\n> **Blocked**\n>\n") {
        listed(&mut out, what, "> - … and", "more");
        out.push("\n");
    }
    let notes = super::notes(plan).into_iter().map(|note| format!("- {}\n", cell(&note)));
    listed(&mut out, notes, "- … and", "more notes");
    changes(&mut out, plan);
    out.limit = limit;
    out.push(&end);
    out.text
}

/// The first few of `entries`, and how many more there are.
fn listed(out: &mut Bounded, entries: impl ExactSizeIterator<Item = String>, lead: &str, word: &str) {
    let all = entries.len();
    let mut shown = 0;
    let room = 80;
    out.limit = out.limit.saturating_sub(room);
    for entry in entries.take(MOST) {
        if !out.push(&entry) {
            break;
        }
        shown += 1;
    }
    out.limit += room;
    if shown < all {
        out.push(&format!("{lead} {} {word}\n", all - shown));
    }
}

fn changes(out: &mut Bounded, plan: &Plan) {
    let groups = super::groups(plan);
    if groups.is_empty() {
        return;
    }
    // A handful is read at once.
    let open = if groups.len() <= 5 { " open" } else { "" };
    let begin = format!(
        "\n<details{open}><summary>{}, worst first</summary>\n\n| | what | risk | why | undo |\n| --- | --- | --- | --- | --- |\n",
        if plan.lines.len() == 1 { "1 change".to_owned() } else { format!("{} changes", plan.lines.len()) },
    );
    let end = "\n</details>\n";
    let more =
        |count: usize| format!("\n{count} more changes do not fit into a comment; `deployer plan` shows them.\n");
    let room = end.len() + more(usize::MAX).len();
    out.limit = out.limit.saturating_sub(room);
    let mut left_out = 0;
    match out.push(&begin) {
        false => {
            out.limit += room;
            out.push(&more(plan.lines.len()));
            return;
        }
        true => {
            for group in &groups {
                // Without its details, a row may still fit.
                if left_out > 0 || !(out.push(&row(group, true)) || out.push(&row(group, false))) {
                    left_out += group.lines.len();
                }
            }
        }
    }
    out.limit += room;
    if left_out > 0 {
        out.push(&more(left_out));
    }
    out.push(end);
}

fn row(group: &Group<'_>, detailed: bool) -> String {
    let line = group.first();
    let times = if group.lines.len() > 1 { format!(" ×{}", group.lines.len()) } else { String::new() };
    let mark = group.mark().map(|mark| format!(" {}", cell(&mark))).unwrap_or_default();
    let names = cut(&group.names(NAMES_SHOWN), if group.lines.len() > 1 { LONGEST * 6 } else { LONGEST });
    let details: String = match detailed {
        true => group.details().iter().map(property).collect(),
        false => String::new(),
    };
    let undo = super::undo(line.undo);
    format!(
        "| {} | {} {}{times} **{}**{mark}{details} | {} | {} | {} |\n",
        super::sign(line.change.action),
        super::word(line.change.action),
        cell(&super::kind(&line.change.kind)),
        escaped(&names),
        line.risk.word(),
        cell(&line.reason),
        undo.strip_prefix("undo: ").unwrap_or(undo),
    )
}

fn property(detail: &Detail<'_>) -> String {
    let cause = detail.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    let items: String =
        detail.items.iter().map(|item| format!("<br>{} {}", escaped(item.sign.mark()), cell(&item.text))).collect();
    let path = format!("<code>{}</code>", cell(detail.path));
    let head = format!("{path}: {}{cause}", cell(&detail.summary));
    match detail.items.len() {
        0..=ITEMS_OPEN => format!("<br>{head}{items}"),
        _ => format!("<details><summary>{head}</summary>{}</details>", items.trim_start_matches("<br>")),
    }
}

/// A text that takes only what fits.
struct Bounded {
    text: String,
    /// Bytes.
    limit: usize,
}

impl Bounded {
    /// Whether it fitted.
    fn push(&mut self, text: &str) -> bool {
        let fits = self.text.len() + text.len() <= self.limit;
        if fits {
            self.text.push_str(text);
        }
        fits
    }
}

/// Text inside a table cell, shortened; what stands between backticks is code.
fn cell(text: &str) -> String {
    let text = cut(text, LONGEST);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(&text);
    }
    let is_code = |position: usize| position % 2 == 1;
    let parts = parts.iter().enumerate().map(|(position, part)| match is_code(position) {
        true => format!("<code>{}</code>", escaped(part)),
        false => escaped(part),
    });
    parts.collect()
}

/// What Markdown or HTML would take for its own.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '`' => out.push_str("&#96;"),
            '*' => out.push_str("&#42;"),
            '[' => out.push_str("&#91;"),
            // No mention of a person and no reference to an issue is meant.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' => out.push_str("&#92;"),
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// The first `most` bytes, on a character boundary, with an ellipsis.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most.saturating_sub('…'.len_utf8()))])
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::diff::{Action, Cause};
    use crate::plan::Block;
    use crate::risk::Risk;
    use proptest::prelude::*;
    use serde_json::json;

    /// What GitHub takes. Characters; each is one or more bytes.
    const GITHUB: usize = 65_536;

    #[test]
    fn a_plan_reads_in_a_pull_request() {
        let plan = samples::mixed();
        let next = super::super::next_command(&plan);
        insta::assert_snapshot!(super::plan(&plan, next.as_deref()));
    }

    #[test]
    fn a_pipe_a_tag_or_a_mention_in_a_value_stays_text() {
        let change = samples::line("F", "AWS::Lambda::Function", Action::Update, Cause::Yours, Risk::Safe, "x | y");
        let change = change.property("Description", json!("a|b"), json!("<script>`@ada` #12 **x**"));
        let plan = Plan { lines: vec![change], ..samples::empty() };
        let text = super::plan(&plan, None);
        let row = text.lines().find(|line| line.starts_with("| ~")).expect("a row");
        assert_eq!(row.matches('|').count(), 6, "{row}");
        assert!(
            !row.contains("<script") && !row.contains("@ada") && !row.contains(" #12") && !row.contains("`"),
            "{row}"
        );
    }

    #[test]
    fn many_stacks_fit_into_one_comment_and_each_is_named() {
        let plans: Vec<Plan> = (0..30).map(|_| samples::many(200)).collect();
        let all: Vec<(&Plan, Option<String>)> =
            plans.iter().map(|plan| (plan, Some("deployer deploy shop".to_owned()))).collect();
        let text = super::plans(&all);
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert_eq!(text.matches("### Plan for").count(), 30);
        let hundreds: Vec<_> = all.iter().cycle().take(300).cloned().collect();
        let text = super::plans(&hundreds);
        assert!(text.len() <= LIMIT && text.contains("more stacks do not fit"), "{}", text.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        #[test]
        fn no_plan_is_too_long_for_a_comment(
            changes in 0..300usize,
            name in "[a-z|<é日*]{0,2000}",
            value in "[a-z|<&日`\n]{0,3000}",
            blocks in 0..80usize,
            stacks in 1..4usize,
        ) {
            let mut plan = samples::empty();
            for number in 0..changes {
                let mut line = samples::line(&format!("X{number}"), "AWS::SQS::Queue", Action::Replace, Cause::Both, Risk::Replaces, &value);
                line = line.property(&format!("P{number}"), json!(value), json!(name));
                line.change.name = format!("{name}{number}");
                plan.lines.push(line);
            }
            plan.blocked = vec![Block { what: name.clone(), allow: None, way_out: value.clone() }; blocks];
            plan.notes = vec![value.clone(); blocks];
            let all: Vec<(&Plan, Option<String>)> = vec![(&plan, Some(format!("deployer {name}"))); stacks];
            let text = super::plans(&all);
            prop_assert!(text.len() <= LIMIT && text.chars().count() < GITHUB, "{}", text.len());
            prop_assert!(super::plan(&plan, None).len() <= LIMIT);
            prop_assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
        }
    }
}
