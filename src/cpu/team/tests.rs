use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn every_part_is_done_once_whatever_the_number_of_threads() {
    for threads in [1, 2, 3, 8] {
        let team = Team::new(threads);
        assert_eq!(team.threads(), threads);
        for parts in (0..40).chain([1000]) {
            let mut done = vec![0_u8; parts];
            let shared = Shared::new(&mut done);
            team.run(parts, &|part, member| {
                assert!(member < threads);
                // SAFETY: a part is one thread's.
                let mine = unsafe { shared.slice(part..part + 1) };
                mine[0] += 1;
            });
            assert!(done.iter().all(|n| *n == 1), "{threads} threads, {parts} parts: {done:?}");
        }
    }
}

#[test]
fn a_sleeping_helper_comes_to_a_job() {
    let team = Team::new(2);
    for pause in [0, 1, 30] {
        std::thread::sleep(std::time::Duration::from_millis(pause));
        // Both parts wait for one another, so that they need two threads.
        let inside = AtomicUsize::new(0);
        team.run(2, &|_, _| {
            inside.fetch_add(1, Ordering::SeqCst);
            while inside.load(Ordering::SeqCst) < 2 {
                std::thread::yield_now();
            }
        });
    }
}

#[test]
fn what_a_part_panics_with_reaches_the_caller_and_the_team_works_on() {
    let team = Team::new(2);
    for member in [0, 1] {
        let inside = AtomicUsize::new(0);
        let run = || {
            team.run(2, &|_, me| {
                inside.fetch_add(1, Ordering::SeqCst);
                while inside.load(Ordering::SeqCst) < 2 {
                    std::thread::yield_now();
                }
                assert!(me != member, "as it should");
            });
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err(), "member {member}");
        let sum = AtomicUsize::new(0);
        team.run(100, &|part, _| {
            sum.fetch_add(part, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 4950);
    }
}

#[test]
fn a_team_that_is_busy_leaves_others_alone() {
    let team = Team::new(2);
    let sums: Vec<usize> = std::thread::scope(|scope| {
        let count = || {
            let mut most = 0;
            for _ in 0..200 {
                let sum = AtomicUsize::new(0);
                // Inside a job, the team is busy as well.
                team.run(10, &|_, _| {
                    team.run(10, &|part, _| {
                        sum.fetch_add(part, Ordering::Relaxed);
                    })
                });
                most = sum.into_inner();
            }
            most
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(sums, [450; 4]);
}
