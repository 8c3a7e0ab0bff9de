//! What can go wrong on the GPU.

/// Why the GPU cannot do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter at all.
    #[error("no WebGPU adapter was found ({0}); use the CPU device, or a browser and driver with WebGPU")]
    NoAdapter(String),
    /// The adapter gave no device.
    #[error("the WebGPU adapter gave no device ({0}); use the CPU device")]
    NoDevice(String),
    /// A buffer larger than the device allows.
    #[error(
        "{what} needs {needed} bytes where the device allows {limit}; use a smaller model or context, or the CPU device"
    )]
    TooLarge {
        /// What needs them.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// The device's limit in bytes.
        limit: u64,
    },
    /// A shape that the kernels do not cover.
    #[error("{0}; use the CPU device for this model")]
    Unsupported(String),
    /// The device was lost.
    #[error("the GPU device was lost ({0}); load the model again")]
    Lost(String),
    /// The driver computed something wrong.
    #[error("the GPU failed the start-up self-test ({0}); use the CPU device")]
    SelfTest(String),
    /// A validation or out-of-memory error.
    #[error("the GPU reported an error: {0}")]
    Device(String),
    /// What no round can serve, on any device.
    #[error(transparent)]
    Round(#[from] crate::round::Error),
    /// Weights could not be read.
    #[error(transparent)]
    Gguf(#[from] crate::gguf::Error),
}

impl Error {
    /// A stable, machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAdapter(_) => "gpu-no-adapter",
            Self::NoDevice(_) => "gpu-no-device",
            Self::TooLarge { .. } => "gpu-too-large",
            Self::Unsupported(_) => "gpu-unsupported",
            Self::Lost(_) => "gpu-lost",
            Self::SelfTest(_) => "gpu-self-test",
            Self::Device(_) => "gpu-error",
            Self::Round(e) => e.code(),
            Self::Gguf(e) => e.code(),
        }
    }
}
