// Runs one page in headless Chromium and hands back what the page reports. No dependencies.
//
// `runPage` serves folders and files on localhost, opens the page, and resolves with the object that the page posts
// to `/result`. Lines posted to `/log` go to standard error, so that standard output stays free for results.

import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize, sep } from 'node:path';

const TYPES = {
  '.css': 'text/css',
  '.gguf': 'application/octet-stream',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** Headless, no outside connections, WebGPU on whatever adapter there is. */
export const CHROMIUM_FLAGS = [
  '--headless', '--no-sandbox', '--enable-unsafe-webgpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // A background page's timers are slowed down; a bench must not be.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
];

/** The browser to run: `PACELINE_CHROMIUM`, or Debian's. */
export function chromiumPath() {
  return process.env.PACELINE_CHROMIUM ?? '/usr/bin/chromium';
}

/**
 * @param {object} options
 * @param {Record<string, string>} options.mounts URL prefix to folder or file; the longest prefix wins
 * @param {string} options.page path and query of the page to open
 * @param {number} [options.timeoutMs]
 * @param {string[]} [options.flags] added to CHROMIUM_FLAGS
 * @returns {Promise<any>} the object that the page posted
 */
export async function runPage({ mounts, page, timeoutMs = 600_000, flags = [] }) {
  let settle;
  const result = new Promise((resolve, reject) => { settle = { resolve, reject }; });
  const server = createServer((request, response) => {
    answer(request, response, mounts, settle).catch((error) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const profile = await mkdtemp(join(tmpdir(), 'paceline-bench-'));
  const url = `http://127.0.0.1:${server.address().port}${page}`;
  const browser = spawn(chromiumPath(), [...CHROMIUM_FLAGS, ...flags, `--user-data-dir=${profile}`, url], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  browser.stderr.on('data', (chunk) => { stderr = (stderr + chunk).slice(-4000); });
  browser.on('error', (error) => settle.reject(new Error(`could not start ${chromiumPath()}: ${error.message}`)));
  browser.on('exit', (code) => settle.reject(new Error(`Chromium left with code ${code}:\n${stderr}`)));
  const timer = setTimeout(
    () => settle.reject(new Error(`${page} reported nothing within ${timeoutMs / 1000} s:\n${stderr}`)), timeoutMs);
  try {
    return await result;
  } finally {
    clearTimeout(timer);
    await stop(browser);
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function stop(browser) {
  if (browser.exitCode !== null || browser.signalCode !== null) return;
  const gone = new Promise((resolve) => browser.once('exit', resolve));
  browser.kill('SIGTERM');
  const hard = setTimeout(() => browser.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(hard);
}

async function answer(request, response, mounts, settle) {
  const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  if (request.method === 'POST') {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.writeHead(204).end();
    if (path === '/log') process.stderr.write(`  ${body}\n`);
    if (path === '/result') {
      const value = JSON.parse(body);
      if (value.error) settle.reject(new Error(`the page failed: ${value.error}`));
      else settle.resolve(value);
    }
    return;
  }
  const file = locate(path, mounts);
  const info = file && await stat(file).catch(() => null);
  if (!info?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  const headers = {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    // Cross-origin isolation: finer timers, and the same conditions for every engine.
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cache-Control': 'no-store',
    'Accept-Ranges': 'bytes',
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]), info.size - 1) : info.size - 1;
  if (range) headers['Content-Range'] = `bytes ${start}-${end}/${info.size}`;
  headers['Content-Length'] = Math.max(0, end - start + 1);
  response.writeHead(range ? 206 : 200, headers);
  if (request.method === 'HEAD' || info.size === 0) response.end();
  else createReadStream(file, { start, end }).pipe(response);
}

function locate(path, mounts) {
  const prefix = Object.keys(mounts).filter((p) => path === p || path.startsWith(p.endsWith('/') ? p : `${p}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return null;
  const rest = normalize(path.slice(prefix.length));
  if (rest.split(sep).includes('..')) return null;
  return rest === '.' ? mounts[prefix] : join(mounts[prefix], rest);
}

/** `--name value` and `--name` pairs of a command line, as an object. */
export function parseFlags(argv) {
  const flags = {};
  for (let i = 0; i < argv.length; i++) {
    if (!argv[i].startsWith('--')) throw new Error(`unexpected argument ${argv[i]}`);
    const next = argv[i + 1];
    flags[argv[i].slice(2)] = next === undefined || next.startsWith('--') ? true : argv[++i];
  }
  return flags;
}
