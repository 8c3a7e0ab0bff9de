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
    Option(#[from] serde_path_to_error::Error<serde_wasm_bindgen::Error>),
    /// A result that JavaScript cannot have.
    #[error("a result cannot be handed over: {0}")]
    Result(#[from] serde_wasm_bindgen::Error),
    /// A call while a step is under way.
    #[error("a step is under way; await it first")]
    Busy,
}

impl Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Paceline(error) => error.code(),
            Self::Option(_) => "invalid-option",
            Self::Result(_) => "internal",
            Self::Busy => "engine-busy",
        }
    }
}

impl Error {
    /// The message, with options by the names that they have in JavaScript.
    fn message(&self) -> String {
        let message = self.to_string();
        match self {
            Self::Paceline(crate::Error::Round(crate::round::Error::Sampling(_))) => camel_case(&message),
            _ => message,
        }
    }
}

/// `text` with `top_p` as `topP`.
fn camel_case(text: &str) -> String {
    let mut words = text.split('_');
    let mut camel = words.next().unwrap_or_default().to_string();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
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
from_stage!(crate::round::Error, crate::drafters::Unknown, crate::verify::Unknown, crate::text::Error);

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let object = js_sys::Error::new(&error.message());
        // Setting a property of a fresh object cannot fail.
        let _ = js_sys::Reflect::set(&object, &"code".into(), &error.code().into());
        object.into()
    }
}
