//! Streaming decode: text comes out as soon as its characters are whole.

use super::Tokenizer;

/// Turns a stream of token ids into pieces of text that never split a UTF-8 character.
///
/// The pieces put together are `String::from_utf8_lossy` of all the bytes: each sequence that cannot become
/// valid is one U+FFFD, and comes out as soon as that is certain. They are what [`Tokenizer::decode`] gives, which leaves
/// out the space that some tokenizers put in front of every text.
#[derive(Debug, Default)]
pub struct TextStream {
    /// The beginning of a character: at most three bytes between two calls.
    pending: Vec<u8>,
    /// Whether a space in front is the text's own.
    begun: bool,
}

impl TextStream {
    /// For tokens that go on with a text that is there, such as a prompt without a chat template: a space in front
    /// stays.
    pub fn continuing() -> Self {
        Self { pending: Vec::new(), begun: true }
    }

    /// The text that `id` completes; empty while a character is still incomplete.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> String {
        let mut bytes = tokenizer.token_bytes(id);
        if !self.begun && !bytes.is_empty() {
            self.begun = true;
            bytes = tokenizer.without_prefix(bytes);
        }
        self.push_bytes(bytes)
    }

    /// What is left at the end, incomplete characters replaced by U+FFFD.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.pending.len());
        let mut rest = self.pending.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => error,
            };
            let (valid, after) = rest.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(valid));
            rest = after;
            let Some(invalid) = error.error_len() else { break };
            text.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[invalid..];
        }
        let left = rest.len();
        self.pending.drain(..self.pending.len() - left);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut stream = TextStream::default();
        let mut pieces: Vec<_> = chunks.into_iter().map(|chunk| stream.push_bytes(chunk)).collect();
        pieces.push(stream.finish());
        pieces
    }

    #[test]
    fn waits_for_whole_characters_only() {
        assert_eq!(pieces(["a\u{e9}".as_bytes(), b"b"]), ["aé", "b", ""]);
        assert_eq!(pieces("é€".as_bytes().chunks(1)), ["", "é", "", "", "€", ""]);
        assert_eq!(pieces([&b"x\xf0\x9f"[..], b"\x98", b"\x80y"]), ["x", "", "😀y", ""]);
    }

    #[test]
    fn replaces_as_soon_as_it_is_certain() {
        assert_eq!(pieces([&b"\xff"[..]]), ["\u{fffd}", ""]);
        assert_eq!(pieces([&b"\xe2\x82"[..], b"a"]), ["", "\u{fffd}a", ""]);
        assert_eq!(pieces([&b"\xe2\x82"[..]]), ["", "\u{fffd}"]);
    }

    proptest! {
        #[test]
        fn pieces_put_together_are_the_lossy_text(
            text in "\\PC{0,8}",
            noise in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xbfu8, 0xc2..=0xf4u8], 0..24),
            cuts in proptest::collection::vec(1usize..5, 1..40),
        ) {
            let bytes = [text.as_bytes(), &noise, text.as_bytes()].concat();
            let (mut chunks, mut rest, mut cuts) = (Vec::new(), bytes.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let cut = cuts.next().map_or(1, |&c| c.min(rest.len()));
                chunks.push(&rest[..cut]);
                rest = &rest[cut..];
            }
            prop_assert_eq!(pieces(chunks).concat(), String::from_utf8_lossy(&bytes));
        }
    }
}
