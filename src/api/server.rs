//! Takes connections within bounds: so many at once, so many from one address, so long for a request's head. What the daemon
//! does by itself needs descriptors and memory too, and never waits for a stranger's.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::text_file;

/// A head may be so large, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Requests that run have so long to end when the daemon stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Where no connection can be taken (no descriptor is free) it is tried again after this.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Of the descriptors that the process may have, one in so many may be a connection's.
const SHARE_OF_DESCRIPTORS: usize = 4;
/// What a process may have where nothing says.
const USUAL_DESCRIPTORS: usize = 1024;

/// How many connections are held, and how long one may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub connections: usize,
    /// From one address, unless it is this machine: a proxy brings everybody's.
    pub per_address: usize,
    /// A request's head has so long to arrive, and a connection so long to begin another.
    pub head_within: Duration,
}

impl Bounds {
    /// The bounds of this process.
    pub fn of_process() -> Self {
        let connections = (descriptors() / SHARE_OF_DESCRIPTORS).clamp(16, 2_000);
        Self {
            connections,
            per_address: connections / 4,
            head_within: Duration::from_secs(15),
        }
    }
}

/// How many descriptors the process may have, as Linux tells it.
fn descriptors() -> usize {
    // Nothing elsewhere: then the usual holds.
    let limits = text_file::read(Path::new("/proc/self/limits")).unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(USUAL_DESCRIPTORS)
}

/// Connections by address. Each is counted for as long as its [`Place`] lives.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// A place for a connection, unless there is none.
    fn take(self: &Arc<Self>, address: IpAddr, bounds: Bounds) -> Option<Place> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = held.values().sum();
        let here = held.get(&address).copied().unwrap_or_default();
        let is_free = all < bounds.connections
            && (here < bounds.per_address || address.to_canonical().is_loopback());
        is_free.then(|| {
            held.insert(address, here + 1);
            Place {
                places: self.clone(),
                address,
            }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            _ => drop(held.remove(&self.address)),
        }
    }
}

/// Serves until `stop` ends; requests that run are finished. A connection beyond the bounds is closed at once.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_within)
        .max_buf_size(MAX_HEAD_BYTES);
    let (places, graceful) = (Arc::<Places>::default(), GracefulShutdown::new());
    let mut is_full = false;
    tokio::pin!(stop);
    loop {
        let taken: io::Result<(TcpStream, SocketAddr)> = tokio::select! {
            () = &mut stop => break,
            taken = listener.accept() => taken,
        };
        let (stream, from) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                sleep(RETRY_AFTER).await;
                continue;
            }
        };
        let Some(place) = places.take(from.ip(), bounds) else {
            if !is_full {
                tracing::warn!(from = %from.ip(), "connections are turned away: there are too many");
            }
            is_full = true;
            continue;
        };
        is_full = false;
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // How it ended is the other side's to know.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(STOP_WITHIN, graceful.shutdown()).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    use super::*;

    async fn answer(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn slow_connections_are_ended_and_those_beyond_the_bounds_are_turned_away() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let bounds = Bounds {
            connections: 8,
            per_address: 8,
            head_within: Duration::from_millis(300),
        };
        let router = Router::new().route("/", get(|| async { "well" }));
        let served = tokio::spawn(serve(listener, router, bounds, async {
            let _ = stopped.await;
        }));
        let mut slow = Vec::new();
        for _ in 0..8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HT").await.unwrap();
            slow.push(stream);
        }
        // The ninth is closed without a word.
        assert_eq!(answer(address).await, "");
        for stream in &mut slow {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains("well"));
        }
        assert!(answer(address).await.contains("well"));
        stop.send(()).unwrap();
        served.await.unwrap().unwrap();
    }

    #[test]
    fn one_address_has_its_share_and_this_machine_all() {
        let bounds = Bounds {
            connections: 4,
            per_address: 2,
            head_within: Duration::ZERO,
        };
        let places = Arc::<Places>::default();
        let stranger: IpAddr = "192.0.2.1".parse().unwrap();
        let own: IpAddr = "127.0.0.1".parse().unwrap();
        let held = [places.take(stranger, bounds), places.take(stranger, bounds)];
        assert!(places.take(stranger, bounds).is_none());
        let more = [places.take(own, bounds), places.take(own, bounds)];
        assert!(more.iter().all(Option::is_some));
        assert!(places.take(own, bounds).is_none());
        drop(held);
        assert!(places.take(stranger, bounds).is_some());
    }
}
