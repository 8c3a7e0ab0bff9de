//! Files that people take for GGUF files, by their first bytes.

pub(super) const BIG_ENDIAN: &str = "the file is big-endian, made for machines such as s390x, and only \
     little-endian files are supported; use the model's ordinary file, or convert this one with \
     gguf_convert_endian.py";

/// How many bytes tell them apart.
pub(super) const PEEKED: usize = 64;

/// A kind of file.
struct Kind {
    is: fn(&[u8]) -> bool,
    /// What it is, and what to do.
    say: &'static str,
}

#[rustfmt::skip]
static KINDS: [Kind; 10] = [
    Kind { is: |b| b.starts_with(b"FUGG"), say: BIG_ENDIAN },
    Kind { is: |b| [b"lmgg", b"fmgg", b"tjgg"].iter().any(|m| b.starts_with(*m)), say: "this is a GGML file of an early llama.cpp, from before GGUF; use the model's GGUF file, or convert this one with convert_llama_ggml_to_gguf.py" },
    Kind { is: |b| b.starts_with(b"algg"), say: "this is a LoRA adapter of an early llama.cpp and no model; merge it into its model and use that as GGUF" },
    Kind { is: is_safetensors, say: "this is a safetensors file, not a GGUF file; use the model's GGUF file, or convert the model with convert_hf_to_gguf.py" },
    Kind { is: |b| b.starts_with(b"PK\x03\x04") || b.starts_with(b"\x80\x02"), say: "this is a zip archive or a PyTorch file, not a GGUF file; unpack the archive, or use the model's GGUF file" },
    Kind { is: |b| PACKED.iter().any(|magic| b.starts_with(magic)), say: "this is a compressed file, not a GGUF file; decompress it first" },
    Kind { is: |b| b.starts_with(b"version https://git-lfs"), say: "this is a git-lfs pointer and not the file that it stands for; fetch that with \"git lfs pull\", or download it by its own link" },
    Kind { is: |b| has_tag(b, b"<!doctype html") || has_tag(b, b"<html") || has_tag(b, b"<?xml"), say: "this is a web page, not a GGUF file: the link leads to a page about the file, or to an error; download the file itself" },
    Kind { is: |b| b.trim_ascii_start().starts_with(b"{"), say: "this is JSON, not a GGUF file: the configuration of a model, or an error of a server; choose a file that ends in .gguf" },
    Kind { is: |b| b.iter().all(|byte| *byte == 0), say: "this is not a GGUF file (it begins with zeros), perhaps a download that was broken off; download it again" },
];

/// gzip, zstd, xz, bzip2, 7z.
static PACKED: [&[u8]; 5] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh", b"7z\xbc\xaf\x27\x1c"];

/// A length of JSON, then JSON.
fn is_safetensors(begin: &[u8]) -> bool {
    matches!(begin, [_, _, _, _, 0, 0, 0, 0, b'{', ..])
}

fn has_tag(begin: &[u8], tag: &[u8]) -> bool {
    let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).trim_ascii_start();
    begin.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
}

/// What a file is that begins so, and what to do.
pub(super) fn describe(begin: &[u8]) -> String {
    KINDS.iter().find(|kind| (kind.is)(begin)).map_or_else(
        || {
            let begin = begin.get(..4).unwrap_or(begin).escape_ascii();
            format!("this is not a GGUF file (it begins with \"{begin}\"); choose a file that ends in .gguf")
        },
        |kind| kind.say.into(),
    )
}
