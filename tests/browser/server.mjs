// A static file server on localhost, with routes of a test's own.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.gguf': 'application/octet-stream',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/**
 * Serves `mounts` (URL prefix to folder or file; the longest prefix wins) and `routes` (exact path to a handler).
 * Any other path is an empty page, so that a test has somewhere to stand.
 *
 * @param {Record<string, string>} mounts
 * @param {Record<string, (request: import('node:http').IncomingMessage,
 *   response: import('node:http').ServerResponse) => void>} [routes]
 * @param {Record<string, string>} [headers] - of every answer
 */
export async function serve(mounts, routes = {}, headers = {}) {
  const server = createServer((request, response) => {
    response.setHeaders(new Headers(headers));
    answer(request, response, mounts, routes).catch(error => {
      response.headersSent || response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise(resolve => server.close(resolve));
    },
  };
}

async function answer(request, response, mounts, routes) {
  const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  if (routes[path]) {
    routes[path](request, response);
    return;
  }
  if (path === '/') {
    const file = mounts['/'] && (await fileAt(join(mounts['/'], 'index.html')));
    if (!file) {
      response.writeHead(200, { 'Content-Type': TYPES['.html'] });
      response.end(
        '<!doctype html><html lang="en"><title>Paceline tests</title><link rel="icon" href="data:,">',
      );
      return;
    }
  }
  const file = await fileAt(locate(path === '/' ? '/index.html' : path, mounts));
  if (!file) {
    response.writeHead(404).end('not found');
    return;
  }
  response.writeHead(200, {
    'Content-Type': TYPES[extname(file.path)] ?? 'application/octet-stream',
    'Content-Length': file.size,
    'Cache-Control': 'no-store',
  });
  if (request.method === 'HEAD') {
    response.end();
  } else {
    createReadStream(file.path).pipe(response);
  }
}

async function fileAt(path) {
  const info = path && (await stat(path).catch(() => null));
  return info?.isFile() ? { path, size: info.size } : null;
}

function locate(path, mounts) {
  const prefix = Object.keys(mounts)
    .filter(p => path === p || path.startsWith(p.endsWith('/') ? p : `${p}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) {
    return null;
  }
  const rest = normalize(path.slice(prefix.length));
  if (rest.split(sep).includes('..')) {
    return null;
  }
  return rest === '.' ? mounts[prefix] : join(mounts[prefix], rest);
}
