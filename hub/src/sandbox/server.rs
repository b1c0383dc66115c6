//! One HTTP server on a loopback port of the system's choice.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::reset::{ResetSwitch, ResettableListener};

#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(router: Router, stopped: &watch::Receiver<bool>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stopped = stopped.clone();
        let service = router.into_make_service_with_connect_info::<ResetSwitch>();
        let task = tokio::spawn(async move {
            let serving = axum::serve(ResettableListener(listener), service).with_graceful_shutdown(until_set(stopped));
            if let Err(error) = serving.await {
                tracing::warn!(%error, "a sandbox server ended");
            }
        });
        Ok(Self { address, task })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for requests under way, at most `patience`.
    pub(super) async fn join(mut self, patience: Duration) {
        if tokio::time::timeout(patience, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ready once the flag is set, or once nobody can set it any more.
pub(super) async fn until_set(mut flag: watch::Receiver<bool>) {
    // An error means that the sandbox is gone, which is as good a reason to stop.
    let _gone = flag.wait_for(|set| *set).await;
}
