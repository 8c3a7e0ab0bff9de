//! Tokens that end a turn by their text: they stop a generation whatever type a file gives them, since converters
//! often write the wrong one, and the id keys name one of several.

use std::collections::HashSet;

/// One such token.
struct End {
    text: &'static str,
    /// Tokens that say that the vocabulary means something else by it.
    unless: &'static [&'static str],
}

/// From llama.cpp, `src/llama-vocab.cpp`, where it fills `special_eog_ids` (`special_fim_pad_id`, `_rep_id` and
/// `_sep_id` belong to them), and from the chat templates of the models named.
#[rustfmt::skip]
const ENDS: &[End] = &[
    End { text: "<|im_end|>", unless: &[] }, // ChatML: Qwen, SmolLM, Yi
    End { text: "<|endoftext|>", unless: &[] }, // GPT-2, Qwen, Phi, StarCoder
    End { text: "<|eot_id|>", unless: &[] }, // Llama 3
    End { text: "<|eom_id|>", unless: &[] }, // Llama 3: the end before a tool's answer
    End { text: "<|end_of_text|>", unless: &[] }, // Llama 3, Granite
    End { text: "<|eot|>", unless: &[] }, // Llama 4
    End { text: "<|eom|>", unless: &[] }, // Llama 4
    End { text: "<end_of_turn>", unless: &[] }, // Gemma
    End { text: "<eos>", unless: &[] }, // Gemma
    End { text: "<turn|>", unless: &[] }, // Gemma 4
    End { text: "<|tool_response>", unless: &[] }, // Gemma 4
    End { text: "</s>", unless: &["<|tool_response>", "<start_of_turn>"] }, // Llama 2, Mistral, and HTML in Gemma
    End { text: "<|end|>", unless: &["<|return|>", "<|flush|>"] }, // Phi; inside a turn in gpt-oss and Solar Open
    End { text: "<|return|>", unless: &[] }, // gpt-oss
    End { text: "<|call|>", unless: &[] }, // gpt-oss
    End { text: "<|calls|>", unless: &[] }, // Solar Open
    End { text: "<|flush|>", unless: &[] }, // Solar Open
    End { text: "<｜end▁of▁sentence｜>", unless: &[] }, // DeepSeek
    End { text: "<|END_OF_TURN_TOKEN|>", unless: &[] }, // Command R
    End { text: "<|end_of_turn|>", unless: &[] }, // OpenChat, Starling
    End { text: "[|endofturn|]", unless: &[] }, // EXAONE
    End { text: "<end_of_utterance>", unless: &[] }, // SmolVLM, Granite Docling
    End { text: "<EOT>", unless: &[] }, // CodeLlama and others
    End { text: "_<EOT>", unless: &[] }, // as above
    End { text: "[EOT]", unless: &[] }, // Kimi K2
    End { text: "[EOS]", unless: &[] }, // Kimi K2
    End { text: "[e~[", unless: &[] }, // MiniMax M2
    End { text: "<|fim_pad|>", unless: &[] }, // Qwen: between the pieces of filling in the middle
    End { text: "<fim-pad>", unless: &[] }, // SantaCoder
    End { text: "<fim_pad>", unless: &[] }, // StarCoder, Granite
    End { text: "<PAD>", unless: &[] }, // several
    End { text: "[PAD]", unless: &[] }, // Kimi K2
    End { text: "<|fim_repo|>", unless: &[] }, // Qwen: the next repository
    End { text: "<|repo_name|>", unless: &[] }, // Qwen
    End { text: "<fim-repo>", unless: &[] }, // SantaCoder
    End { text: "<REPO>", unless: &[] }, // several
    End { text: "<reponame>", unless: &["<repo_name>"] }, // Granite, StarCoder; SmolLM has both, and neither ends
    End { text: "<|file_sep|>", unless: &[] }, // Qwen: the next file
];

/// The ids of the tokens in `tokens` that end a turn, ascending.
pub(super) fn ends_of_turn(tokens: &[String]) -> Vec<usize> {
    let has = |unless: &&str| tokens.iter().any(|token| token == unless);
    let ends: HashSet<&str> =
        ENDS.iter().filter(|end| !end.unless.iter().any(has)).map(|end| end.text).collect();
    let ids = tokens.iter().enumerate().filter(|(_, token)| ends.contains(token.as_str()));
    ids.map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tokens: &[&str]) -> Vec<usize> {
        ends_of_turn(&tokens.iter().map(|&t| t.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_line_ends_a_turn_and_stands_once() {
        let mut texts: Vec<_> = ENDS.iter().map(|end| end.text).collect();
        for end in ENDS {
            assert_eq!(found(&["a", end.text, "b"]), [1], "{}", end.text);
            for &unless in end.unless {
                assert!(!found(&[end.text, unless]).contains(&0), "{} beside {unless}", end.text);
            }
        }
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ENDS.len());
    }

    #[test]
    fn whole_texts_only_and_several_at_once() {
        assert_eq!(found(&["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|fim_pad|>"]), [0, 2, 3]);
        assert!(
            found(&["<|im_end|> ", "im_end", "<|IM_END|>", "<|end_of_role|>", "", "<|fim_middle|>"])
                .is_empty()
        );
        assert_eq!(found(&["<|end|>", "<|return|>", "<|call|>"]), [1, 2], "gpt-oss");
        assert_eq!(
            found(&["<|endoftext|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>"]),
            [0, 1],
            "SmolLM"
        );
    }
}
