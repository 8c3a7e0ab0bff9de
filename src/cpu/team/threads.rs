//! Helpers that are threads of the system.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::board::Board;

/// A board and those who help.
pub(super) struct Helpers {
    board: Arc<Board>,
    threads: Vec<JoinHandle<()>>,
}

impl Helpers {
    /// So many, or fewer where the system gives no more.
    pub fn hire(count: usize) -> Self {
        let board = Arc::new(Board::new());
        let spawn = |member| {
            let board = Arc::clone(&board);
            // Kernels need little stack.
            let builder = Builder::new().name(format!("paceline-{member}")).stack_size(1 << 20);
            builder.spawn(move || work(&board, member))
        };
        let threads = (1..=count).map_while(|member| spawn(member).ok()).collect();
        Self { board, threads }
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    pub fn count(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.board.bed.dismiss();
        for thread in self.threads.drain(..) {
            // A helper catches the panics of its parts, so it has none of its own.
            let _ = thread.join();
        }
    }
}

/// What a helper does until it is sent home.
fn work(board: &Board, member: usize) {
    let mut seen = 0;
    loop {
        board.help(member, &mut seen);
        let mut dismissed = board.bed.lock();
        board.lie_down();
        while !*dismissed && !board.look(seen).1 {
            dismissed = board.bed.sleep(dismissed);
        }
        board.get_up();
        if *dismissed {
            return;
        }
    }
}
