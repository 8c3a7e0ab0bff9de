//! The memory of the engine's wasm, which threads share: what the compiler and the linker leave to be done.

use anyhow::{Context, Result, ensure};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Flags for rustc with which the engine's memory is imported, and can be shared. The standard library is the one for a single
/// thread: helpers call nothing of it (`src/cpu/team/workers.rs`), so its missing atomics do no harm.
pub const FLAGS: [&str; 12] = [
    "-Ctarget-feature=+atomics,+bulk-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--shared-memory",
    // 32 pages, and one that wasm-bindgen adds: `PAGES` in `pkg/src/worker.ts`.
    "-Clink-arg=--initial-memory=2097152",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--no-check-features",
    "-Clink-arg=--export=__stack_pointer",
    // wasm-bindgen looks for these, though there is nothing in them.
    "-Clink-arg=--export=__heap_base",
    "-Clink-arg=--export=__tls_base",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__wasm_init_tls",
];

/// Gives the module's thread-local memory, of which there is none, an alignment: wasm-bindgen allocates it, and with the
/// linker's 0 that traps.
pub fn align_nothing(wasm: &mut [u8]) -> Result<()> {
    let mut imported = 0;
    let mut at = None;
    let mut globals = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Global(_)));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    globals.push(global?.init_expr.get_binary_reader().original_position());
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.name == "__tls_align" && export.kind == ExternalKind::Global {
                        at = Some(export.index as usize);
                    }
                }
            }
            _ => {}
        }
    }
    let own = at.context("the linker exports no __tls_align")?.checked_sub(imported);
    let expression = own.and_then(|own| globals.get(own)).copied().context("__tls_align is imported")?;
    // i32.const 0
    ensure!(wasm[expression..].starts_with(&[0x41, 0]), "there is thread-local memory: it has an alignment");
    wasm[expression + 1] = 1;
    Ok(())
}

/// The same module, except that its memory is not shared. All its instructions mean the same there.
pub fn unshared(mut wasm: Vec<u8>) -> Result<Vec<u8>> {
    /// In the limits of a memory.
    const SHARED: u8 = 2;
    let mut flags = None;
    for payload in Parser::new(0).parse_all(&wasm) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports_with_offsets() {
                let (start, import) = import?;
                if matches!(import.ty, TypeRef::Memory(memory) if memory.shared) {
                    // Behind two short strings with their lengths, and the kind of the import.
                    ensure!(import.module.len().max(import.name.len()) < 128, "the memory has a long name");
                    flags = Some(start + import.module.len() + import.name.len() + 3);
                }
            }
        }
    }
    let flags = flags.context("the module imports no shared memory")?;
    wasm[flags] &= !SHARED;
    Ok(wasm)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a memory from outside, whose limits begin with `flags`, and `__tls_align` as `align`.
    fn module(flags: u8, align: u8) -> Vec<u8> {
        let import = [2, 9, 1, 1, b'e', 1, b'm', 2, flags, 1, 2];
        let global = [6, 6, 1, 0x7f, 0, 0x41, align, 0x0b];
        let export = [&[7, 15, 1, 11][..], b"__tls_align", &[3, 0]].concat();
        [b"\0asm\x01\0\0\0", &import[..], &global, &export].concat()
    }

    #[test]
    fn nothing_gets_an_alignment_and_something_keeps_it() {
        let mut wasm = module(3, 0);
        align_nothing(&mut wasm).unwrap();
        assert_eq!(wasm, module(3, 1));
        assert!(align_nothing(&mut module(3, 16)).is_err());
        assert!(align_nothing(&mut b"\0asm\x01\0\0\0".to_vec()).is_err());
    }

    #[test]
    fn a_memory_is_shared_no_more_and_nothing_else_changes() {
        assert_eq!(unshared(module(3, 0)).unwrap(), module(1, 0));
        assert!(unshared(module(1, 0)).is_err());
        assert!(unshared(vec![1, 2, 3]).is_err());
    }
}
