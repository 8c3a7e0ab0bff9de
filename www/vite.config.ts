import { defineConfig } from 'vite';
import { precache, WORKER } from './build/precache.ts';

// Relative addresses: the built folder works under any path of any static host.
export default defineConfig({
  base: './',
  plugins: [precache()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: 'index.html', bench: 'bench.html', sw: 'src/offline/sw.ts' },
      output: { entryFileNames: chunk => (chunk.name === 'sw' ? WORKER : 'assets/[name]-[hash].js') },
    },
  },
  worker: { format: 'es' },
});
