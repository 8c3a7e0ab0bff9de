// Removes the last build: names of shared files change, and old ones would be published.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist/', import.meta.url), { recursive: true, force: true });
