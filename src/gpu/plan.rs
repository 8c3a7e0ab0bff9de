//! Plans: static lists of dispatches, over buffers that do not change while rounds are under way.

use std::cell::OnceCell;
use std::rc::Rc;

use super::device::Code;
use super::{Device, Error};

/// What a dispatch must at least move and compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes read and written once.
    pub bytes: u64,
    /// Floating-point operations, a multiply-add counted as two.
    pub flops: u64,
}

/// One dispatch.
pub(super) struct Step {
    /// What benches call it.
    #[cfg_attr(not(any(test, feature = "rigs")), allow(dead_code, reason = "for benches"))]
    pub kernel: &'static str,
    #[cfg_attr(not(any(test, feature = "rigs")), allow(dead_code, reason = "for benches"))]
    pub cost: Cost,
    code: Rc<Code>,
    buffers: Vec<(u32, wgpu::Buffer)>,
    bind_group: OnceCell<wgpu::BindGroup>,
    workgroups: [u32; 3],
}

impl Step {
    /// Binds `buffers` (binding number, buffer) to `kernel` rendered with `context`. Nothing is compiled or made before
    /// [`Plan::make`] or the first dispatch.
    pub(super) fn new<const N: usize>(
        device: &Device,
        kernel: &'static str,
        context: &minijinja::Value,
        buffers: &[(u32, &wgpu::Buffer)],
        workgroups: [usize; N],
    ) -> Result<Self, Error> {
        Ok(Self {
            kernel,
            cost: Cost::default(),
            code: device.codes.get(kernel, context)?,
            buffers: buffers.iter().map(|&(binding, buffer)| (binding, buffer.clone())).collect(),
            bind_group: OnceCell::new(),
            workgroups: std::array::from_fn(|i| workgroups.get(i).map_or(1, |n| *n as u32)),
        })
    }

    fn bind_group(&self, device: &Device) -> &wgpu::BindGroup {
        self.bind_group.get_or_init(|| {
            let entries: Vec<_> = self
                .buffers
                .iter()
                .map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding: *binding,
                    resource: buffer.as_entire_binding(),
                })
                .collect();
            device.count(|c| c.objects += 1);
            device.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(self.kernel),
                layout: &self.code.pipeline(device).get_bind_group_layout(0),
                entries: &entries,
            })
        })
    }

    /// The same with what it costs, under another name.
    pub(super) fn costing(self, kernel: &'static str, bytes: u64, flops: u64) -> Self {
        Self { kernel, cost: Cost { bytes, flops }, ..self }
    }

    /// Encodes the dispatch into `pass`.
    pub(super) fn encode(&self, device: &Device, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(self.code.pipeline(device));
        pass.set_bind_group(0, self.bind_group(device), &[]);
        let [x, y, z] = self.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// A list of dispatches.
#[derive(Default)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
}

impl Plan {
    /// Makes what encoding needs.
    pub(super) fn make(&self, device: &Device) {
        for step in &self.steps {
            step.bind_group(device);
        }
    }

    /// Uses other buffers from now on, wherever `instead` has one for its own.
    pub(super) fn exchange(&mut self, instead: &Instead) {
        for step in &mut self.steps {
            for (_, buffer) in &mut step.buffers {
                if let Some(other) = instead.of(buffer) {
                    *buffer = other.clone();
                    step.bind_group.take();
                }
            }
        }
    }

    /// Encodes every step into `pass`; each sees what the ones before it wrote.
    pub(super) fn encode(&self, device: &Device, pass: &mut wgpu::ComputePass<'_>) {
        for step in &self.steps {
            step.encode(device, pass);
        }
        device.count(|c| c.dispatches += self.steps.len() as u64);
    }

    /// Submits every step by itself.
    pub(super) fn run(&self, device: &Device) {
        let mut encoder = device.encoder();
        self.encode(device, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        device.submit(encoder);
    }
}

/// Buffers, and others that take their places.
pub(super) struct Instead(pub Vec<[wgpu::Buffer; 2]>);

impl Instead {
    /// What takes the place of `buffer`.
    pub(super) fn of(&self, buffer: &wgpu::Buffer) -> Option<&wgpu::Buffer> {
        self.0.iter().find(|[old, _]| old == buffer).map(|[_, new]| new)
    }
}
