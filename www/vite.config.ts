import { defineConfig } from 'vite';

// Relative addresses: the built folder works under any path of any static host.
export default defineConfig({
  base: './',
  build: { target: 'es2022', assetsInlineLimit: 0 },
  worker: { format: 'es' },
});
