//! Helpers that are threads of the system.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::board::Board;

/// A helper. Kernels need little stack.
pub(super) fn spawn(board: &Arc<Board>, member: usize) -> io::Result<JoinHandle<()>> {
    let board = Arc::clone(board);
    Builder::new().name(format!("paceline-{member}")).stack_size(1 << 20).spawn(move || board.help(member))
}
