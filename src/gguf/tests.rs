//! Files made here and read back, whole and broken.

use super::WINDOW_BYTES;
use super::wire::{put_string, put_u32, put_u64};
use super::*;
use crate::source::{self, ByteSource};
use pollster::block_on;

/// A source that gives a few bytes at a time and does not know its length, as a `fetch` body may.
struct Trickle<'a>(&'a [u8]);

impl ByteSource for Trickle<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, source::Error> {
        let n = (1 + self.0.len() % 7).min(buffer.len()).min(self.0.len());
        let (head, tail) = self.0.split_at(n);
        buffer[..n].copy_from_slice(head);
        self.0 = tail;
        Ok(n)
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

fn open(bytes: &[u8]) -> Result<Stream<&[u8]>, Error> {
    block_on(Stream::open(bytes))
}

/// Every tensor's bytes, in the order of the table.
fn read_all<S: ByteSource>(source: S) -> Result<(Header, Vec<Vec<u8>>), Error> {
    block_on(async {
        let mut stream = Stream::open(source).await?;
        let mut all = vec![Vec::new(); stream.header().tensors.len()];
        while let Some(window) = stream.next_window().await? {
            let bytes = &mut all[window.tensor];
            assert!(window.rows > 0 && (window.rows == 1 || window.bytes.len() <= WINDOW_BYTES));
            assert_eq!(bytes.len(), window.first_row * (window.bytes.len() / window.rows), "rows in order");
            bytes.extend_from_slice(window.bytes);
        }
        Ok((stream.header().clone(), all))
    })
}

fn metadata() -> Metadata {
    let strings = |all: &[&str]| Array::String(all.iter().map(ToString::to_string).collect());
    let array = Value::Array;
    let all = [
        ("u8", Value::U8(8)),
        ("i8", Value::I8(-8)),
        ("u16", Value::U16(1600)),
        ("i16", Value::I16(-1600)),
        ("u32", Value::U32(320_000)),
        ("i32", Value::I32(-320_000)),
        ("f32", Value::F32(0.5)),
        ("bool", Value::Bool(true)),
        ("string", Value::String("Zeit, Åse, 時間".into())),
        ("u64", Value::U64(u64::MAX)),
        ("i64", Value::I64(i64::MIN)),
        ("f64", Value::F64(-1e300)),
        ("u8s", array(Array::U8(vec![1, 2, 3]))),
        ("i8s", array(Array::I8(vec![-1, 2]))),
        ("u16s", array(Array::U16(vec![1, 65535]))),
        ("i16s", array(Array::I16(vec![-1, 2]))),
        ("u32s", array(Array::U32(vec![1, 2]))),
        ("i32s", array(Array::I32(vec![-1, 2]))),
        ("f32s", array(Array::F32(vec![1.5, -2.0]))),
        ("bools", array(Array::Bool(vec![true, false]))),
        ("strings", array(strings(&["a", "", "Ġthe"]))),
        ("u64s", array(Array::U64(vec![1, 2]))),
        ("i64s", array(Array::I64(vec![-1, 2]))),
        ("f64s", array(Array::F64(vec![0.25]))),
        ("empty", array(Array::U8(vec![]))),
        ("bytes", Value::Bytes(b"caf\xe9".to_vec())),
        (
            "texts",
            array(Array::Bytes(vec![b"a".to_vec(), b"\xff".to_vec(), b"b".to_vec(), b"\xc3".to_vec()])),
        ),
        ("nested", array(Array::Array(vec![strings(&["x"]), Array::Array(vec![Array::U8(vec![7])])]))),
    ];
    Metadata(all.into_iter().map(|(k, v)| (k.to_string(), v)).collect())
}

/// A file with every metadata type and tensors of odd sizes.
fn sample() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut writer = Writer::default();
    writer.metadata = metadata();
    let data: Vec<Vec<u8>> = vec![(0..12).collect(), (0..7 * 3 * 2 * 2).collect(), (0..5 * 20).collect()];
    writer.tensor("norm", &[3], Format::F32, data[0].clone());
    writer.tensor("cube", &[7, 3, 2], Format::F16, data[1].clone());
    writer.tensor("matrix", &[32, 5], Format::Q4_1, data[2].clone());
    (writer.finish(), data)
}

#[test]
fn what_is_written_is_read() {
    let (file, data) = sample();
    let (header, bytes) = read_all(&file[..]).unwrap();
    assert_eq!(header.metadata, metadata());
    assert_eq!(bytes, data);
    assert_eq!((header.version, header.alignment, file.len() % 32), (3, 32, 0));
    let (index, cube) = header.tensor("cube").unwrap();
    assert_eq!((index, cube.columns(), cube.rows(), cube.bytes()), (1, 7, 6, 84));
    assert_eq!(read_all(Trickle(&file)).unwrap(), (header, bytes));
}

#[test]
fn version_2_is_read_and_others_are_not() {
    let (mut file, data) = sample();
    file[4] = 2;
    assert_eq!(read_all(&file[..]).unwrap().1, data);
    for (version, words) in
        [(0, "again"), (1, "convert the original"), (4, "newer Paceline"), (255, "corrupt")]
    {
        file[4] = version;
        assert!(matches!(open(&file), Err(Error::Version(v)) if v == u32::from(version)));
        assert!(refused(&file).to_string().contains(words), "{}", refused(&file));
    }
    for version in 1..=3 {
        file[4..8].copy_from_slice(&[0, 0, 0, version]);
        assert_eq!(refused(&file).code(), "gguf-endian");
        assert!(refused(&file).to_string().contains("gguf_convert_endian.py"));
    }
}

#[test]
fn alignment_is_kept() {
    for alignment in [1, 8, 256] {
        let mut writer = Writer::default();
        writer.metadata.set("general.alignment", Value::U32(alignment));
        writer.tensor("a", &[3], Format::F16, vec![1; 6]);
        writer.tensor("b", &[3], Format::F16, vec![2; 6]);
        let (header, bytes) = read_all(&writer.finish()[..]).unwrap();
        assert_eq!((header.alignment, &bytes[1][..]), (u64::from(alignment), &[2; 6][..]));
    }
}

#[test]
fn quantized_tensors_round_trip() {
    let values: Vec<f32> = (0..512).map(|i| (i as f32 * 0.37).sin()).collect();
    for spec in &format::FORMATS {
        let mut writer = Writer::default();
        writer.tensor_f32("w", &[256, 2], spec.format, &values);
        let (header, bytes) = read_all(&writer.finish()[..]).unwrap();
        assert_eq!(header.tensors[0].format, spec.format);
        assert_eq!(bytes[0], spec.format.quantize(&values));
    }
}

#[test]
fn long_tensors_come_in_windows_of_whole_rows() {
    let data: Vec<u8> = (0..4 * 1001 * 1000).map(|i| (i % 251) as u8).collect();
    let long = vec![9; 3 * WINDOW_BYTES];
    let mut writer = Writer::default();
    writer.tensor("matrix", &[1001, 1000], Format::F32, data.clone());
    writer.tensor("row", &[long.len() / 2, 1], Format::F16, long.clone());
    let file = writer.finish();
    let expected = vec![data, long];
    assert!(read_all(&file[..]).unwrap().1 == expected);
    assert!(read_all(Trickle(&file)).unwrap().1 == expected);
}

#[test]
fn truncation_is_named() {
    let (file, _) = sample();
    let header = open(&file).unwrap().header().clone();
    let last = header.data_offset + header.tensors[2].offset + header.tensors[2].bytes();
    for length in 0..last as usize {
        for result in [read_all(&file[..length]), read_all(Trickle(&file[..length]))] {
            let Err(Error::Truncated { within }) = result else { panic!("at {length}: {result:?}") };
            assert!(!within.is_empty());
        }
    }
    let within = |length: usize| match open(&file[..length]) {
        Err(Error::Truncated { within }) => within,
        _ => panic!("not truncated"),
    };
    assert_eq!(within(3), "the magic number");
    assert_eq!(within(50), "the value of i8");
    assert_eq!(within(last as usize - 1), "tensor matrix");
    assert!(read_all(&file[..last as usize]).is_ok());
}

/// A header put together by hand: `(name, dimensions, type, offset)`, then `data` bytes.
fn raw(keys: &[(&str, Value)], tensors: &[(&str, &[u64], u32, u64)], data: usize) -> Vec<u8> {
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    put_u64(&mut out, tensors.len() as u64);
    put_u64(&mut out, keys.len() as u64);
    for (key, value) in keys {
        put_string(&mut out, key.as_bytes());
        value.write(&mut out);
    }
    for (name, dimensions, id, offset) in tensors {
        put_string(&mut out, name.as_bytes());
        put_u32(&mut out, dimensions.len() as u32);
        dimensions.iter().for_each(|n| put_u64(&mut out, *n));
        put_u32(&mut out, *id);
        put_u64(&mut out, *offset);
    }
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend((0..data).map(|i| i as u8));
    out
}

#[test]
fn tensors_come_in_file_order_whatever_the_table_says() {
    let file = raw(&[], &[("b", &[2], 0, 64), ("a", &[2], 0, 0)], 72);
    let mut stream = open(&file).unwrap();
    let mut order = Vec::new();
    while let Some(window) = block_on(stream.next_window()).unwrap() {
        order.push((window.tensor, window.bytes[0]));
    }
    assert_eq!(order, [(1, 0), (0, 64)]);
}

/// The error of a header that should not be read.
fn refused(file: &[u8]) -> Error {
    match open(file) {
        Ok(stream) => panic!("read {:?}", stream.header()),
        Err(error) => error,
    }
}

#[test]
fn contradictions_are_refused() {
    let header = |tensors: &[(&str, &[u64], u32, u64)], expected: &str| {
        let message = refused(&raw(&[], tensors, 1024)).to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("corrupt"), "{message}");
    };
    header(&[("t", &[2], 0, 0), ("t", &[2], 0, 32)], "t is there twice");
    header(&[("t", &[8], 0, 0), ("u", &[8], 0, 0)], "tensors t and u overlap");
    header(&[("t", &[9], 0, 0), ("u", &[8], 0, 32)], "tensors t and u overlap");
    header(&[("t", &[2], 0, 8)], "t begins at 8, no multiple of 32");
    header(&[("t", &[], 0, 0)], "on t gives it 0 dimensions");
    header(&[("t", &[1, 1, 1, 1, 1], 0, 0)], "5 dimensions");
    header(&[("t", &[4, 0], 0, 0)], "impossible shape [4, 0]");
    header(&[("t", &[33], 3, 0)], "impossible shape [33] in Q4_1");
    header(&[("t", &[4, u64::MAX, 2], 0, 0)], "impossible shape");
    header(&[("t", &[4, u64::MAX / 8], 0, 0)], "impossible shape");
    header(&[("t", &[4, 1 << 50], 0, u64::MAX - 31)], "t ends beyond any file");
    header(&[("t", &[u64::MAX], 0, 0)], "the length of a row");

    let key = |keys: &[(&str, Value)], expected: &str| {
        let message = refused(&raw(keys, &[], 0)).to_string();
        assert!(message.contains(expected), "{message}");
    };
    key(&[("k", Value::U8(1)), ("k", Value::U8(1))], "the metadata key k is there twice");
    key(&[("general.alignment", Value::U32(24))], "general.alignment is 24, not a power of two");
    key(&[("general.alignment", Value::U32(0))], "general.alignment is 0");
    key(
        &[("general.alignment", Value::Bool(true))],
        "general.alignment is the boolean true, not an unsigned",
    );
    let deep = (0..6).fold(Array::U8(vec![]), |inner, _| Array::Array(vec![inner]));
    key(&[("k", Value::Array(deep))], "the value of k has arrays nested deeper than 4");
}

#[test]
fn unknown_types_are_refused_by_name() {
    for (id, name) in
        [(16, "IQ2_XXS"), (23, "IQ4_XS"), (39, "MXFP4"), (34, "TQ1_0"), (99, "the unknown format 99")]
    {
        let error = refused(&raw(&[], &[("t", &[256], id, 0)], 1024));
        assert_eq!(error.code(), "gguf-format");
        assert!(
            error.to_string().contains(&format!("tensor t is stored as {name}, which is not supported")),
            "{error}"
        );
        assert!(error.to_string().contains("F32, F16, BF16, Q4_0"), "{error}");
    }

    let with_key = |tail: &[u32]| {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        put_u64(&mut file, 0);
        put_u64(&mut file, 1);
        put_string(&mut file, b"k");
        tail.iter().for_each(|v| put_u32(&mut file, *v));
        refused(&file).to_string()
    };
    assert!(with_key(&[13]).contains("the value of k has the unknown type 13"));
    assert!(with_key(&[9, 99, 1, 0]).contains("elements of the unknown type 99"));
    assert!(with_key(&[7, 2]).contains("has the boolean 2"));
}

#[test]
fn lying_counts_are_refused_before_they_cost_memory() {
    let counts = |tensors, keys| {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        put_u64(&mut file, tensors);
        put_u64(&mut file, keys);
        refused(&file)
    };
    assert!(counts(u64::MAX, 0).to_string().contains("the number of tensors is 18446744073709551615"));
    assert_eq!(counts(0, 1 << 40).code(), "gguf-too-large");
    assert_eq!(counts(0, 1000).code(), "gguf-truncated");

    let value = |id, length| {
        let mut file = raw(&[], &[], 0);
        file.truncate(24);
        file[16] = 1;
        put_string(&mut file, b"k");
        put_u32(&mut file, id);
        if id == 9 {
            put_u32(&mut file, 8);
        }
        put_u64(&mut file, length);
        [refused(&file).code(), block_on(Stream::open(Trickle(&file))).err().unwrap().code()]
    };
    assert_eq!(value(8, u64::MAX), ["gguf-too-large"; 2]);
    assert_eq!(value(8, 60 << 20), ["gguf-truncated"; 2]);
    assert_eq!(value(9, u64::MAX), ["gguf-too-large"; 2]);
    assert_eq!(value(9, 1 << 22), ["gguf-truncated"; 2]);
}

#[test]
fn other_files_are_refused() {
    let files: [(&[u8], &str); 17] = [
        (b"Once upon a time", "(it begins with \"Once\"); choose a file that ends in .gguf"),
        (b"abc", "(it begins with \"abc\")"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"\xef\xbb\xbf\n <HTML lang='en'>404", "a web page"),
        (b"<?xml version='1.0'?><Error>NoSuchKey", "a web page"),
        (b"{\"error\": \"Invalid username or password.\"}", "JSON"),
        (b"\x50\x01\0\0\0\0\0\0{\"__metadata__\":", "convert_hf_to_gguf.py"),
        (b"PK\x03\x04archive/data.pkl", "zip archive or a PyTorch file"),
        (b"\x80\x02\x8a\nl\xfc", "PyTorch"),
        (b"\x1f\x8b\x08\0", "decompress it"),
        (b"\x28\xb5\x2f\xfd\x04", "decompress it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "git lfs pull"),
        (b"lmgg\0\x7d\0\0", "convert_llama_ggml_to_gguf.py"),
        (b"tjgg\x03\0\0\0", "convert_llama_ggml_to_gguf.py"),
        (b"algg\x01\0\0\0", "LoRA"),
        (b"FUGG\0\0\0\x03", "big-endian"),
        (&[0; 100], "begins with zeros"),
    ];
    for (bytes, words) in files {
        let error = refused(bytes);
        assert_eq!(error.code(), "gguf-magic", "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(block_on(Stream::open(Trickle(bytes))).err().unwrap().to_string(), error.to_string());
    }
    assert_eq!(refused(b"GG").code(), "gguf-truncated");
    assert_eq!(refused(b"").code(), "gguf-truncated");
    assert_eq!(
        refused(b"GGUF").to_string(),
        "the file ends inside the version; it is truncated, download it again"
    );
}

#[test]
fn what_is_not_utf_8_matters_only_to_those_who_need_it() {
    let mut file = raw(&[("general.name", Value::Bytes(b"caf\xe9".to_vec())), ("kXk", Value::U8(1))], &[], 0);
    let at = file.windows(3).position(|w| w == b"kXk").unwrap();
    file[at + 1] = 0xff;
    let header = open(&file).unwrap().header().clone();
    assert_eq!(header.metadata.label("general.name"), "caf\u{fffd}");
    assert!(header.metadata.require_string("general.name").is_err());
    assert_eq!(header.metadata.require_uint("k\\xffk").unwrap(), 1);
}
