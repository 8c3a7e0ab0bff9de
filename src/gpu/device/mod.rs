//! The device: adapter, queue, counters, and what went wrong.

mod code;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use web_time::Instant;
use wgpu::util::DeviceExt as _;

pub(super) use code::Code;
use code::Codes;

use super::Error;
use crate::round::{self, Counters};

/// What to ask of the adapter.
#[derive(Debug, Clone, Default)]
pub struct DeviceOptions {
    /// Lowers the device's buffer and binding limits to this many bytes: tests of models that are too large.
    pub max_buffer_bytes: Option<u64>,
    /// Cuts activations to bfloat16 wherever a pass has more than one row, as an engine with a separate kernel for
    /// batches might: the negative control of the tests that speculation changes nothing. Never for use.
    pub break_batch_invariance: bool,
    /// Takes a software adapter for a GPU: tests of what runs on GPUs alone.
    pub as_gpu: bool,
}

/// A WebGPU device.
pub struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    max_buffer_bytes: u64,
    pub(super) break_batch_invariance: bool,
    software: bool,
    counters: Cell<Counters>,
    latency_ms: Cell<f64>,
    /// Its kernels.
    pub(super) codes: Codes,
    uniforms: RefCell<HashMap<Vec<u32>, wgpu::Buffer>>,
    failure: Arc<Mutex<Failure>>,
    /// There is no memory for another page.
    #[cfg(test)]
    pub(in crate::gpu) full: Cell<bool>,
}

#[derive(Default)]
struct Failure {
    lost: Option<String>,
    error: Option<String>,
}

impl Device {
    /// Opens the best adapter there is, a software one where there is no other.
    pub async fn open(options: DeviceOptions) -> Result<Rc<Self>, Error> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let request = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter =
            instance.request_adapter(&request).await.map_err(|e| Error::NoAdapter(e.to_string()))?;
        let mut limits = adapter.limits();
        if let Some(bytes) = options.max_buffer_bytes {
            limits.max_buffer_size = limits.max_buffer_size.min(bytes);
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
        }
        let max_buffer_bytes = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("paceline"),
            // Only to tell drafting from verifying.
            required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
            required_limits: limits,
            ..Default::default()
        };
        let (device, queue) =
            adapter.request_device(&descriptor).await.map_err(|e| Error::NoDevice(e.to_string()))?;

        let failure = Arc::new(Mutex::new(Failure::default()));
        let on_lost = Arc::clone(&failure);
        device.set_device_lost_callback(move |reason, message| {
            if let Ok(mut failure) = on_lost.lock() {
                failure.lost.get_or_insert(format!("{reason:?}: {message}"));
            }
        });
        let on_error = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            if let Ok(mut failure) = on_error.lock() {
                failure.error.get_or_insert(error.to_string());
            }
        }));
        let info = adapter.get_info();
        Ok(Rc::new(Self {
            software: !options.as_gpu && is_software(&info),
            info,
            device,
            queue,
            max_buffer_bytes,
            break_batch_invariance: options.break_batch_invariance,
            counters: Cell::default(),
            latency_ms: Cell::default(),
            codes: Codes::new()?,
            uniforms: RefCell::default(),
            failure,
            #[cfg(test)]
            full: Cell::default(),
        }))
    }

    /// The adapter's name, with its driver where it is known.
    pub fn adapter(&self) -> String {
        name(&self.info)
    }

    /// Whether the adapter computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// Whether the machine has room for many more workgroups than a short dispatch has, so that it is worth a dispatch to share work
    /// among more of them.
    pub(in crate::gpu) fn wide(&self) -> bool {
        !self.software
    }

    /// Milliseconds that a result takes to the host when there is nothing to compute, as last
    /// [measured](Self::measure_latency).
    pub fn latency_ms(&self) -> f64 {
        self.latency_ms.get()
    }

    /// Measures how long results take to the host: the median of three. Firefox answers on a timer of 100 ms.
    pub(super) async fn measure_latency(&self) -> Result<(), Error> {
        let buffer = self.storage("latency", 4)?;
        let readback = self.readback(4);
        let mut all = [0.0; 3];
        for ms in &mut all {
            let began = Instant::now();
            let mut encoder = self.encoder();
            encoder.copy_buffer_to_buffer(&buffer, 0, &readback, 0, 16);
            let index = self.submit(encoder);
            self.map(&readback, 4, index).words(self).await?;
            *ms = began.elapsed().as_secs_f64() * 1000.0;
        }
        all.sort_by(f64::total_cmp);
        self.latency_ms.set(all[1]);
        Ok(())
    }

    /// Work so far.
    pub fn counters(&self) -> Counters {
        self.counters.get()
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        add(&mut counters);
        self.counters.set(counters);
    }

    /// Fails if the device was lost or reported an error since the last call.
    pub fn check(&self) -> Result<(), Error> {
        let Ok(mut failure) = self.failure.lock() else { return Ok(()) };
        if let Some(lost) = &failure.lost {
            return Err(Error::Lost(lost.clone()));
        }
        failure.error.take().map_or(Ok(()), |e| Err(Error::Device(e)))
    }

    /// Destroys the device: everything on it fails from now on, as after a driver reset.
    pub fn destroy(&self) {
        self.device.destroy();
        if let Ok(mut failure) = self.failure.lock() {
            failure.lost.get_or_insert("it was destroyed".into());
        }
    }

    /// Most bytes that one buffer can have and one binding can see.
    pub fn max_buffer_bytes(&self) -> u64 {
        self.max_buffer_bytes
    }

    /// The bytes of a storage buffer of `words` 32-bit words.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub(in crate::gpu) fn check_size(&self, what: &str, words: u64) -> Result<u64, Error> {
        let (needed, limit) = (words.max(4) * 4, self.max_buffer_bytes);
        if needed > limit { Err(Error::TooLarge { what: what.into(), needed, limit }) } else { Ok(needed) }
    }

    /// A zeroed storage buffer of `words` 32-bit words that can be written, copied and bound.
    pub(super) fn storage(&self, what: &str, words: u64) -> Result<wgpu::Buffer, Error> {
        let size = self.check_size(what, words)?;
        self.count(|c| c.objects += 1);
        Ok(self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        }))
    }

    /// Storage buffers of so many words each, for a text of `tokens` tokens: all, or none where there is no memory for them. They
    /// are not counted as objects.
    ///
    /// # Errors
    /// [`OutOfMemory`](round::Error::OutOfMemory), [`Error::TooLarge`].
    pub(in crate::gpu) async fn page(
        &self,
        words: &[u64],
        tokens: usize,
    ) -> Result<Vec<wgpu::Buffer>, Error> {
        let objects = self.counters().objects;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffers: Result<Vec<_>, Error> =
            words.iter().map(|words| self.storage("what is kept of a text", *words)).collect();
        self.count(|c| c.objects = objects);
        let refused = scope.pop().await.is_some();
        #[cfg(test)]
        let refused = refused || self.full.get();
        let buffers = buffers?;
        if refused {
            buffers.iter().for_each(wgpu::Buffer::destroy);
            return Err(round::Error::OutOfMemory { tokens }.into());
        }
        Ok(buffers)
    }

    /// A storage buffer with these words.
    pub(super) fn storage_with(&self, what: &str, words: &[u32]) -> Result<wgpu::Buffer, Error> {
        let buffer = self.storage(what, words.len() as u64)?;
        self.write(&buffer, 0, words);
        Ok(buffer)
    }

    /// A uniform buffer with these words; equal contents share a buffer.
    pub(super) fn uniform(&self, words: &[u32]) -> wgpu::Buffer {
        let mut padded = words.to_vec();
        padded.resize(words.len().next_multiple_of(4), 0);
        let make = || {
            self.count(|c| c.objects += 1);
            self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some("shape"),
                contents: bytemuck::cast_slice(&padded),
                usage: wgpu::BufferUsages::UNIFORM,
            })
        };
        self.uniforms.borrow_mut().entry(padded.clone()).or_insert_with(make).clone()
    }

    /// Writes words at word offset `at`.
    pub(super) fn write(&self, buffer: &wgpu::Buffer, at: u64, words: &[u32]) {
        self.queue.write_buffer(buffer, at * 4, bytemuck::cast_slice(words));
    }

    /// A new command encoder.
    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Submits one command buffer.
    pub(super) fn submit(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.count(|c| c.submits += 1);
        self.queue.submit([encoder.finish()])
    }

    /// Has the first words of a mappable buffer sent to the host when submission `index` is done.
    pub(super) fn map(&self, buffer: &wgpu::Buffer, words: usize, index: wgpu::SubmissionIndex) -> Pending {
        self.count(|c| c.readbacks += 1);
        let (sender, receiver) = futures_channel::oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, ..words as u64 * 4, move |result| drop(sender.send(result)));
        Pending { buffer: buffer.clone(), words, index, receiver }
    }

    /// Waits until everything submitted so far is done.
    pub(super) async fn idle(&self) -> Result<(), Error> {
        let (sender, receiver) = futures_channel::oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            let _ = sender.send(());
        });
        #[cfg(not(target_arch = "wasm32"))]
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| Error::Lost(e.to_string()))?;
        receiver.await.map_err(|_| Error::Lost("the queue never became idle".into()))?;
        self.check()
    }

    /// A buffer to read back through.
    pub(super) fn readback(&self, words: u64) -> wgpu::Buffer {
        self.count(|c| c.objects += 1);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read-back"),
            size: words * 4,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Copies a storage buffer's first words to the host: tests and the self-test.
    pub(super) async fn download(&self, buffer: &wgpu::Buffer, words: usize) -> Result<Vec<u32>, Error> {
        let readback = self.readback(words as u64);
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(buffer, 0, &readback, 0, words as u64 * 4);
        let index = self.submit(encoder);
        self.map(&readback, words, index).words(self).await
    }
}

fn name(info: &wgpu::AdapterInfo) -> String {
    let parts = [&info.name, &info.driver, &info.driver_info];
    let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    parts.join(", ")
}

/// Browsers do not say so through wgpu: the names of the known software adapters count too.
fn is_software(info: &wgpu::AdapterInfo) -> bool {
    let name = name(info).to_lowercase();
    info.device_type == wgpu::DeviceType::Cpu
        || ["swiftshader", "llvmpipe", "lavapipe", "basic render"].iter().any(|s| name.contains(s))
}

/// A buffer on its way to the host.
pub(super) struct Pending {
    buffer: wgpu::Buffer,
    words: usize,
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "the browser calls back by itself"))]
    index: wgpu::SubmissionIndex,
    receiver: futures_channel::oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Pending {
    /// Waits for the words. Natively this blocks until the submission is done, and no later one; in the browser it
    /// yields to the event loop, and may be dropped and called again.
    pub(super) async fn words(&mut self, device: &Device) -> Result<Vec<u32>, Error> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let poll = wgpu::PollType::Wait { submission_index: Some(self.index.clone()), timeout: None };
            if let Err(error) = device.device.poll(poll) {
                // Work that was refused is never done: why it was says more.
                device.check()?;
                return Err(Error::Lost(error.to_string()));
            }
        }
        let mapped = (&mut self.receiver).await.map_err(|_| Error::Lost("a read-back never came".into()))?;
        if let Err(error) = device.check() {
            // The buffer's next user must not find it mapped.
            self.buffer.unmap();
            return Err(error);
        }
        mapped.map_err(|e| Error::Lost(e.to_string()))?;
        let range = ..self.words as u64 * 4;
        // What was mapped is gone only with the device, which the callback may say later.
        let view = self.buffer.get_mapped_range(range).map_err(|e| Error::Lost(e.to_string()))?;
        let out = bytemuck::cast_slice(&view).to_vec();
        drop(view);
        self.buffer.unmap();
        Ok(out)
    }
}
