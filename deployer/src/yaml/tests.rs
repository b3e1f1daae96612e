//! Texts in, trees and places out.

use super::*;
use proptest::prelude::*;

fn tree(text: &str) -> Node {
    let mut diagnostics = Diagnostics::default();
    let node = parse(FileId(0), text, &mut diagnostics);
    assert_eq!(diagnostics, Diagnostics::default(), "{text}");
    node.expect("a text without mistakes has a tree")
}

fn json(text: &str) -> String {
    tree(text).to_json().to_string()
}

fn codes(text: &str) -> Vec<&'static str> {
    let mut diagnostics = Diagnostics::default();
    parse(FileId(0), text, &mut diagnostics);
    diagnostics.0.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn plain_scalars_follow_the_core_schema() {
    assert_eq!(
        json("[true, False, ~, null, 12, -3, 0x1F, 0o17, 1.5, 1e3, yes, on, 1.2.3, 2012-10-17, .inf, '', '12', +5]"),
        r#"[true,false,null,null,12,-3,31,15,1.5,1000.0,"yes","on","1.2.3","2012-10-17",".inf","","12",5]"#
    );
}

#[test]
fn an_account_with_a_leading_zero_stays_as_it_was_written() {
    assert_eq!(json("[012345678901, 99999999999999999999]"), r#"["012345678901","99999999999999999999"]"#);
}

#[test]
fn short_tags_become_the_long_form() {
    assert_eq!(
        json(
            "a: !Ref B\nb: !GetAtt C.D.E\nc: !Sub ['${x}', {x: !Ref y}]\nd: !If [p, q, !Ref 'AWS::NoValue']\ne: !Condition f"
        ),
        concat!(
            r#"{"a":{"Ref":"B"},"b":{"Fn::GetAtt":["C","D.E"]},"c":{"Fn::Sub":["${x}",{"x":{"Ref":"y"}}]},"#,
            r#""d":{"Fn::If":["p","q",{"Ref":"AWS::NoValue"}]},"e":{"Condition":"f"}}"#
        )
    );
}

#[test]
fn a_short_tag_on_a_block_takes_the_whole_block() {
    assert_eq!(json("a: !Join\n  - ','\n  - [x, y]\nb: 1"), r#"{"a":{"Fn::Join":[",",["x","y"]]},"b":1}"#);
}

#[test]
fn merges_give_way_to_what_is_written() {
    assert_eq!(
        json("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\na: {y: 9, <<: *b}\nc: {<<: [*o, *b]}"),
        r#"{"base":{"x":1,"y":2},"other":{"y":3,"z":4},"a":{"y":9,"x":1},"c":{"y":3,"z":4,"x":1}}"#
    );
}

#[test]
fn places_count_bytes_also_behind_other_scripts() {
    let text = "tên: \"giá\"\n注文: {khóa: trị}  # đây\nc:\n  - một\n  - |\n    hai\n    ba\n\nd: 1\n";
    let node = tree(text);
    let written = |node: &Node| text[node.span.start..node.span.end].to_owned();
    assert_eq!(written(node.get("tên").expect("key")), "\"giá\"");
    let order = node.get("注文").expect("key");
    assert_eq!(written(order), "{khóa: trị}");
    assert_eq!(written(order.get("khóa").expect("key")), "trị");
    assert_eq!(written(node.get("c").expect("key")), "- một\n  - |\n    hai\n    ba");
    assert_eq!(written(node.get("d").expect("key")), "1");
    assert!(node.entries().iter().all(|entry| text[entry.key.span.start..entry.key.span.end] == *entry.key.value));
}

#[test]
fn an_absent_value_stands_at_its_key() {
    let node = tree("a:\nb: 1\n");
    let nothing = node.get("a").expect("key");
    assert_eq!((nothing.kind.clone(), nothing.span.start, nothing.span.end), (Kind::Null, 0, 1));
}

#[test]
fn billions_of_laughs_are_refused_while_they_are_few() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..40 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 9].join(", "));
    }
    assert_eq!(codes(&text), ["D0109"]);
}

#[test]
fn tabs_inside_of_texts_are_content() {
    assert_eq!(json("a: |\n  x\n  \ty\nb: \"c\td\""), r#"{"a":"x\n\ty\n","b":"c\td"}"#);
    assert_eq!(codes("a:\n\tb: 1\n"), ["D0105"]);
}

fn sound(node: &Node, text: &str) {
    assert!(text.get(node.span.start..node.span.end).is_some(), "{:?} in {text:?}", node.span);
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| sound(item, text)),
        Kind::Map(entries) => entries.iter().for_each(|entry| {
            assert!(text.get(entry.key.span.start..entry.key.span.end).is_some(), "{:?}", entry.key.span);
            sound(&entry.value, text);
        }),
        _ => {}
    }
}

fn check(text: &str) {
    let mut diagnostics = Diagnostics::default();
    if let Some(node) = parse(FileId(0), text, &mut diagnostics) {
        sound(&node, text);
    } else {
        assert!(diagnostics.has_errors(), "nothing said about {text:?}");
    }
    for label in diagnostics.0.iter().flat_map(|diagnostic| &diagnostic.labels) {
        assert!(text.get(label.span.start..label.span.end).is_some(), "{:?} in {text:?}", label.span);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn nor_does_what_looks_like_yaml(text in "([a-c]|đ|: |- |\\n|  |\t|[\\[\\]{},&*!|>#'\"?%@~<\r]|<<|---|\\.\\.\\.|1|0x|é){0,60}") {
        check(&text);
    }
}
