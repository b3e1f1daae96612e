//! Lists in every layout that stack files have, and what an edit must not touch.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn appended(text: &str, path: &[&str], item: Value, expected: &str) {
    assert_eq!(append(text, path, &item).as_deref(), Some(expected));
}

#[track_caller]
fn taken(text: &str, path: &[&str], index: usize, expected: &str) {
    assert_eq!(take(text, path, index).as_deref(), Some(expected));
}

#[test]
fn an_entry_comes_behind_the_last_one() {
    appended("a:\n  # one\n  - x # is x\n\nb: 1\n", &["a"], json!("y"), "a:\n  # one\n  - x # is x\n  - y\n\nb: 1\n");
    appended("a:\n- x", &["a"], json!({ "k": "v w" }), "a:\n- x\n- { k: \"v w\" }\n");
    appended("a: [x, # is x\n  y]\n", &["a"], json!(1), "a: [x, # is x\n  y, 1]\n");
    appended("a: [] # none\n", &["a"], json!("x"), "a: [x] # none\n");
    appended(
        "a:\n  - k: 1\n    l: |\n      text\n  # last\nb: 1\n",
        &["a"],
        json!("y"),
        "a:\n  - k: 1\n    l: |\n      text\n  - y\n  # last\nb: 1\n",
    );
    appended(
        "f:\n  - { q: x, can: send } # q\n",
        &["f", "0", "can"],
        json!("purge"),
        "f:\n  - { q: x, can: [send, purge] } # q\n",
    );
}

#[test]
fn a_list_is_made_where_there_is_none() {
    appended("f:\n  b: 1\n", &["f", "a"], json!({ "q": "x" }), "f:\n  b: 1\n  a: [{ q: x }]\n");
    appended("f:\n  a: # nothing yet\n", &["f", "a"], json!("x"), "f:\n  a: [x] # nothing yet\n");
    appended("f: { a: { q: x } }\n", &["f", "a"], json!("y"), "f: { a: [{ q: x }, y] }\n");
}

#[test]
fn an_entry_goes_and_the_comments_stay() {
    let block = "a:\n  # one\n  - x # is x\n  # two\n  - y:\n      z: 1\nb: 1\n";
    taken(block, &["a"], 0, "a:\n  # one\n  # two\n  - y:\n      z: 1\nb: 1\n");
    taken(block, &["a"], 1, "a:\n  # one\n  - x # is x\n  # two\nb: 1\n");
    taken("a: # all\n  # one\n  - x\nb: 1\n", &["a"], 0, "a: [] # all\n  # one\nb: 1\n");
    taken("a: [x, y, z]\n", &["a"], 0, "a: [y, z]\n");
    taken("a: [x, y, z]\n", &["a"], 2, "a: [x, y]\n");
    taken("a: [x, # is x\n  y, # is y\n  z]\n", &["a"], 1, "a: [x, # is x\n   # is y\n  z]\n");
    taken("a: [x, # is x\n  y]\n", &["a"], 1, "a: [x # is x\n  ]\n");
    taken("a: [\n  x, # is x\n  ]\n", &["a"], 0, "a: [\n   # is x\n  ]\n");
    taken("a: { q: x }\n", &["a"], 0, "a: []\n");
}

#[test]
fn what_would_change_something_else_is_left() {
    let shared = "x: &x [a]\ny: *x\n";
    assert_eq!(append(shared, &["y"], &json!("b")), None, "the anchor's text would change");
    assert_eq!(take(shared, &["y"], 0), None);
    assert_eq!(append("a:\n  k: 1\n", &["a"], &json!("b")), None, "a block beside an entry");
    assert_eq!(take("a:\n  - - x\n    - y\n", &["a", "0"], 0), None, "a line of two dashes");
    assert_eq!((take("a: [x]\n", &["a"], 1), take("a: [x]\n", &["b"], 0)), (None, None));
}

#[test]
fn a_place_leads_to_its_path() {
    let text = "f:\n  g: { access: [{ q: x }, { q: y }] }\n";
    let at = |piece: &str| {
        let start = text.find(piece).expect("it stands there");
        Span { file: FileId(0), start, end: start + piece.len() }
    };
    assert_eq!(path_to(text, at("{ q: y }")), Some(["f", "g", "access", "1"].map(str::to_owned).to_vec()));
    assert_eq!(path_of_key(text, at("g")), Some(["f", "g"].map(str::to_owned).to_vec()));
    assert_eq!((path_to(text, at("q: y")), path_of_key(text, at("x"))), (None, None));
}

/// A list as text: entries in one of several layouts, with comments, between other keys.
fn document() -> impl Strategy<Value = (String, usize)> {
    let scalar =
        prop_oneof!["[a-z]{1,5}", Just("\"a, b # d\"".to_owned()), Just("7".to_owned()), Just("'it''s'".to_owned())];
    let entry = prop_oneof![
        scalar.clone(),
        scalar.clone().prop_map(|text| format!("{{ k: {text}, l: [1, 2] }}")),
        scalar.prop_map(|text| format!("[{text}]")),
    ];
    let comments = prop::collection::vec(prop::option::of("[a-z ,\\[\\]-]{0,9}"), 6);
    (prop::collection::vec(entry, 0..5), comments, 0..4usize, any::<bool>()).prop_map(
        |(entries, comments, layout, deep)| {
            let (pad, count) = (if deep { "    " } else { "" }, entries.len());
            let comment = |at: usize| comments[at].as_ref().map(|text| format!(" # c{at} {text}")).unwrap_or_default();
            let list = match layout {
                _ if count == 0 => format!("{pad}list: []{}\n", comment(5)),
                0 => format!("{pad}list: [{}]{}\n", entries.join(", "), comment(5)),
                1 => {
                    let lines = entries.iter().enumerate().map(|(at, entry)| {
                        let comma = if at + 1 < count || deep { "," } else { "" };
                        format!("{pad}  {entry}{comma}{}\n", comment(at))
                    });
                    format!("{pad}list: [\n{}{pad}  ]{}\n", lines.collect::<String>(), comment(5))
                }
                // With and without indentation of the dashes.
                _ => {
                    let inner = if layout == 2 { "  " } else { "" };
                    let lines = entries.iter().enumerate().map(|(at, entry)| {
                        let above = if at % 2 == 0 {
                            format!("{pad}{inner}{}\n", comment(5).trim_start())
                        } else {
                            String::new()
                        };
                        format!("{above}{pad}{inner}- {entry}{}\n", comment(at))
                    });
                    format!("{pad}list:{}\n{}", comment(5), lines.collect::<String>())
                }
            };
            let text = match deep {
                true => format!("before: 1 # b\nf:\n  g:\n    x: y\n{list}    z: 1\nafter: [1]\n"),
                false => format!("before: 1 # b\n{list}\nafter: [1]\n"),
            };
            (text, count)
        },
    )
}

/// Comments of a text, each by its mark.
fn marks(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.rsplit_once(" # c")).map(|(_, rest)| rest.trim_end().to_owned()).collect()
}

fn value(text: &str, path: &[&str]) -> Value {
    tree(text).expect("it is YAML").to_json().pointer(&pointer(path)).cloned().unwrap_or_default()
}

proptest! {
    #[test]
    fn editing_the_text_is_editing_the_value((text, count) in document(), index in 0..6usize, word in "[ -~é]{0,12}") {
        let path: &[&str] = if text.contains("f:\n") { &["f", "g", "list"] } else { &["list"] };
        let Value::Array(list) = value(&text, path) else { panic!("no list in {text}") };
        prop_assert_eq!(list.len(), count);

        let item = json!({ "noun": word, "can": ["x", 1] });
        let longer = append(&text, path, &item).expect("every layout takes an entry");
        prop_assert_eq!(value(&longer, path), Value::Array([list.clone(), vec![item]].concat()));
        prop_assert_eq!(marks(&longer), marks(&text), "{}", longer);

        match take(&text, path, index) {
            None => prop_assert!(index >= count, "{index} of {text}"),
            Some(shorter) => {
                let mut left = list;
                left.remove(index);
                prop_assert_eq!(value(&shorter, path), Value::Array(left));
                // Only a block's own line takes its comment along.
                let gone: Vec<String> = marks(&text).into_iter().filter(|mark| !marks(&shorter).contains(mark)).collect();
                prop_assert!(gone.iter().all(|mark| mark.starts_with(&index.to_string())), "{gone:?}\n{shorter}");
            }
        }
    }
}
