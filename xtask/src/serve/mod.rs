//! A static file server for this machine: the demo page and its model.

mod path;
mod range;

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use path::locate;
use range::Range;

/// Requests answered at the same time.
const WORKERS: usize = 8;

/// What is served under a prefix: a file, or a folder. Earlier mounts win.
#[derive(Clone)]
pub struct Mount {
    /// The URL's beginning.
    pub prefix: &'static str,
    /// What is there.
    pub path: PathBuf,
}

/// Serves until the process ends; tells `ready` the address first.
pub fn serve(port: u16, mounts: &[Mount], ready: impl FnOnce(&str)) -> Result<()> {
    let server = Server::http(("127.0.0.1", port))
        .map_err(|e| anyhow!("cannot listen on port {port} ({e}); choose another with --port"))?;
    let address = server.server_addr().to_ip().context("the server has no address")?;
    ready(&format!("http://localhost:{}/", address.port()));
    let server = Arc::new(server);
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (server, mounts) = (Arc::clone(&server), mounts.to_vec());
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    // A visitor who left is no trouble of ours.
                    let _ = answer(request, &mounts);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| anyhow!("a server thread panicked"))?;
    }
    Ok(())
}

fn answer(request: Request, mounts: &[Mount]) -> Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Ok(request.respond(Response::empty(405))?);
    }
    let found = locate(request.url(), mounts).and_then(|path| Some((File::open(&path).ok()?, path)));
    let Some((mut file, path)) = found else {
        return Ok(request.respond(Response::from_string("not found").with_status_code(404))?);
    };
    let metadata = file.metadata()?;
    let total = metadata.len();
    let version = version(&metadata)?;
    let sent = |name: &'static str| {
        request.headers().iter().find(|h| h.field.equiv(name)).map(|h| h.value.as_str().to_owned())
    };
    // Who goes on with a download gets the rest of the same file, or all of another one.
    let same = sent("If-Range").is_none_or(|wanted| wanted == version);
    let asked = sent("Range").filter(|_| same);
    let mut headers = headers(&path)?;
    headers.push(header("ETag", &version)?);
    let (status, start, length) = match Range::parse(asked.as_deref(), total) {
        Range::Whole => (200, 0, total),
        Range::Part { first, last } => {
            headers.push(header("Content-Range", &format!("bytes {first}-{last}/{total}"))?);
            (206, first, last - first + 1)
        }
        Range::Unsatisfiable => {
            let range = header("Content-Range", &format!("bytes */{total}"))?;
            return Ok(request.respond(Response::empty(416).with_header(range))?);
        }
    };
    file.seek(SeekFrom::Start(start))?;
    let length = usize::try_from(length)?;
    let body = file.take(length as u64);
    // tiny_http would send anything long in chunks, and a page could show no progress without the length.
    let response = Response::new(StatusCode(status), headers, body, Some(length), None);
    Ok(request.respond(response.with_chunked_threshold(usize::MAX))?)
}

/// An entity tag of the file's length and time.
fn version(metadata: &Metadata) -> Result<String> {
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    Ok(format!("\"{:x}-{modified:x}\"", metadata.len()))
}

fn headers(path: &Path) -> Result<Vec<Header>> {
    Ok(vec![
        header("Content-Type", content_type(path))?,
        header("Accept-Ranges", "bytes")?,
        header("Cache-Control", "no-cache")?,
        // Cross-origin isolation: finer timers for the statistics.
        header("Cross-Origin-Opener-Policy", "same-origin")?,
        header("Cross-Origin-Embedder-Policy", "require-corp")?,
    ])
}

fn header(name: &str, value: &str) -> Result<Header> {
    Header::from_bytes(name, value).map_err(|()| anyhow!("`{name}: {value}` is no header"))
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        // Browsers compile wasm while it streams only under this type.
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn wasm_is_served_as_wasm() {
        assert_eq!(content_type(Path::new("a/b_bg.wasm")), "application/wasm");
        assert_eq!(content_type(Path::new("model.gguf")), "application/octet-stream");
    }

    /// Sends `request` to a server over a folder with an `index.html` and gives what comes back.
    fn ask(request: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<p>hello").unwrap();
        std::fs::write(folder.path().join("model.gguf"), "0123456789".repeat(10_000)).unwrap();
        let mounts = vec![Mount { prefix: "/", path: folder.path().to_path_buf() }];
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || serve(0, &mounts, |address| send.send(address.to_owned()).unwrap()));
        let address = receive.recv().unwrap();
        let port = address.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream
            .write_all(format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_folder_answers_with_its_index() {
        let text = ask("GET /?device=cpu HTTP/1.1");
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("<p>hello"), "{text}");
        assert!(text.contains("Cross-Origin-Opener-Policy: same-origin"), "{text}");
    }

    #[test]
    fn a_large_file_has_its_length() {
        let text = ask("GET /model.gguf HTTP/1.1");
        assert!(text.contains("Content-Length: 100000"), "{}", &text[..300]);
        assert_eq!(text.split("\r\n\r\n").nth(1).unwrap().len(), 100_000);
    }

    #[test]
    fn asking_for_the_head_alone_gives_length_and_type() {
        let text = ask("HEAD /model.gguf HTTP/1.1");
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(text.contains("Content-Length: 100000"), "{text}");
        assert!(text.contains("Content-Type: application/octet-stream"), "{text}");
    }

    #[test]
    fn part_of_a_file_is_sent_as_such() {
        let text = ask("GET /model.gguf HTTP/1.1\r\nRange: bytes=3-5");
        assert!(text.starts_with("HTTP/1.1 206") && text.ends_with("\r\n\r\n345"), "{text}");
        assert!(text.contains("Content-Range: bytes 3-5/100000"), "{text}");
        assert!(ask("GET /model.gguf HTTP/1.1\r\nRange: bytes=100000-").starts_with("HTTP/1.1 416"));
    }

    #[test]
    fn a_download_goes_on_only_with_the_same_file() {
        let part = |version: &str| {
            ask(&format!("GET /model.gguf HTTP/1.1\r\nRange: bytes=3-5\r\nIf-Range: {version}"))
        };
        // Every call writes the file anew, so no tag from before holds.
        assert!(ask("HEAD /model.gguf HTTP/1.1").contains("ETag: \"186a0-"));
        assert!(part("\"186a0-0\"").starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        assert!(ask("GET /../../../etc/passwd HTTP/1.1").starts_with("HTTP/1.1 404"));
        assert!(ask("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1").starts_with("HTTP/1.1 404"));
        assert!(ask("POST / HTTP/1.1").starts_with("HTTP/1.1 405"));
    }
}
