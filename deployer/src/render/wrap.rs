//! Lines that fit a terminal: words flow, what is too long for a line is cut in two. Knows no plan.

use super::style::paint;
use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Narrowest width that is aimed at. Columns.
pub(crate) const NARROWEST: usize = 60;

/// A line of text in several styles; words flow at `width`, every line but the first indented by `hang`. Without a width
/// it stays one line.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) width: Option<usize>,
    pub(crate) indent: usize,
    pub(crate) hang: usize,
    pub(crate) spans: &'a [(Style, &'a str)],
}

impl Flow<'_> {
    /// With the final newline; nothing stands at the end of a line.
    pub(crate) fn text(&self) -> String {
        let mut out = " ".repeat(self.indent);
        let Some(width) = self.width.map(|width| width.max(NARROWEST)) else {
            let spans: Vec<String> = self.spans.iter().map(|(style, text)| paint(*style, text)).collect();
            return out + &spans.join(" ") + "\n";
        };
        let mut column = self.indent;
        let mut is_begin = true;
        for (style, text) in self.spans {
            // Leading space is part of what is shown: code keeps its shape.
            let lead = text.len() - text.trim_start_matches(' ').len();
            let words = text[lead..].split(' ');
            let mut lead = &text[..lead];
            let mut open = String::new();
            for word in words {
                let word = format!("{}{word}", std::mem::take(&mut lead));
                let gap = usize::from(!is_begin);
                if column + gap + word.width() <= width {
                    open.push_str(if is_begin { "" } else { " " });
                    open.push_str(&word);
                    column += gap + word.width();
                } else {
                    flush(&mut out, *style, &mut open);
                    if !is_begin {
                        new_line(&mut out, self.hang);
                        column = self.hang;
                    }
                    for letter in word.chars() {
                        let letter_width = letter.width().unwrap_or_default();
                        if column + letter_width > width {
                            flush(&mut out, *style, &mut open);
                            new_line(&mut out, self.hang);
                            column = self.hang;
                        }
                        open.push(letter);
                        column += letter_width;
                    }
                }
                is_begin = false;
            }
            flush(&mut out, *style, &mut open);
        }
        out.push('\n');
        out
    }
}

fn flush(out: &mut String, style: Style, open: &mut String) {
    if open.is_empty() {
        return;
    }
    // The space between two spans takes no colour.
    let text = open.trim_start_matches(' ');
    if out.ends_with('\n') || !text.is_empty() {
        out.push_str(&open[..open.len() - text.len()]);
        out.push_str(&paint(style, text));
    }
    open.clear();
}

fn new_line(out: &mut String, hang: usize) {
    let end = out.trim_end_matches(' ').len();
    out.truncate(end);
    out.push('\n');
    out.push_str(&" ".repeat(hang));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flow(width: Option<usize>, spans: &[(Style, &str)]) -> String {
        let text = Flow { width, indent: 2, hang: 6, spans }.text();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn words_flow_and_a_long_word_is_cut() {
        let long = "x".repeat(70);
        let text = format!("a few words before {long} and after");
        insta::assert_snapshot!(flow(Some(60), &[(Style::new(), &text)]), @r"
          a few words before
              xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
              xxxxxxxxxxxxxxxx and after
        ");
        assert_eq!(flow(None, &[(Style::new(), &text)]), format!("  {text}\n"));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_letter_is_lost(words in proptest::collection::vec("[a-z日本é]{1,90}", 1..20), width in 60..140usize) {
            let text = words.join(" ");
            let (one, two) = text.split_at(words[0].len());
            let flowed = flow(Some(width), &[(Style::new(), one), (Style::new(), two.trim_start())]);
            for line in flowed.lines() {
                prop_assert!(line.width() <= width, "{line}");
            }
            let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&flowed), letters(&text));
        }
    }
}
