//! Metadata values as the file stores them. Little-endian; a value is its type's number, then its bytes.

use super::reader::{Reader, check};
use super::{Array, Error, Value};
use crate::source::ByteSource;

/// Longest metadata string, in bytes: some files carry a whole `tokenizer.json`.
const MAX_STRING: u64 = 64 << 20;
/// Most array elements of all metadata together. A vocabulary of 262,144 with its scores, types and merges has 1.3 M.
const MAX_ELEMENTS: u64 = 1 << 23;
/// Arrays in arrays in arrays: nobody writes more than one level.
const MAX_DEPTH: usize = 4;

const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Counts the array elements of a header against [`MAX_ELEMENTS`].
#[derive(Default)]
pub(super) struct Budget(u64);

impl Budget {
    fn spend(&mut self, count: u64) -> Result<(), Error> {
        self.0 = check("the number of array elements", self.0.saturating_add(count), MAX_ELEMENTS)?;
        Ok(())
    }
}

/// Reading and writing for every type, from the table of numbers below it.
macro_rules! wire {
    ($($id:literal $variant:ident $number:ty,)*) => {
        impl Value {
            /// Reads a type and a value of it.
            pub(super) async fn read<S: ByteSource>(
                reader: &mut Reader<S>,
                budget: &mut Budget,
            ) -> Result<Self, Error> {
                Ok(match reader.u32().await? {
                    $($id => Self::$variant(<$number>::from_le_bytes(reader.bytes().await?)),)*
                    BOOL => Self::Bool(bool(reader).await?),
                    STRING => match String::from_utf8(reader.string_bytes(MAX_STRING).await?) {
                        Ok(text) => Self::String(text),
                        Err(error) => Self::Bytes(error.into_bytes()),
                    },
                    ARRAY => Self::Array(Array::read(reader, budget, 0).await?),
                    id => return Err(reader.corrupt(format_args!("has the unknown type {id}"))),
                })
            }

            /// Appends the type and the value.
            pub(super) fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant(v) => {
                        put_u32(out, $id);
                        out.extend_from_slice(&v.to_le_bytes());
                    })*
                    Self::Bool(v) => {
                        put_u32(out, BOOL);
                        out.push(u8::from(*v));
                    }
                    Self::String(v) => {
                        put_u32(out, STRING);
                        put_string(out, v.as_bytes());
                    }
                    Self::Bytes(v) => {
                        put_u32(out, STRING);
                        put_string(out, v);
                    }
                    Self::Array(v) => {
                        put_u32(out, ARRAY);
                        v.write(out);
                    }
                }
            }
        }

        impl Array {
            /// Reads a type, a count and so many values. Allocates as they arrive, never by the count alone.
            async fn read<S: ByteSource>(
                reader: &mut Reader<S>,
                budget: &mut Budget,
                depth: usize,
            ) -> Result<Self, Error> {
                let (id, count) = (reader.u32().await?, reader.u64().await?);
                budget.spend(count)?;
                Ok(match id {
                    $($id => {
                        let mut all = Vec::new();
                        for _ in 0..count {
                            all.push(<$number>::from_le_bytes(reader.bytes().await?));
                        }
                        Self::$variant(all)
                    })*
                    BOOL => {
                        let mut all = Vec::new();
                        for _ in 0..count {
                            all.push(bool(reader).await?);
                        }
                        Self::Bool(all)
                    }
                    STRING => strings(reader, count).await?,
                    ARRAY if depth == MAX_DEPTH => {
                        return Err(reader.corrupt(format_args!("has arrays nested deeper than {MAX_DEPTH}")));
                    }
                    ARRAY => {
                        let mut all = Vec::new();
                        for _ in 0..count {
                            all.push(Box::pin(Self::read(reader, budget, depth + 1)).await?);
                        }
                        Self::Array(all)
                    }
                    id => return Err(reader.corrupt(format_args!("has elements of the unknown type {id}"))),
                })
            }

            /// Appends the type, the count and the values.
            fn write(&self, out: &mut Vec<u8>) {
                let mut head = |id, count: usize| {
                    put_u32(out, id);
                    put_u64(out, count as u64);
                };
                match self {
                    $(Self::$variant(all) => {
                        head($id, all.len());
                        all.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
                    })*
                    Self::Bool(all) => {
                        head(BOOL, all.len());
                        out.extend(all.iter().map(|v| u8::from(*v)));
                    }
                    Self::String(all) => {
                        head(STRING, all.len());
                        all.iter().for_each(|v| put_string(out, v.as_bytes()));
                    }
                    Self::Bytes(all) => {
                        head(STRING, all.len());
                        all.iter().for_each(|v| put_string(out, v));
                    }
                    Self::Array(all) => {
                        head(ARRAY, all.len());
                        all.iter().for_each(|v| v.write(out));
                    }
                }
            }
        }
    };
}

wire! {
    0 U8 u8,
    1 I8 i8,
    2 U16 u16,
    3 I16 i16,
    4 U32 u32,
    5 I32 i32,
    6 F32 f32,
    10 U64 u64,
    11 I64 i64,
    12 F64 f64,
}

/// `count` strings: [`Array::Bytes`] from the first on that is not UTF-8.
async fn strings<S: ByteSource>(reader: &mut Reader<S>, count: u64) -> Result<Array, Error> {
    let mut texts = Vec::new();
    let mut all: Option<Vec<Vec<u8>>> = None;
    for _ in 0..count {
        let bytes = reader.string_bytes(MAX_STRING).await?;
        match (&mut all, String::from_utf8(bytes)) {
            (None, Ok(text)) => texts.push(text),
            (None, Err(error)) => {
                let before = std::mem::take(&mut texts).into_iter().map(String::into_bytes);
                all = Some(before.chain([error.into_bytes()]).collect());
            }
            (Some(all), Ok(text)) => all.push(text.into_bytes()),
            (Some(all), Err(error)) => all.push(error.into_bytes()),
        }
    }
    Ok(all.map_or(Array::String(texts), Array::Bytes))
}

async fn bool<S: ByteSource>(reader: &mut Reader<S>) -> Result<bool, Error> {
    match reader.bytes().await? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(reader.corrupt(format_args!("has the boolean {other}"))),
    }
}

pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    put_u64(out, value.len() as u64);
    out.extend_from_slice(value);
}
