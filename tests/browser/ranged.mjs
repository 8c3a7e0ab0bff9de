// A model file on a server that can begin in the middle, and tells the test what it was asked.

/**
 * A route that serves `bytes` with ranges and an `ETag`.
 *
 * @param {Buffer} bytes
 * @param {{ pace?: number }} options - `pace`: ms between two pieces of 64 KiB; none sends everything at once
 */
export function ranged(bytes, { pace = 0 } = {}) {
  const file = {
    bytes,
    etag: '"1"',
    /** Its `Last-Modified`, where it has one. */
    modified: undefined,
    pace,
    /** Ends the connection after this many bytes of each answer. */
    dropAfter: Infinity,
    /** The `Range` of each request; `''` where it had none. */
    asked: [],
    /** Bytes handed to the network. */
    sent: 0,
    async route(request, response) {
      const { range = '', 'if-range': condition } = request.headers;
      const version = { ETag: file.etag, ...(file.modified && { 'Last-Modified': file.modified }) };
      if (request.method === 'HEAD') {
        response.writeHead(200, { ...version, 'Content-Length': file.bytes.length }).end();
        return;
      }
      file.asked.push(range);
      const first = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
      const partial = range !== '' && (condition === undefined || Object.values(version).includes(condition));
      const rest = partial ? file.bytes.subarray(first) : file.bytes;
      const headers = { ...version, 'Content-Length': rest.length, 'Accept-Ranges': 'bytes' };
      if (partial) {
        headers['Content-Range'] = `bytes ${first}-${file.bytes.length - 1}/${file.bytes.length}`;
      }
      response.writeHead(partial ? 206 : 200, headers);
      for (let at = 0; at < rest.length && !response.destroyed; at += 65536) {
        if (at >= file.dropAfter) {
          response.destroy();
          return;
        }
        const piece = rest.subarray(at, at + 65536);
        await new Promise(resolve => response.write(piece, resolve));
        file.sent += piece.length;
        if (file.pace > 0) {
          await new Promise(resolve => setTimeout(resolve, file.pace));
        }
      }
      response.end();
    },
  };
  return file;
}
