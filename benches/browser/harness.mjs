// Runs one page in headless Chromium and hands back what the page reports. No dependencies.
//
// `runPage` serves folders and files on localhost, opens the page, and resolves with the object that the page posts
// to `/result`. Lines posted to `/log` go to standard error, so that standard output stays free for results. `/cpu`
// tells how many milliseconds of processor time the browser has had, which shows a run that had to share its core.

import { spawn } from 'node:child_process';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

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
    answer(request, response, { mounts, settle, cpuMs: () => cpuMs(browser.pid) }).catch((error) => {
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

/** Milliseconds of processor time of a process and all that descend from it; 0 where there is no /proc. */
function cpuMs(root) {
  const [parent, ticks] = [new Map(), new Map()];
  try {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        // After the name in parentheses: state, parent, ..., and as 12th and 13th user and system time.
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
        parent.set(Number(pid), Number(fields[1]));
        ticks.set(Number(pid), Number(fields[11]) + Number(fields[12]));
      } catch { /* it has just ended */ }
    }
  } catch {
    return 0;
  }
  const descends = (pid) => pid === root || (pid > 1 && descends(parent.get(pid) ?? 0));
  const sum = [...ticks].filter(([pid]) => descends(pid)).reduce((total, [, own]) => total + own, 0);
  return sum * 10; // Linux tells programs of 100 ticks a second.
}

async function answer(request, response, { mounts, settle, cpuMs }) {
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
  if (path === '/cpu') {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(String(cpuMs()));
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

/**
 * Opens a page of this folder with the command line's flags as its query and prints what it reports.
 *
 * @param {string} script the calling module's URL
 * @param {string} page a file beside it
 * @param {string} prefix where the page expects the package that `--package` names
 * @param {Record<string, string>} defaults of flags beyond chat, tokens and runs
 */
export async function measurePage(script, page, prefix, defaults) {
  const { package: folder, model, ...flags } = parseFlags(process.argv.slice(2));
  const query = new URLSearchParams({ tokens: '64', runs: '1', ...defaults, ...flags });
  const mounts = { '/bench': dirname(fileURLToPath(script)), [prefix]: folder, '/model.gguf': model };
  console.log(JSON.stringify(await runPage({ mounts, page: `/bench/${page}?${query}` })));
}

/** `--name value` pairs of a command line, as an object. */
function parseFlags(words) {
  const flags = {};
  for (let i = 0; i < words.length; i += 2) {
    if (!words[i].startsWith('--') || words[i + 1] === undefined) throw new Error(`--name value, not ${words[i]}`);
    flags[words[i].slice(2)] = words[i + 1];
  }
  return flags;
}
