//! In what the KV caches keep keys and values.

/// Numbers of a KV cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheType {
    /// Single precision: as they were computed.
    #[default]
    F32,
    /// Half precision, rounded to nearest when they are written: half the memory, and other logits than with [`Self::F32`].
    /// Those are as reproducible, and drafting changes them as little.
    F16,
}

impl CacheType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::F32, Self::F16];

    /// What options call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// A name that no cache type has.
#[derive(Debug, thiserror::Error)]
#[error("there is no KV cache of {0:?}; use f32 or f16")]
pub struct UnknownCacheType(pub String);

impl std::str::FromStr for CacheType {
    type Err = UnknownCacheType;

    fn from_str(name: &str) -> Result<Self, UnknownCacheType> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownCacheType(name.into()))
    }
}
