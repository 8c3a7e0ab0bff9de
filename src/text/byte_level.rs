//! GPT-2's printable alphabet for bytes: every byte has a character, so token texts are valid Unicode without
//! whitespace or control characters (`Ġ` is the space).

/// One more than the last character of the alphabet.
const END: usize = 256 + 68;

/// Byte of each character; `-1` where the character is not in the alphabet.
const BYTES: [i16; END] = {
    let mut bytes = [-1; END];
    let (mut byte, mut moved) = (0usize, 256);
    while byte < 256 {
        if matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            bytes[byte] = byte as i16;
        } else {
            bytes[moved] = byte as i16;
            moved += 1;
        }
        byte += 1;
    }
    bytes
};

/// Appends the bytes that `token` stands for; its own UTF-8 where a character is not in the alphabet.
pub(super) fn push_bytes(token: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for character in token.chars() {
        match BYTES.get(character as usize) {
            Some(&byte) if byte >= 0 => out.push(byte as u8),
            _ => {
                out.truncate(start);
                out.extend_from_slice(token.as_bytes());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabet_is_the_one_of_tokenizers() {
        let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        for code in 0..0x400 {
            let character = char::from_u32(code).unwrap();
            let known = BYTES.get(code as usize).is_some_and(|&b| b >= 0);
            assert_eq!(known, alphabet.contains(&character), "{character:?}");
        }
        let mut bytes = Vec::new();
        push_bytes("ĠHÃ©Ċ", &mut bytes);
        assert_eq!(bytes, " Hé\n".as_bytes());
    }

    #[test]
    fn other_characters_stay_as_they_are() {
        let mut bytes = b"-".to_vec();
        push_bytes("Ġa b", &mut bytes);
        assert_eq!(bytes, "-Ġa b".as_bytes());
    }
}
