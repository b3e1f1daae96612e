//! Dashboards widget by widget.

use super::{Item, Meaning, json};
use crate::diff::PropertyChange;
use serde_json::{Map, Value};

/// The body may be JSON, JSON as text, or such a text inside of `Fn::Sub`. `None` when it is none of these.
pub(super) fn meaning(property: &PropertyChange) -> Option<Meaning> {
    if property.path != "DashboardBody" && property.path != "DashboardBody.widgets" {
        return None;
    }
    let body = |value: &Option<Value>| match value {
        None => Some(Vec::new()),
        Some(value) => {
            let body = json::parsed(value)?.into_owned();
            let widgets = if body.is_array() { &body } else { body.get("widgets")? };
            Some(widgets.as_array()?.clone())
        }
    };
    let (before, after) = (body(&property.before)?, body(&property.after)?);
    let mut items = Vec::new();
    let mut rest: Vec<Option<&Value>> = before.iter().map(Some).collect();
    let mut fresh = Vec::new();
    let (mut added, mut changed) = (0, 0);
    // First those that say the same, then those with the same title, then those that stand in the same place.
    let mut open: Vec<&Value> = after.iter().collect();
    for same in [|one: &Value, two: &Value| one == two, same_title, same_place] {
        open.retain(|widget| {
            let found = rest.iter().position(|other| other.is_some_and(|other| same(other, widget)));
            let Some(other) = found.and_then(|position| rest[position].take()) else { return true };
            let differences = differences(other, widget);
            if !differences.is_empty() {
                changed += 1;
                items.extend(differences);
            }
            false
        });
    }
    for widget in open {
        added += 1;
        fresh.push(Item::added(format!("{} ({})", title(widget), place(widget))));
    }
    let gone: Vec<Item> = rest
        .into_iter()
        .flatten()
        .map(|widget| Item::removed(format!("{} ({})", title(widget), place(widget))))
        .collect();
    let parts = [(added, "added"), (gone.len(), "removed"), (changed, "changed")];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(number, word)| format!("{} {word}", super::count(*number, "widget"))).collect();
    let mut all: Vec<Item> = fresh.into_iter().chain(gone).chain(items).collect();
    let summary = match parts.is_empty() {
        false => parts.join(", "),
        true => {
            // Only what stands around the widgets is different.
            let (before, after) = (property.before.as_ref()?, property.after.as_ref()?);
            all = json::items(&*json::parsed(before)?, &*json::parsed(after)?);
            if all.is_empty() { "same widgets, in another order".to_owned() } else { "not its widgets".to_owned() }
        }
    };
    Some(Meaning { summary, items: all })
}

/// Where a widget moved to, and what is different inside of it.
fn differences(before: &Value, after: &Value) -> Vec<Item> {
    let name = title(after);
    let mut items = Vec::new();
    if place(before) != place(after) {
        items.push(Item::changed(format!("{name} moves from {} to {}", place(before), place(after))));
    }
    let inner = |widget: &Value| {
        let object = widget.as_object().cloned().unwrap_or_default();
        let kept = object.into_iter().filter(|(key, _)| !["x", "y", "width", "height"].contains(&key.as_str()));
        Value::Object(kept.collect::<Map<_, _>>())
    };
    let inside = json::items(&inner(before), &inner(after));
    items.extend(inside.into_iter().map(|item| Item {
        text: format!("{name}: {}", item.text.strip_prefix("properties.").unwrap_or(&item.text)),
        ..item
    }));
    items
}

fn own_title(widget: &Value) -> Option<String> {
    let properties = widget.get("properties")?;
    if let Some(title) = properties.get("title").and_then(Value::as_str) {
        return Some(title.to_owned());
    }
    let first = properties.get("markdown")?.as_str()?.lines().find(|line| !line.trim().is_empty())?;
    Some(first.trim_start_matches(['#', ' ']).trim().to_owned())
}

fn same_title(one: &Value, two: &Value) -> bool {
    own_title(one).is_some_and(|title| own_title(two) == Some(title)) && one.get("type") == two.get("type")
}

fn same_place(one: &Value, two: &Value) -> bool {
    place(one) == place(two) && one.get("type") == two.get("type")
}

/// `“Errors”`, or what a widget without a title is.
fn title(widget: &Value) -> String {
    match own_title(widget) {
        Some(title) => format!("“{title}”"),
        None => {
            format!("{} widget at {}", widget.get("type").and_then(Value::as_str).unwrap_or("unknown"), place(widget))
        }
    }
}

/// `12×6 at 0,6`: width, height, column, row.
fn place(widget: &Value) -> String {
    let number = |key: &str| widget.get(key).map_or_else(|| "?".to_owned(), Value::to_string);
    format!("{}×{} at {},{}", number("width"), number("height"), number("x"), number("y"))
}
