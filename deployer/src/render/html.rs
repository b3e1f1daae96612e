//! Plans as one page of HTML that needs nothing else: no script, no font, no request. The picture of each stack is SVG.
//!
//! Makes the values that `page.html` is filled with; words come from `render/mod.rs`. Folding, filters and the choice of
//! light or dark are done by the style sheet, so that the page works where scripts are forbidden.

use super::layout::{self, HEIGHT, WIDTH};
use super::{Detail, Group};
use crate::diff::{Action, Cause};
use crate::ids::LogicalId;
use crate::picture::Node;
use crate::plan::{Line, Plan};
use crate::risk::Risk;
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthChar as _;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = concat!(include_str!("base.css"), include_str!("page.css"));

/// Nodes above which only what changes is drawn, with what stands next to it.
const MANY_NODES: usize = 60;
/// Changes above which ordinary ones are folded at first.
const FOLD: usize = 6;
/// Columns of a name and of a kind that fit into a node. The name is written in a fixed-width font of 11.5 pixels, whose
/// letters are at most 7 wide; the kind in 11 pixels of the system's font.
const NAME: usize = 24;
const KIND: usize = 21;
const KIND_BESIDE_DRIFT: usize = 15;
/// Widest picture that is made to fit a wide window; its letters shrink to no less than nine pixels. Pixels.
const FITS: f64 = 1_450.0;

/// Every plan with the command that comes next.
pub(crate) fn page(plans: &[(&Plan, Option<String>)]) -> String {
    let stacks: Vec<Value> =
        plans.iter().enumerate().map(|(number, (plan, next))| stack(number, plan, next.as_deref())).collect();
    let title = match plans {
        [(plan, _)] => super::headline(plan),
        several => format!("Plan for {} stacks", several.len()),
    };
    let lines = || plans.iter().flat_map(|(plan, _)| &plan.lines);
    let risks = [Risk::LosesData, Risk::Replaces, Risk::Broadens, Risk::Interrupts, Risk::Safe];
    let risks: Vec<Value> = risks
        .iter()
        .map(|risk| (risk, lines().filter(|line| line.risk == *risk).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(risk, count)| json!({ "key": risk_key(*risk), "word": risk.word(), "count": count }))
        .collect();
    let causes = [Cause::Yours, Cause::Drift, Cause::Both, Cause::Converged];
    let causes: Vec<Value> = causes
        .iter()
        .map(|cause| (cause, lines().filter(|line| line.change.cause == *cause).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| json!({ "key": cause_key(*cause), "word": super::cause(*cause), "count": count }))
        .collect();
    let context = json!({
        "title": title,
        "style": STYLE,
        "style_hash": digest(STYLE),
        "stacks": stacks,
        // The one whose changes have the filters above them.
        "first": plans.iter().position(|(plan, _)| !plan.lines.is_empty()),
        "risks": risks,
        "causes": causes,
    });
    crate::jinja::page(TEMPLATE, &context)
}

fn stack(number: usize, plan: &Plan, next: Option<&str>) -> Value {
    let groups = super::groups(plan);
    let anchor = |id: &LogicalId| anchor(number, id);
    // Something new is told last: there is nothing to weigh.
    let (creations, others): (Vec<&Group<'_>>, Vec<&Group<'_>>) =
        groups.iter().partition(|group| group.is_plain_creation());
    let all: Vec<Value> = others
        .into_iter()
        .chain(creations)
        .map(|group| {
            let line = group.first();
            let is_telling = line.risk > Risk::Safe || super::has_drift(line);
            entry(group, groups.len() <= FOLD || is_telling, &anchor)
        })
        .collect();
    // In the order of the lines: the worst first.
    let mut counts: Vec<(Action, usize)> = Vec::new();
    for action in plan.lines.iter().map(|line| line.change.action) {
        match counts.iter_mut().find(|(known, _)| *known == action) {
            Some((_, count)) => *count += 1,
            None => counts.push((action, 1)),
        }
    }
    let counts: Vec<Value> =
        counts.into_iter().map(|(action, count)| with_sign(json!({ "count": count }), action)).collect();
    let commit = plan.record.commit.as_ref().map(|commit| format!("{} {}", commit.short(), commit.subject));
    json!({
        "headline": super::headline(plan),
        "stack": plan.place.stack,
        "summary": super::summary(plan),
        "verdict": (!plan.lines.is_empty()).then(|| super::verdict(plan)),
        "risk": risk_key(plan.risk()),
        "counts": counts,
        "release": plan.has_changes().then_some(plan.record.number),
        "commit": commit,
        "caller": plan.place.caller,
        "blocked": plan.blocked.iter().map(|block| json!({ "what": rich(&block.what), "way_out": rich(&block.way_out) })).collect::<Vec<_>>(),
        "notes": super::notes(plan).iter().map(|note| rich(note)).collect::<Vec<_>>(),
        "steps": plan.steps.iter().filter_map(super::step).collect::<Vec<_>>(),
        "next": next,
        "groups": all,
        "picture": picture(plan, &anchor),
    })
}

fn entry(group: &Group<'_>, open: bool, anchor: &impl Fn(&LogicalId) -> String) -> Value {
    let line = group.first();
    let change = &line.change;
    let names: Vec<Value> =
        group.lines.iter().map(|line| json!({ "name": line.change.name, "anchor": anchor(&line.change.id) })).collect();
    let entry = json!({
        "open": open,
        "kind": super::kind(&change.kind),
        "title": group.names(3),
        "times": group.lines.len(),
        "names": names,
        "risk": risk_key(line.risk),
        "risk_word": line.risk.word(),
        "reason": rich(&line.reason),
        "undo": super::undo(line.undo),
        "cause": cause_key(change.cause),
        "cause_word": super::whose(line),
        "details": group.details().iter().map(detail).collect::<Vec<_>>(),
    });
    with_sign(entry, change.action)
}

/// Word and sign of an action, and a shape of its own: neither colour nor a small sign alone has to be told apart.
fn with_sign(mut value: Value, action: Action) -> Value {
    let word = super::word(action);
    let (shape, baseline) = match word {
        "create" => ("M-9.5 0a9.5 9.5 0 1 1 19 0a9.5 9.5 0 1 1-19 0z", 4.5),
        "update" => ("M0-11 11 0 0 11-11 0z", 4.5),
        "replace" => ("M-5.5-9.5h11l5.5 9.5-5.5 9.5h-11l-5.5-9.5z", 4.5),
        "delete" => ("M-9-9h18v18h-18z", 4.5),
        "recreate" => ("M0-10.5 11 9.5h-22z", 7.0),
        "remove" => ("M-4.5-10.5h9l6 6v9l-6 6h-9l-6-6v-9z", 4.5),
        // Like a shield: nothing is done to it, or it is taken in.
        _ => ("M-9-9.5h18v12l-9 8-9-8z", 3.5),
    };
    let own = [
        ("action", json!(word)),
        ("action_key", json!(word.replace(' ', "-"))),
        ("sign", json!(super::sign(action))),
        ("shape", json!(shape)),
        ("baseline", json!(baseline)),
    ];
    for (key, own) in own {
        value[key] = own;
    }
    value
}

/// Where a change stands on the page. What hangs on a resource goes by an id that may hold anything.
fn anchor(number: usize, id: &LogicalId) -> String {
    let plain = id.as_str().chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_string(),
        other => format!("_{:x}", u32::from(other)),
    });
    format!("s{number}-{}", plain.collect::<String>())
}

fn detail(detail: &Detail<'_>) -> Value {
    let items =
        detail.items.iter().map(|item| json!({ "sign": item.sign, "mark": item.sign.mark(), "text": item.text }));
    json!({
        "path": detail.path,
        "summary": detail.summary,
        "cause": detail.cause,
        "items": items.collect::<Vec<_>>(),
    })
}

/// The part of the class that a risk has in the style sheet.
fn risk_key(risk: Risk) -> &'static str {
    match risk {
        Risk::Safe => "safe",
        Risk::Interrupts => "interrupts",
        Risk::Broadens => "broadens",
        Risk::Replaces => "replaces",
        Risk::LosesData => "loses",
    }
}

fn cause_key(cause: Cause) -> &'static str {
    match cause {
        Cause::Yours => "yours",
        Cause::Drift => "drift",
        Cause::Both => "both",
        Cause::Converged => "converged",
    }
}

/// What happens to a node: its own change, or the worst of its parts'.
struct Mark<'a> {
    action: Action,
    risk: Risk,
    drift: bool,
    lines: Vec<&'a Line>,
}

fn mark<'a>(node: &Node, lines: &BTreeMap<&str, Vec<&'a Line>>) -> Option<Mark<'a>> {
    let of = |id: &LogicalId| lines.get(id.as_str()).into_iter().flatten().copied().collect::<Vec<_>>();
    let own = of(&node.id);
    let action = own.iter().find(|line| line.change.id == node.id).map_or(Action::Update, |line| line.change.action);
    let found: Vec<&Line> = own.into_iter().chain(node.parts.iter().flat_map(of)).collect();
    Some(Mark {
        action,
        risk: found.iter().map(|line| line.risk).max()?,
        drift: found.iter().any(|line| super::has_drift(line)),
        lines: found,
    })
}

/// What a node is in the flow of events.
fn role(kind: &str) -> &'static str {
    match kind {
        "AWS::Lambda::Function" => "function",
        "AWS::ApiGateway::RestApi"
        | "AWS::ApiGateway::Resource"
        | "AWS::ApiGateway::Method"
        | "AWS::ApiGatewayV2::Api"
        | "AWS::ApiGatewayV2::Route"
        | "AWS::Events::Rule"
        | "AWS::Lambda::EventSourceMapping"
        | "AWS::Lambda::Url"
        | "AWS::Pipes::Pipe"
        | "AWS::Scheduler::Schedule" => "trigger",
        _ => "resource",
    }
}

/// The picture with everything in its place; `None` when there is nothing to show.
fn picture(plan: &Plan, anchor: &impl Fn(&LogicalId) -> String) -> Option<Value> {
    // What somebody attached to a resource has that one's id before a slash.
    let mut lines: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in &plan.lines {
        let id = line.change.id.as_str();
        lines.entry(id.split('/').next().unwrap_or(id)).or_default().push(line);
    }
    let marks: Vec<Option<Mark<'_>>> = plan.picture.nodes.iter().map(|node| mark(node, &lines)).collect();
    let index: BTreeMap<&LogicalId, usize> =
        plan.picture.nodes.iter().enumerate().map(|(index, node)| (&node.id, index)).collect();
    let edges: Vec<(usize, usize)> =
        plan.picture.edges.iter().filter_map(|[from, to]| Some((*index.get(from)?, *index.get(to)?))).collect();
    // A large stack would hide its changes among what stays.
    let is_shown = |node: usize| {
        marks.len() <= MANY_NODES
            || marks[node].is_some()
            || edges
                .iter()
                .any(|(from, to)| (*from == node && marks[*to].is_some()) || (*to == node && marks[*from].is_some()))
    };
    let mut shown: Vec<usize> = (0..marks.len()).filter(|node| is_shown(*node)).collect();
    if shown.len() > MANY_NODES {
        // Not all is seen at once: what is worst comes first.
        shown.sort_by_key(|node| std::cmp::Reverse(marks[*node].as_ref().map(|mark| mark.risk)));
    }
    if shown.is_empty() {
        return None;
    }
    let place: BTreeMap<usize, usize> = shown.iter().enumerate().map(|(place, node)| (*node, place)).collect();
    let edges: Vec<(usize, usize)> =
        edges.iter().filter_map(|(from, to)| Some((*place.get(from)?, *place.get(to)?))).collect();
    let layout = layout::place(shown.len(), &edges);
    let is_going = |place: usize| {
        let mark = marks[shown[place]].as_ref();
        mark.is_some_and(|mark| mark.action == Action::Delete)
    };
    let paths = edges.iter().zip(&layout.edges).filter(|(_, path)| !path.is_empty());
    let paths: Vec<Value> =
        paths.map(|((from, to), path)| json!({ "d": path, "going": is_going(*from) || is_going(*to) })).collect();
    let nodes: Vec<Value> = shown
        .iter()
        .zip(&layout.nodes)
        .map(|(node, (x, y))| drawn(&plan.picture.nodes[*node], marks[*node].as_ref(), (*x, *y), plan, anchor))
        .collect();
    // A little room for what stands on the edge.
    Some(json!({
        "width": (layout.width + 8.0).ceil(), "height": (layout.height + 8.0).ceil(),
        "nodes": nodes, "edges": paths, "fits": layout.width <= FITS, "hidden": marks.len() - shown.len(),
        "changed": marks.iter().flatten().count(), "node_width": WIDTH, "node_height": HEIGHT,
    }))
}

fn drawn(
    node: &Node,
    mark: Option<&Mark<'_>>,
    (x, y): (f64, f64),
    plan: &Plan,
    anchor: &impl Fn(&LogicalId) -> String,
) -> Value {
    let kind = super::kind(&node.kind);
    let name = node.name.strip_prefix(&format!("{}-", plan.place.stack)).unwrap_or(&node.name);
    let told = |line: &&Line| {
        let change = &line.change;
        format!(
            "{} {} {}: {}, {}",
            super::word(change.action),
            super::kind(&change.kind),
            change.name,
            line.risk.word(),
            line.reason
        )
    };
    let changes: Vec<String> = mark.map(|mark| mark.lines.iter().map(told).collect()).unwrap_or_default();
    let title = match changes.is_empty() {
        true => format!("{kind} {}: no change", node.name),
        false => format!("{kind} {}\n{}", node.name, changes.join("\n")),
    };
    let drift = mark.is_some_and(|mark| mark.drift);
    let node = json!({
        "x": x + 4.0, "y": y + 4.0,
        "kind": shortened(&kind, if drift { KIND_BESIDE_DRIFT } else { KIND }),
        "name": shortened(name, NAME),
        "title": title,
        "role": role(&node.kind),
        "risk": mark.map(|mark| risk_key(mark.risk)),
        "drift": drift,
        "anchor": mark.and_then(|mark| mark.lines.first()).map(|line| anchor(&line.change.id)),
    });
    match mark {
        Some(mark) => with_sign(node, mark.action),
        None => node,
    }
}

/// A sentence as HTML: what stands between backticks is code.
fn rich(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(escaped).collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let is_code = |position: usize| position % 2 == 1;
    let parts = parts.into_iter().enumerate();
    parts.map(|(position, part)| if is_code(position) { format!("<code>{part}</code>") } else { part }).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// At most `columns` wide, the middle left out: what tells names apart stands at either end.
fn shortened(text: &str, columns: usize) -> String {
    let width = |text: &[char]| text.iter().map(|letter| letter.width().unwrap_or_default()).sum::<usize>();
    let letters: Vec<char> = text.chars().collect();
    if width(&letters) <= columns {
        return text.to_owned();
    }
    let (mut head, mut tail) = (letters.len() / 2, letters.len() / 2);
    while width(&letters[..head]) + width(&letters[tail..]) + 1 > columns {
        if width(&letters[..head]) >= width(&letters[tail..]) {
            head -= 1;
        } else {
            tail += 1;
        }
    }
    letters[..head].iter().chain(&['…']).chain(&letters[tail..]).collect()
}

/// What a page's policy says of the one style sheet that it allows.
pub(super) fn digest(style: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style)))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn text(plan: &Plan) -> String {
        page(&[(plan, Some("deployer deploy shop --stage dev".to_owned()))])
    }

    #[test]
    fn the_page_asks_for_nothing_and_runs_nothing() {
        let page = text(&samples::mixed());
        for word in ["http://", "https://", "<script", "src=", "@import", "javascript:", " style=", "url("] {
            let found = page.replace("http://www.w3.org/2000/svg", "").replace("url(#arrow", "").contains(word);
            assert!(!found, "{word}");
        }
        assert!(page.contains("Content-Security-Policy"));
    }

    #[test]
    fn every_change_is_told_and_every_node_leads_to_its_change() {
        let plan = samples::mixed();
        let page = text(&plan);
        for line in &plan.lines {
            assert!(page.contains(&format!("id=\"s0-{}\"", line.change.id)), "{}", line.change.id);
            assert!(page.contains(&line.change.name));
        }
        for part in page.split("href=\"#").skip(1) {
            let anchor = part.split('"').next().unwrap_or_default();
            assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
    }

    #[test]
    fn a_value_stays_text() {
        let mut plan = samples::mixed();
        plan.lines[0].change.name = "<img src=x onerror=alert(1)>\"'&".to_owned();
        plan.picture.nodes[0].name = "</text><script>".to_owned();
        plan.notes = vec!["</style><script>".to_owned()];
        plan.lines[0].reason = "`<img>` and <img>".to_owned();
        plan.blocked[0].way_out = "`<script>`".to_owned();
        let page = text(&plan);
        assert!(!page.contains("<img") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn several_stacks_share_a_page_and_no_id_is_there_twice() {
        let (one, two) = (samples::mixed(), samples::many(20));
        let page = page(&[(&samples::empty(), None), (&one, None), (&two, None), (&one, None)]);
        let ids: Vec<&str> =
            page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
        let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
        assert!(ids.contains(&"changes") && ids.contains(&"s1-Emails") && ids.contains(&"s3-Emails"));
    }

    #[test]
    fn what_hangs_on_a_part_marks_the_node() {
        let mut plan = samples::mixed();
        plan.lines.truncate(1);
        plan.lines[0].change.id = LogicalId::new("CheckoutRole/by hand \"x\"");
        let page = text(&plan);
        assert!(page.contains("href=\"#s0-CheckoutRole_2fby_20hand_20_22x_22\""), "{page}");
        assert!(page.contains("id=\"s0-CheckoutRole_2fby_20hand_20_22x_22\""));
    }

    #[test]
    fn a_large_stack_shows_what_changes_and_what_stands_beside_it() {
        let mut plan = samples::many(200);
        plan.lines.truncate(2);
        let picture = picture(&plan, &|id| id.to_string()).expect("a picture");
        let nodes = picture["nodes"].as_array().expect("nodes").len();
        assert!((2..=4).contains(&nodes), "{nodes}");
        assert_eq!(picture["hidden"], plan.picture.nodes.len() - nodes);
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(shortened("payment-webhook-handler-of-the-shop", 25), "payment-webh…-of-the-shop");
        assert_eq!(shortened("日本語日本語日本語", 9).width(), 9);
        assert_eq!(shortened("short", 25), "short");
    }

    use unicode_width::UnicodeWidthStr as _;
}
