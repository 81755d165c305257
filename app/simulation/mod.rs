//! What the service pretends to be. Knows nothing of HTTP, metrics or sockets.
