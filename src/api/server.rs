//! Takes connections within bounds: so many at once, so many from one address, so long for a request's head. What the daemon
//! does by itself needs descriptors and memory too, and never waits for a stranger's.
//!
//! Where all places are taken, the connection that has been of no use for longest gives its own up: one that is slow to say
//! what it wants, or that waits for another request. So slow connections, however many, keep nobody out. One whose request is
//! being answered keeps its place.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::header, response::Response};
use futures_util::StreamExt;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::text_file;

/// A head may be so large, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Requests that run have so long to end when the daemon stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Where no connection can be taken (no descriptor is free) it is tried again after this.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Of the descriptors that the process may have, one in so many may be a connection's.
const SHARE_OF_DESCRIPTORS: usize = 4;
/// What a process may have where nothing says.
const USUAL_DESCRIPTORS: usize = 1024;
/// Connections at once, however many descriptors there are: each costs some 20 kB.
const MAX_CONNECTIONS: usize = 1_000;
/// Of the places, one in so many more may be held by connections that were told to end and have not yet.
const SHARE_LEAVING: usize = 4;
/// A request that is answered for longer keeps its place no more: its reader may have stopped reading.
const WORKS_FOR: Duration = Duration::from_secs(600);

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
        let connections = (descriptors() / SHARE_OF_DESCRIPTORS).clamp(16, MAX_CONNECTIONS);
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

/// The connections that there are. Each is counted for as long as its [`Place`] lives.
#[derive(Debug, Default)]
struct Places(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// Grows with each connection and each request.
    moment: u64,
    connections: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    /// The moment of its last request, or of its beginning.
    last: u64,
    /// Since when a request of it is answered.
    works: Option<Instant>,
    /// Was it told to end?
    is_leaving: bool,
    end: Arc<Notify>,
}

impl Connection {
    fn may_go(&self) -> bool {
        let works = self.works.is_some_and(|since| since.elapsed() < WORKS_FOR);
        !works && !self.is_leaving
    }
}

/// The place of one connection. Clones are the same place.
#[derive(Clone)]
pub struct Place(Arc<Taken>);

struct Taken {
    places: Arc<Places>,
    number: u64,
    end: Arc<Notify>,
}

/// Keeps a connection's place for as long as it lives: its request is being answered.
pub struct Work(Place);

impl Places {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection, unless there is none and none can be made.
    fn take(self: &Arc<Self>, address: IpAddr, bounds: Bounds) -> Option<Place> {
        let mut held = self.held();
        let (mut staying, mut here, mut leaving) = (0, 0, 0);
        for connection in held.connections.values() {
            staying += usize::from(!connection.is_leaving);
            leaving += usize::from(connection.is_leaving);
            here += usize::from(!connection.is_leaving && connection.address == address);
        }
        let is_crowded = here >= bounds.per_address && !address.to_canonical().is_loopback();
        if is_crowded || staying >= bounds.connections {
            let oldest = held
                .connections
                .values_mut()
                .filter(|known| known.may_go() && (!is_crowded || known.address == address))
                .min_by_key(|known| known.last)
                .filter(|_| leaving < bounds.connections.div_ceil(SHARE_LEAVING))?;
            oldest.is_leaving = true;
            oldest.end.notify_one();
        }
        held.moment += 1;
        let (number, end) = (held.moment, Arc::<Notify>::default());
        let connection = Connection {
            address,
            last: number,
            works: None,
            is_leaving: false,
            end: end.clone(),
        };
        held.connections.insert(number, connection);
        Some(Place(Arc::new(Taken {
            places: self.clone(),
            number,
            end,
        })))
    }
}

impl Place {
    /// Keeps the place while a request is answered, which is known by now to be whole.
    pub fn work(&self) -> Work {
        self.mark(Some(Instant::now()));
        Work(self.clone())
    }

    fn mark(&self, works: Option<Instant>) {
        let mut held = self.0.places.held();
        held.moment += 1;
        let moment = held.moment;
        if let Some(connection) = held.connections.get_mut(&self.0.number) {
            connection.last = moment;
            connection.works = works;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.mark(None);
    }
}

impl Work {
    /// Keeps the place until an answer that comes in pieces is over.
    pub fn until_the_end_of(self, response: Response) -> Response {
        if response.headers().contains_key(header::CONTENT_LENGTH)
            || axum::body::HttpBody::size_hint(response.body())
                .exact()
                .is_some()
        {
            return response;
        }
        response.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |piece| {
                let _ = &self;
                piece
            }))
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.places.held().connections.remove(&self.number);
    }
}

/// Serves until `stop` ends; requests that run are finished. A connection for which there is no place is closed at once.
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
    let router = TowerToHyperService::new(router);
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
        let (router, own) = (router.clone(), place.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(own.clone());
            router.call(request)
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                // How it ended is the other side's to know.
                _ = connection => {}
                () = place.0.end.notified() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(STOP_WITHIN, graceful.shutdown()).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::{extract::Extension, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Semaphore, oneshot},
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

    struct Served {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        served: tokio::task::JoinHandle<io::Result<()>>,
    }

    impl Served {
        async fn begin(connections: usize, head_within: Duration, router: Router) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let bounds = Bounds {
                connections,
                per_address: connections,
                head_within,
            };
            let served = tokio::spawn(serve(listener, router, bounds, async {
                let _ = stopped.await;
            }));
            Self {
                address,
                stop,
                served,
            }
        }

        async fn end(self) {
            self.stop.send(()).unwrap();
            self.served.await.unwrap().unwrap();
        }

        /// A connection that has written this.
        async fn begun(&self, with: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(with.as_bytes()).await.unwrap();
            stream
        }
    }

    #[tokio::test]
    async fn slow_connections_are_ended_and_keep_nobody_out() {
        let router = Router::new().route("/", get(|| async { "well" }));
        let served = Served::begin(8, Duration::from_millis(300), router).await;
        let mut slow = Vec::new();
        for _ in 0..8 {
            slow.push(served.begun("GET / HT").await);
        }
        // The ninth has the place of the one that is slow for longest.
        assert!(answer(served.address).await.contains("well"));
        for stream in &mut slow {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains("well"));
        }
        assert!(answer(served.address).await.contains("well"));
        served.end().await;
    }

    #[tokio::test]
    async fn what_is_being_answered_keeps_its_place_and_one_beyond_the_bounds_is_turned_away() {
        let (go_on, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let waits = {
            let (go_on, begun) = (go_on.clone(), begun.clone());
            move |Extension(place): Extension<Place>| async move {
                let work = place.work();
                begun.add_permits(1);
                let first = futures_util::stream::once(async { Ok::<_, io::Error>("first ") });
                let second = futures_util::stream::once(async move {
                    let _ = go_on.acquire().await;
                    Ok("second")
                });
                work.until_the_end_of(Response::new(Body::from_stream(first.chain(second))))
            }
        };
        let router = Router::new()
            .route("/", get(|| async { "well" }))
            .route("/waits", get(waits));
        let served = Served::begin(2, Duration::from_secs(60), router).await;
        let request = "GET /waits HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut both = [served.begun(request).await, served.begun(request).await];
        let _ = begun.acquire_many(2).await.unwrap();
        assert_eq!(answer(served.address).await, "");
        go_on.add_permits(1);
        for stream in &mut both {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert!(text.contains("first") && text.contains("second"), "{text}");
        }
        assert!(answer(served.address).await.contains("well"));
        served.end().await;
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
        let work = held.each_ref().map(|place| place.as_ref().unwrap().work());
        assert!(places.take(stranger, bounds).is_none());
        let more = [places.take(own, bounds), places.take(own, bounds)];
        assert!(more.iter().all(Option::is_some));
        let working = more.each_ref().map(|place| place.as_ref().unwrap().work());
        assert!(places.take(own, bounds).is_none());
        drop(work);
        // A stranger's third has the place of a stranger's first.
        let third = places.take(stranger, bounds);
        assert!(third.is_some());
        let is_leaving = |place: &Option<Place>| {
            let number = place.as_ref().unwrap().0.number;
            places.held().connections[&number].is_leaving
        };
        assert_eq!(held.each_ref().map(is_leaving), [true, false]);
        drop((third, working));
    }
}
