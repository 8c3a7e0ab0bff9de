//! A `ReadableStream` of bytes as a [`ByteSource`]: one chunk at a time, never the file.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortSignal, ReadableStream, ReadableStreamDefaultReader};

use crate::source::{ByteSource, Error};

#[wasm_bindgen]
extern "C" {
    /// `ByteStream` of `backend.ts`.
    #[wasm_bindgen(typescript_type = "ByteStream")]
    pub type ByteStream;
    #[wasm_bindgen(method, getter)]
    fn stream(this: &ByteStream) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    fn size(this: &ByteStream) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn name(this: &ByteStream) -> Option<String>;
}

/// Reads a stream; dropping it cancels the stream.
pub(super) struct StreamSource {
    reader: ReadableStreamDefaultReader,
    total: Option<u64>,
    name: Option<String>,
    signal: AbortSignal,
    /// The chunk that is being handed on, and how far.
    chunk: Uint8Array,
    at: u32,
}

impl StreamSource {
    /// Locks the stream of `source`. `signal` aborts the reading.
    pub fn new(source: &ByteStream, signal: AbortSignal) -> Result<Self, Error> {
        let reader = ReadableStreamDefaultReader::new(&source.stream()).map_err(|e| io(&e))?;
        let total = source.size().map(|size| size as u64);
        Ok(Self { reader, total, name: source.name(), signal, chunk: Uint8Array::new_with_length(0), at: 0 })
    }

    /// The next chunk; `None` at the end.
    async fn next(&self) -> Result<Option<Uint8Array>, JsValue> {
        let result = JsFuture::from(self.reader.read()).await?;
        if Reflect::get(&result, &"done".into())?.is_truthy() {
            return Ok(None);
        }
        Reflect::get(&result, &"value".into())?.dyn_into().map(Some)
    }
}

impl ByteSource for StreamSource {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        while self.at == self.chunk.length() {
            let next = self.next().await;
            // An abort makes `fetch` streams fail: it comes first.
            if self.signal.aborted() {
                return Err(Error::Aborted);
            }
            match next.map_err(|e| io(&e))? {
                Some(chunk) => (self.chunk, self.at) = (chunk, 0),
                None => return Ok(0),
            }
        }
        let end = self.chunk.length().min(self.at.saturating_add(buffer.len() as u32));
        let taken = (end - self.at) as usize;
        self.chunk.subarray(self.at, end).copy_to(&mut buffer[..taken]);
        self.at = end;
        Ok(taken)
    }

    fn total(&self) -> Option<u64> {
        self.total
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl Drop for StreamSource {
    fn drop(&mut self) {
        let cancelled = self.reader.cancel();
        // A stream that failed refuses to be cancelled: nobody needs to hear of it.
        spawn_local(async { drop(JsFuture::from(cancelled).await) });
    }
}

fn io(error: &JsValue) -> Error {
    let message = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.message()));
    Error::Io(message.or_else(|| error.as_string()).unwrap_or_else(|| format!("{error:?}")))
}
