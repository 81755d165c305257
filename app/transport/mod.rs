//! The accept loop with limits and drain.
