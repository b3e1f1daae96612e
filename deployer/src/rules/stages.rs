//! Rules for stages: accounts and regions, of all stages of the file.

use super::Rule;
use crate::diag::Diagnostics;
use crate::model::Stack;

pub(super) fn accounts(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for account in stack.file.stages.values().filter_map(|stage| stage.account.as_ref()) {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            diagnostics.push(
                rule.error()
                    .at(account.span, format!("{} characters", account.chars().count()))
                    .help("an account is twelve digits, in quotes: \"012345678901\""),
            );
        }
    }
}

pub(super) fn regions(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let is_region = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        let [area, middle @ .., number] = parts.as_slice() else { return false };
        let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        (2..=4).contains(&area.len())
            && is_word(area)
            && !middle.is_empty()
            && middle.iter().all(is_word)
            && matches!(number.as_bytes(), [b'1'..=b'9'])
    };
    for region in stack.file.stages.values().filter_map(|stage| stage.region.as_ref()) {
        if !is_region(region) {
            diagnostics
                .push(rule.error().at(region.span, "no region is written like this").help("such as `ap-southeast-1`"));
        }
    }
}
