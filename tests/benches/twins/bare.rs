//! The teaching service's handler on bare axum: no instruments, no limits, no
//! trace, the server that axum itself provides. The cost of our
//! instruments is the difference to this.

#[path = "app.rs"]
mod app;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    app::serve(app::routes()).await
}
