// Spoils the browser under the package's worker, which is to be imported after this. Messages `{ fault }`:
// `lose` destroys the GPU device, `throw` makes an error that nobody catches. Query parameters spoil it from the start:
// `real` has the adapter pass for a real GPU, `wrong` makes matrix products wrong.

const spoiled = new URL(import.meta.url).searchParams;
let device;

if (self.GPUAdapter) {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    device = await requestDevice.apply(this, args);
    return device;
  };
}

if (spoiled.has('real')) {
  Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
  for (const name of ['vendor', 'architecture', 'device', 'description']) {
    Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => 'test' });
  }
}

if (spoiled.has('wrong')) {
  const { createShaderModule } = GPUDevice.prototype;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    const code = descriptor.code.replaceAll('fma(part', 'fma(1.5 * part');
    return createShaderModule.call(this, { ...descriptor, code });
  };
}

self.addEventListener('message', event => {
  if (event.data.fault === undefined) {
    return;
  }
  event.stopImmediatePropagation();
  if (event.data.fault === 'lose') {
    device.destroy();
  } else {
    setTimeout(() => {
      throw new Error('a fault of the test');
    });
  }
});
