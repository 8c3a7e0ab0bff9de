/**
 * What a browser tells of its GPU before anything is loaded.
 * @module
 */

interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallbackAdapter?: boolean;
}

interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{ info: AdapterInfo } | null>;
}

/** An adapter. */
export interface Adapter {
  /** Such as `nvidia ampere`. */
  name: string;
  /** Whether it is known to compute on the CPU. */
  software: boolean;
}

/** As the engine knows them (`src/gpu/device`). */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** The adapter that the engine would take; `undefined` where there is no WebGPU. */
export async function findAdapter(): Promise<Adapter | undefined> {
  const { navigator } = globalThis as { navigator?: { gpu?: Gpu } };
  const asked = navigator?.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  const info = (await asked?.catch(() => null))?.info;
  if (!info) {
    return undefined;
  }
  const { vendor, architecture, device, description, isFallbackAdapter = false } = info;
  const name = [vendor, architecture, device, description].filter(part => part !== '').join(' ');
  return { name: name || 'unknown', software: isFallbackAdapter || SOFTWARE.test(name) };
}

/** Why `auto` will not take WebGPU on `adapter`; `undefined` where it may. */
export function whyNot(adapter: Adapter | undefined): string | undefined {
  if (!adapter) {
    return 'there is no WebGPU adapter here';
  }
  return adapter.software
    ? 'the only WebGPU adapter is a software one, slower than the CPU engine'
    : undefined;
}
