// The built package, measured in headless Chromium.
//
//   node paceline.mjs --package pkg/dist --model FILE --device webgpu|cpu --chat TEXT --tokens N --runs R
//
// Prints one JSON object: plain decoding of one prompt, and the time of a round of four rows beside one of one row.

import { measurePage } from './harness.mjs';

await measurePage(import.meta.url, 'paceline.html', '/paceline', { device: 'cpu' });
