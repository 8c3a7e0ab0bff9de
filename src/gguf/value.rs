//! Metadata values.

/// One metadata value. Names follow the GGUF specification.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is its type")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    /// A string that is not UTF-8. An error for those who need it, and for nobody else.
    Bytes(Vec<u8>),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// An array of values of one type.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is its type")]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    /// Strings of which one at least is not UTF-8.
    Bytes(Vec<Vec<u8>>),
    Array(Vec<Array>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl Value {
    /// A number that is whole and not negative, of any integer or float type.
    pub fn as_uint(&self) -> Option<u64> {
        let whole = |v: f64| {
            (v.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(&v)).then_some(v as u64)
        };
        match *self {
            Self::U8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::U64(v) => Some(v),
            Self::I8(v) => v.try_into().ok(),
            Self::I16(v) => v.try_into().ok(),
            Self::I32(v) => v.try_into().ok(),
            Self::I64(v) => v.try_into().ok(),
            Self::F32(v) => whole(v.into()),
            Self::F64(v) => whole(v),
            _ => None,
        }
    }

    /// A number of any integer or float type.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::F32(v) => Some(v.into()),
            Self::F64(v) => Some(v),
            Self::U64(v) => Some(v as f64),
            Self::I64(v) => Some(v as f64),
            Self::U8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::I8(v) => Some(v.into()),
            Self::I16(v) => Some(v.into()),
            Self::I32(v) => Some(v.into()),
            _ => None,
        }
    }

    /// A boolean, or an integer that is 0 or 1.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(v) => Some(*v),
            Self::F32(_) | Self::F64(_) => None,
            other => match other.as_uint()? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        }
    }
}

impl Array {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape().1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the values are called, and how many there are.
    fn shape(&self) -> (&'static str, usize) {
        match self {
            Self::U8(v) => ("integers", v.len()),
            Self::I8(v) => ("integers", v.len()),
            Self::U16(v) => ("integers", v.len()),
            Self::I16(v) => ("integers", v.len()),
            Self::U32(v) => ("integers", v.len()),
            Self::I32(v) => ("integers", v.len()),
            Self::U64(v) => ("integers", v.len()),
            Self::I64(v) => ("integers", v.len()),
            Self::F32(v) => ("floats", v.len()),
            Self::F64(v) => ("floats", v.len()),
            Self::Bool(v) => ("booleans", v.len()),
            Self::String(v) => ("strings", v.len()),
            Self::Bytes(v) => ("strings that are not all UTF-8", v.len()),
            Self::Array(v) => ("arrays", v.len()),
        }
    }

    /// Every value that is a number or a boolean, converted; `None` where one cannot be.
    pub fn convert<T>(&self, convert: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        match self {
            Self::U8(v) => v.iter().map(|v| convert(&Value::U8(*v))).collect(),
            Self::I8(v) => v.iter().map(|v| convert(&Value::I8(*v))).collect(),
            Self::U16(v) => v.iter().map(|v| convert(&Value::U16(*v))).collect(),
            Self::I16(v) => v.iter().map(|v| convert(&Value::I16(*v))).collect(),
            Self::U32(v) => v.iter().map(|v| convert(&Value::U32(*v))).collect(),
            Self::I32(v) => v.iter().map(|v| convert(&Value::I32(*v))).collect(),
            Self::U64(v) => v.iter().map(|v| convert(&Value::U64(*v))).collect(),
            Self::I64(v) => v.iter().map(|v| convert(&Value::I64(*v))).collect(),
            Self::F32(v) => v.iter().map(|v| convert(&Value::F32(*v))).collect(),
            Self::F64(v) => v.iter().map(|v| convert(&Value::F64(*v))).collect(),
            Self::Bool(v) => v.iter().map(|v| convert(&Value::Bool(*v))).collect(),
            Self::String(_) | Self::Bytes(_) | Self::Array(_) => self.is_empty().then(Vec::new),
        }
    }
}

/// As an error names it: `the integer -1`, `an array of 3 strings`. Long strings are cut.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 40;
        match self {
            Self::U8(v) => write!(f, "the integer {v}"),
            Self::I8(v) => write!(f, "the integer {v}"),
            Self::U16(v) => write!(f, "the integer {v}"),
            Self::I16(v) => write!(f, "the integer {v}"),
            Self::U32(v) => write!(f, "the integer {v}"),
            Self::I32(v) => write!(f, "the integer {v}"),
            Self::U64(v) => write!(f, "the integer {v}"),
            Self::I64(v) => write!(f, "the integer {v}"),
            Self::F32(v) => write!(f, "the float {v}"),
            Self::F64(v) => write!(f, "the float {v}"),
            Self::Bool(v) => write!(f, "the boolean {v}"),
            Self::String(v) => match v.char_indices().nth(SHOWN) {
                None => write!(f, "the string {v:?}"),
                Some((cut, _)) => write!(f, "the string {:?} ...", &v[..cut]),
            },
            Self::Bytes(_) => write!(f, "a string that is not UTF-8"),
            Self::Array(array) => {
                let (what, count) = array.shape();
                write!(f, "an array of {count} {what}")
            }
        }
    }
}
