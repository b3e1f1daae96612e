//! Fonts, the widths of texts in them, and how a text falls into lines.
//!
//! Noto Sans is compiled in: it has every Vietnamese letter in composed form, so texts are composed first
//! (a name typed on a Mac arrives decomposed). A letter that the font lacks becomes its empty box.

use krilla::text::Font;
use ttf_parser::Face;
use unicode_normalization::UnicodeNormalization as _;

/// One weight: for drawing and for measuring.
pub struct Weight {
    pub font: Font,
    face: Face<'static>,
}

impl std::fmt::Debug for Weight {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Weight(Noto Sans)")
    }
}

#[derive(Debug)]
pub struct Fonts {
    pub regular: Weight,
    pub bold: Weight,
}

impl Fonts {
    pub fn embedded() -> Self {
        Self { regular: Weight::new(notosans::REGULAR_TTF), bold: Weight::new(notosans::BOLD_TTF) }
    }
}

impl Weight {
    fn new(bytes: &'static [u8]) -> Self {
        Self {
            font: Font::new(bytes.into(), 0).expect("the embedded font is whole"),
            face: Face::parse(bytes, 0).expect("the embedded font is whole"),
        }
    }

    /// Width of `text` at `size`. Both in points. Kerning is left out: it only ever makes text narrower here.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let units: f32 = text.chars().map(|letter| f32::from(self.advance(letter))).sum();
        units * size / f32::from(self.face.units_per_em())
    }

    /// Whether the font can show `letter`.
    pub fn has(&self, letter: char) -> bool {
        self.face.glyph_index(letter).is_some()
    }

    fn advance(&self, letter: char) -> u16 {
        let glyph = self.face.glyph_index(letter).unwrap_or_default();
        self.face.glyph_hor_advance(glyph).unwrap_or_default()
    }

    /// `text` in at most `most` lines no wider than `width`, at `size`, all in points; what does not fit ends in an ellipsis.
    pub fn lines(&self, text: &str, size: f32, width: f32, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(line, size) + self.width(" ", size) + self.width(word, size) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        let is_cut = lines.len() > most;
        lines.truncate(most);
        let last = lines.len().saturating_sub(1);
        lines.iter().enumerate().map(|(at, line)| self.fitted(line, size, width, is_cut && at == last)).collect()
    }

    fn fitted(&self, line: &str, size: f32, width: f32, is_cut: bool) -> String {
        if !is_cut && self.width(line, size) <= width {
            return line.to_owned();
        }
        let mut kept = line.to_owned();
        while !kept.is_empty() && self.width(&kept, size) + self.width("…", size) > width {
            kept.pop();
        }
        kept.truncate(kept.trim_end().len());
        kept + "…"
    }
}

/// Composed letters, single spaces, nothing invisible.
pub fn clean(text: &str) -> String {
    let composed: String = text.nfc().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vietnamese_letter_is_in_both_weights() {
        let fonts = Fonts::embedded();
        let marks = "ĂÂĐÊÔƠƯăâđêôơưÀÁÃÈÉÌÍÒÓÕÙÚÝàáãèéìíòóõùúýĨĩŨũ₫–—…".chars();
        for letter in marks.chain('\u{1ea0}'..='\u{1ef9}') {
            assert!(fonts.regular.has(letter) && fonts.bold.has(letter), "{letter}");
        }
    }

    #[test]
    fn a_decomposed_name_is_composed() {
        let decomposed = "Nguye\u{302}\u{303}n  Thi\u{323}\n Ho\u{302}\u{300}ng";
        assert_eq!(clean(decomposed), "Nguyễn Thị Hồng");
    }

    #[test]
    fn text_falls_into_lines_that_fit() {
        let weight = Fonts::embedded().bold;
        let lines = weight.lines("Đêm nhạc Trịnh Công Sơn tại Nhà hát Lớn Hà Nội", 24.0, 250.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| weight.width(line, 24.0) <= 250.0), "{lines:?}");
        assert!(lines[1].ends_with('…'), "{lines:?}");
        assert_eq!(weight.lines("Một hai", 24.0, 250.0, 2), ["Một hai"]);
        assert_eq!(weight.lines("", 24.0, 250.0, 2), Vec::<String>::new());
        let one_word = weight.lines(&"W".repeat(100), 24.0, 250.0, 2);
        assert!(one_word.len() == 1 && weight.width(&one_word[0], 24.0) <= 250.0);
    }
}
