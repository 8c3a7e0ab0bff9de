//! Devices that drafts learn on: one line each in [`DEVICES`].

use burn::tensor::Device;

use crate::learn::core::{Error, table};

/// A device that can be chosen by name.
pub struct Spec {
    /// What the user types.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Opens it.
    pub open: fn() -> Device,
}

/// Every device that this build has.
pub static DEVICES: &[Spec] = &[
    Spec { name: "flex", about: "the CPU", open: Device::flex },
    #[cfg(feature = "learn-wgpu")]
    Spec { name: "wgpu", about: "a GPU through WebGPU", open: || Device::wgpu(Default::default()) },
    #[cfg(feature = "learn-cuda")]
    Spec { name: "cuda", about: "an NVIDIA GPU", open: || Device::cuda(0) },
];

/// The device called `name`.
///
/// # Errors
/// [`Error::Unknown`] where this build has no such line.
pub fn open(name: &str) -> Result<Device, Error> {
    let spec = table::find("device", DEVICES, name, |spec| spec.name)?;
    Ok((spec.open)())
}
