//! Kernels with their parameters, compiled once for all who dispatch them: when a plan is made, or all of them while loading.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::Device;
use crate::gpu::Error;
use crate::gpu::kernel::Templates;

/// A kernel for some parameters.
pub(in crate::gpu) struct Code {
    /// The kernel's file.
    name: &'static str,
    source: String,
    pipeline: OnceCell<wgpu::ComputePipeline>,
}

impl Code {
    /// What it is compiled to; compiles it at its first use.
    pub(in crate::gpu) fn pipeline(&self, device: &Device) -> &wgpu::ComputePipeline {
        self.pipeline.get_or_init(|| {
            device.count(|c| (c.objects, c.pipelines) = (c.objects + 2, c.pipelines + 1));
            compile(&device.device, self.name, &self.source)
        })
    }
}

fn compile(device: &wgpu::Device, name: &str, source: &str) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    })
}

/// All kernels that were asked for.
pub(in crate::gpu) struct Codes {
    templates: Templates,
    all: RefCell<HashMap<String, Rc<Code>>>,
}

impl Codes {
    pub(in crate::gpu) fn new() -> Result<Self, Error> {
        let templates = Templates::new().map_err(|e| Error::Device(format!("{e:#}")))?;
        Ok(Self { templates, all: RefCell::default() })
    }

    /// `kernel` rendered with `context`. Nothing is compiled.
    pub(in crate::gpu) fn get(
        &self,
        kernel: &'static str,
        context: &minijinja::Value,
    ) -> Result<Rc<Code>, Error> {
        let key = format!("{kernel} {context}");
        if let Some(code) = self.all.borrow().get(&key) {
            return Ok(Rc::clone(code));
        }
        let source = self.templates.render(kernel, context);
        let source = source.map_err(|e| Error::Device(format!("{kernel}: {e:#}")))?;
        let code = Rc::new(Code { name: kernel, source, pipeline: OnceCell::new() });
        self.all.borrow_mut().insert(key, Rc::clone(&code));
        Ok(code)
    }

    /// Compiles what was asked for and is not compiled yet: natively on all cores, in a browser one after the other, for wgpu
    /// does not have `createComputePipelineAsync`; the event loop goes on in between. `progress(done, total)` returns `false`
    /// to stop: what is left is compiled at its first use.
    pub(in crate::gpu) async fn compile(
        &self,
        device: &Device,
        progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<(), Error> {
        let waiting = |code: &&Rc<Code>| code.pipeline.get().is_none();
        let codes: Vec<Rc<Code>> = self.all.borrow().values().filter(waiting).cloned().collect();
        #[cfg(not(target_arch = "wasm32"))]
        compile_all(device, &codes, progress);
        #[cfg(target_arch = "wasm32")]
        for (done, code) in codes.iter().enumerate() {
            let scope = device.device.push_error_scope(wgpu::ErrorFilter::Validation);
            code.pipeline(device);
            // Comes when the browser has compiled it.
            if let Some(error) = scope.pop().await {
                return Err(Error::Device(format!("{}: {error}", code.name)));
            }
            if !progress(done + 1, codes.len()) {
                break;
            }
        }
        device.check()
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn compile_all(device: &Device, codes: &[Rc<Code>], progress: &mut dyn FnMut(usize, usize) -> bool) {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let sources: Vec<(&str, &str)> = codes.iter().map(|code| (code.name, code.source.as_str())).collect();
    let (sources, next, made) = (&sources, &AtomicUsize::new(0), &device.device);
    let (sender, receiver) = std::sync::mpsc::channel();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(sources.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                while let Some((i, (name, source))) = {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    sources.get(i).map(|source| (i, source))
                } {
                    if sender.send((i, compile(made, name, source))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (done, (i, pipeline)) in receiver.into_iter().enumerate() {
            device.count(|c| (c.objects, c.pipelines) = (c.objects + 2, c.pipelines + 1));
            // Nobody else compiles meanwhile.
            let _ = codes[i].pipeline.set(pipeline);
            if !progress(done + 1, codes.len()) {
                next.store(codes.len(), Ordering::Relaxed);
            }
        }
    });
}
