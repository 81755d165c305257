//! What the benchmarks share: load over real sockets ([`load`]), the statistics
//! of it ([`statistics`]), the servers compared with ([`twins`]), memory and
//! processor time as the kernel counts them ([`process`]) and the table that is printed ([`report`]).
//! What is measured, and against what, belongs to each benchmark.

// Every benchmark compiles this tree into itself and uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod load;
pub mod process;
pub mod report;
pub mod statistics;
pub mod twins;
pub mod wrk;

/// Whether `cargo bench` asks for figures. `cargo test --all-targets` starts
/// benchmarks too; there it is enough that they compile.
pub fn wanted() -> bool {
    let wanted = std::env::args().any(|argument| argument == "--bench");
    if !wanted {
        println!("a benchmark: run it with cargo bench");
    }
    wanted
}

/// Whether `--test` asks for a brief run, which shows that a benchmark works and
/// whose figures mean nothing: `cargo test --bench NAME -- --bench --test`.
pub fn brief() -> bool {
    let brief = std::env::args().any(|argument| argument == "--test");
    if brief {
        println!("brief: that it runs is all that this shows");
    }
    brief
}

/// The client's runtime: one thread, so that the servers have the rest.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread needs nothing that could be missing")
}
