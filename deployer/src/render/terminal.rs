//! A plan as terminal text: signs and words first, colour second. The terminal's width is passed in.

use super::style::{BAD, CHANGE, FAINT, GOOD, STRONG};
use super::wrap::Flow;
use super::{Detail, Group};
use crate::diff::Action;
use crate::meaning::Sign;
use crate::plan::Plan;
use crate::risk::Risk;
use anstyle::Style;

/// Names of alike changes that are listed before the rest is counted.
const NAMES_SHOWN: usize = 6;
/// Single differences of one property that are shown before the rest is counted.
const ITEMS_SHOWN: usize = 16;
/// Properties of one change that are shown before the rest is counted.
const PROPERTIES_SHOWN: usize = 40;
/// Lines of text after which the first ones are out of sight, so that the counts are said again.
const SCREEN: usize = 24;

const PLAIN: Style = Style::new();

/// Lines of the output, flowed at `width`; not at all where there is no terminal.
struct Page {
    width: Option<usize>,
    text: String,
}

impl Page {
    fn line(&mut self, indent: usize, hang: usize, spans: &[(Style, &str)]) {
        self.text.push_str(&Flow { width: self.width, indent, hang, spans }.text());
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }
}

/// The whole plan: counts, what stands in the way, then the changes, worst first; `next` is the command to type after
/// reading it. `width` is the terminal's, in columns.
pub(crate) fn plan(plan: &Plan, next: Option<&str>, width: Option<usize>) -> String {
    let mut page = Page { width, text: String::new() };
    page.line(0, 2, &[(STRONG, &super::headline(plan))]);
    let counts = match plan.lines.is_empty() {
        true => super::summary(plan),
        false => counted(&super::summary(plan), &super::verdict(plan)),
    };
    page.line(0, 2, &[(PLAIN, &counts)]);
    if plan.is_blocked() {
        page.blank();
        page.line(0, 2, &[(BAD, "Blocked:")]);
        for block in &plan.blocked {
            page.line(2, 4, &[(PLAIN, &block.what)]);
            page.line(4, 4, &[(PLAIN, &block.way_out)]);
        }
    }
    let (creations, others): (Vec<_>, Vec<_>) = super::groups(plan).into_iter().partition(Group::is_plain_creation);
    for group in &others {
        page.blank();
        entry(&mut page, group);
    }
    if !creations.is_empty() {
        page.blank();
    }
    for group in &creations {
        let (head, names) = (times(group), group.names(NAMES_SHOWN));
        page.line(0, 4, &[(GOOD, &head), (PLAIN, &names)]);
    }
    let steps: Vec<String> = plan.steps.iter().filter_map(super::step).collect();
    if !steps.is_empty() {
        page.blank();
        page.line(0, 2, &[(FAINT, "Besides the stack:")]);
        for step in folded(&steps) {
            page.line(2, 4, &[(PLAIN, &step)]);
        }
    }
    for note in super::notes(plan) {
        page.blank();
        page.line(0, 2, &[(CHANGE, "note:"), (PLAIN, &note)]);
    }
    if page.text.lines().count() > SCREEN {
        page.blank();
        page.line(0, 2, &[(PLAIN, &counts)]);
        if plan.is_blocked() {
            page.line(0, 2, &[(BAD, "Blocked:"), (PLAIN, "see above.")]);
        }
    }
    if let Some(next) = next {
        // A command is copied: it stays in one piece.
        page.text.push_str(&format!("\n  {next}\n"));
    }
    page.text
}

/// Summary and verdict in one; the summary is a sentence of its own when there is nothing to do.
fn counted(summary: &str, verdict: &str) -> String {
    let mut letters = verdict.chars();
    match letters.next().filter(|_| summary.ends_with('.')) {
        Some(first) => format!("{summary} {}{}.", first.to_uppercase(), letters.as_str()),
        None => format!("{summary}; {verdict}."),
    }
}

/// The first steps, and how many more there are.
fn folded(steps: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = steps.iter().take(ITEMS_SHOWN).cloned().collect();
    if steps.len() > ITEMS_SHOWN {
        shown.push(format!("… and {} more", steps.len() - ITEMS_SHOWN));
    }
    shown
}

fn colour(group: &Group<'_>) -> Style {
    let line = group.first();
    match (line.risk, line.change.action) {
        (Risk::LosesData | Risk::Replaces, _) | (_, Action::Delete | Action::Recreate) => BAD,
        (_, Action::Create) => GOOD,
        _ => CHANGE,
    }
}

/// `~ update Lambda Function ×48:`
fn times(group: &Group<'_>) -> String {
    match group.lines.len() {
        1 => group.head(),
        many => format!("{} ×{many}:", group.head()),
    }
}

/// What, how bad and why, how to undo; then a line per property.
fn entry(page: &mut Page, group: &Group<'_>) {
    let (head, names) = (times(group), group.names(NAMES_SHOWN));
    let mark = group.mark().unwrap_or_default();
    let mut spans = vec![(colour(group), head.as_str()), (STRONG, names.as_str())];
    if !mark.is_empty() {
        spans.push((CHANGE, &mark));
    }
    page.line(0, 4, &spans);
    page.line(4, 6, &[(PLAIN, &group.verdict())]);
    let details = group.details();
    for detail in details.iter().take(PROPERTIES_SHOWN) {
        property(page, detail);
    }
    if details.len() > PROPERTIES_SHOWN {
        let more = format!("… and {} more properties", details.len() - PROPERTIES_SHOWN);
        page.line(4, 6, &[(FAINT, &more)]);
    }
}

fn property(page: &mut Page, detail: &Detail<'_>) {
    let text = format!("{}: {}", detail.path, detail.summary);
    let cause = detail.cause.map(|cause| format!("[{cause}]")).unwrap_or_default();
    let mut spans = vec![(PLAIN, text.as_str())];
    if !cause.is_empty() {
        spans.push((CHANGE, &cause));
    }
    page.line(4, 6, &spans);
    for item in detail.items.iter().take(ITEMS_SHOWN) {
        let style = match item.sign {
            Sign::Added => GOOD,
            Sign::Removed => BAD,
            Sign::Changed => CHANGE,
            Sign::Context => FAINT,
        };
        let text = format!("{} {}", item.sign.mark(), item.text);
        page.line(6, 8, &[(style, &text)]);
    }
    if detail.items.len() > ITEMS_SHOWN {
        let more = format!("… and {} more", detail.items.len() - ITEMS_SHOWN);
        page.line(6, 8, &[(FAINT, &more)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use unicode_width::UnicodeWidthStr as _;

    fn text(plan: &crate::plan::Plan, width: Option<usize>) -> String {
        let next = super::super::next_command(plan);
        let text = super::plan(plan, next.as_deref(), width);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_plan_says_what_how_bad_why_and_how_to_undo() {
        insta::assert_snapshot!(text(&samples::mixed(), None));
    }

    #[test]
    fn a_narrow_terminal_cuts_nothing_off() {
        let narrow = text(&samples::mixed(), Some(60));
        for line in narrow.lines().filter(|line| !line.starts_with("  deployer ")) {
            assert!(line.width() <= 60, "{line}");
        }
        insta::assert_snapshot!(narrow);
    }

    #[test]
    fn hundreds_of_changes_fold() {
        let text = text(&samples::many(200), Some(80));
        assert!(text.lines().count() < 60, "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn no_changes_are_one_sentence() {
        insta::assert_snapshot!(text(&samples::empty(), None), @r"
        Plan for shop-dev in eu-west-1 (account 123456789012)
        No changes. shop-dev is as the stack file says.
        ");
    }
}
