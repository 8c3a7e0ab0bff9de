//! Errors as JavaScript sees them: an `Error` with a `code`.

use wasm_bindgen::prelude::*;

/// What a call from JavaScript can fail with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The crate's own.
    #[error(transparent)]
    Paceline(#[from] crate::Error),
    /// An argument of the wrong kind.
    #[error("an option is not what it should be: {0}")]
    Option(#[from] serde_wasm_bindgen::Error),
    /// A call while a step is under way.
    #[error("a step is under way; await it first")]
    Busy,
}

impl Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Paceline(error) => error.code(),
            Self::Option(_) => "invalid-option",
            Self::Busy => "engine-busy",
        }
    }
}

/// Errors of a stage become the crate's on their way here.
macro_rules! from_stage {
    ($($stage:ty),*) => {
        $(impl From<$stage> for Error {
            fn from(error: $stage) -> Self {
                Self::Paceline(error.into())
            }
        })*
    };
}
from_stage!(crate::decode::Error, crate::text::Error);

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let object = js_sys::Error::new(&error.to_string());
        // Setting a property of a fresh object cannot fail.
        let _ = js_sys::Reflect::set(&object, &"code".into(), &error.code().into());
        object.into()
    }
}
