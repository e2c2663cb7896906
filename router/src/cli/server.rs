//! The server: FRR's own protocol on unix sockets, so that FRR's shell and ours can both attach.
//!
//! A request is a line and a NUL. The reply is text, three NULs, and a status octet; long replies go out as
//! they are made. Each client has a thread, and there are only so many.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::backend::Backend;
use super::exec::{Daemon, Status};
use super::session::{Next, Session};

/// What requests of our own shell that are no commands start with.
pub const OWN: &str = "XROUTER_";

/// The name of our own socket; those of FRR's daemons stand beside it.
pub const SOCKET: &str = "router.vty";

/// What a client sends in the middle of a reply that it wants no more of; the reply ends at once, with its status.
pub const STOP: u8 = 3;

/// Longest request.
const REQUEST: usize = 64 << 10;

/// Octets that are gathered before they are sent.
const CHUNK: usize = 16 << 10;

/// Who may connect, how many, how long.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where the sockets are made.
    pub directory: PathBuf,
    /// Clients at a time.
    pub clients: usize,
    /// A client that says nothing for so long is let go.
    pub idle: Duration,
    /// A client that reads nothing for so long is let go.
    pub stalled: Duration,
    /// Users besides root and our own.
    pub users: Vec<u32>,
    /// Groups.
    pub groups: Vec<u32>,
}

impl ServerOptions {
    /// The usual limits.
    pub fn new(directory: impl Into<PathBuf>) -> ServerOptions {
        ServerOptions {
            directory: directory.into(),
            clients: 64,
            idle: Duration::from_secs(12 * 3600),
            stalled: Duration::from_secs(30),
            users: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// The sockets, and who serves them. Dropping it removes the sockets and lets no new clients in; those that are there
/// finish.
#[derive(Debug)]
pub struct Server {
    options: Arc<ServerOptions>,
    paths: Vec<PathBuf>,
    /// Sockets that nobody serves yet.
    listeners: Vec<(Option<Daemon>, UnixListener)>,
    closing: Arc<AtomicBool>,
}

impl Server {
    /// Makes the sockets. Who connects waits until they are served.
    pub fn bind(options: ServerOptions) -> io::Result<Server> {
        fs::create_dir_all(&options.directory)?;
        let mut server = Server {
            options: Arc::new(options),
            paths: Vec::new(),
            listeners: Vec::new(),
            closing: Arc::default(),
        };
        let daemons = Daemon::ALL.into_iter().map(|d| (format!("{}.vty", d.name()), Some(d)));
        for (name, daemon) in [(SOCKET.to_owned(), None)].into_iter().chain(daemons) {
            let path = server.options.directory.join(name);
            let listener = listen(&path)?;
            server.paths.push(path);
            server.listeners.push((daemon, listener));
        }
        Ok(server)
    }

    /// Starts to answer clients.
    pub fn serve(&mut self, backend: Arc<dyn Backend>) -> io::Result<()> {
        let clients = Arc::new(AtomicUsize::new(0));
        for (daemon, listener) in self.listeners.drain(..) {
            let shared = Shared {
                backend: backend.clone(),
                options: self.options.clone(),
                clients: clients.clone(),
                closing: self.closing.clone(),
            };
            let name = daemon.map_or("vty", Daemon::name);
            thread::Builder::new()
                .name(format!("vty-{name}"))
                .spawn(move || accept(&listener, daemon, &shared))?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        for path in &self.paths {
            // Wakes the thread that waits for clients.
            let _ = UnixStream::connect(path);
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a socket in the place of one that nobody listens on any more.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match UnixStream::connect(path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, path.display().to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => fs::remove_file(path)?,
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

#[derive(Clone)]
struct Shared {
    backend: Arc<dyn Backend>,
    options: Arc<ServerOptions>,
    clients: Arc<AtomicUsize>,
    closing: Arc<AtomicBool>,
}

/// Counts a client for as long as it lives.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(clients: &Arc<AtomicUsize>, most: usize) -> Option<Seat> {
        let taken =
            clients.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < most).then_some(n + 1));
        taken.ok().map(|_| Seat(clients.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn accept(listener: &UnixListener, daemon: Option<Daemon>, shared: &Shared) {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "accepting a shell client");
                thread::sleep(Duration::from_millis(200));
                continue;
            }
        };
        if shared.closing.load(Ordering::Acquire) {
            return;
        }
        let seat = Seat::take(&shared.clients, shared.options.clients);
        let shared = shared.clone();
        let serve = move || {
            if let Err(error) = greet(stream, daemon, seat, &shared) {
                tracing::debug!(%error, "shell client");
            }
        };
        if let Err(error) = thread::Builder::new().name("vty-client".to_owned()).spawn(serve) {
            tracing::warn!(%error, "no thread for a shell client");
        }
    }
}

fn greet(stream: UnixStream, daemon: Option<Daemon>, seat: Option<Seat>, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(shared.options.idle))?;
    stream.set_write_timeout(Some(shared.options.stalled))?;
    let (user, group) = credentials(&stream)?;
    let own = fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(0);
    let options = &shared.options;
    let allowed =
        user == 0 || user == own || options.users.contains(&user) || options.groups.contains(&group);
    let refused = match (allowed, &seat) {
        (false, _) => Some("% Not allowed"),
        (true, None) => Some("% Too many clients"),
        (true, Some(_)) => None,
    };
    match refused {
        Some(why) => {
            let mut stream = stream;
            writeln!(stream, "{why}")?;
            stream.write_all(&[0, 0, 0, Status::Warning as u8])
        }
        None => serve(stream, Session::new(shared.backend.clone(), daemon), options.idle),
    }
}

/// User and group of the other side.
fn credentials(stream: &UnixStream) -> io::Result<(u32, u32)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    let copy = stream.try_clone()?;
    copy.set_nonblocking(true)?;
    let peer = tokio::net::UnixStream::from_std(copy)?.peer_cred()?;
    stream.set_nonblocking(false)?;
    Ok((peer.uid(), peer.gid()))
}

/// The client's socket. Between pieces of a long reply it looks whether the client wants no more of it.
struct Client {
    stream: UnixStream,
    /// What came and was not looked at yet.
    pending: Vec<u8>,
    /// The client wants no more of the reply.
    stopped: bool,
}

impl Client {
    /// Waits for more; false when the client is gone.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let read = self.stream.read(&mut buffer)?;
        self.pending.extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(read > 0)
    }

    /// The next request that is complete. A wish to stop that came behind the reply is none.
    fn request(&mut self) -> Option<String> {
        let end = self.pending.iter().position(|b| *b == 0)?;
        let request: Vec<u8> = self.pending.drain(..=end).filter(|b| ![0, STOP].contains(b)).collect();
        Some(String::from_utf8_lossy(&request).into_owned())
    }

    /// Looks without waiting.
    fn look(&mut self) -> io::Result<()> {
        if self.pending.len() > REQUEST {
            return Ok(());
        }
        let before = self.pending.len();
        self.stream.set_nonblocking(true)?;
        let read = self.read();
        self.stream.set_nonblocking(false)?;
        match read {
            // Who has nothing more to say may still listen.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        self.stopped = self.pending.iter().skip(before).any(|b| *b == STOP);
        Ok(())
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.stopped {
            self.look()?;
        }
        if self.stopped {
            return Err(io::Error::other("the client wants no more"));
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Answers requests until the client goes.
fn serve(stream: UnixStream, mut session: Session, idle: Duration) -> io::Result<()> {
    let client = Client { stream, pending: Vec::new(), stopped: false };
    let mut output = BufWriter::with_capacity(CHUNK, client);
    let mut patient = false;
    while output.get_mut().read()? {
        while let Some(request) = output.get_mut().request() {
            let (status, next) = match session.execute(&request, &mut output) {
                Ok(done) => done,
                Err(_) if output.get_ref().stopped => (Status::Warning, Next::Go),
                Err(error) => return Err(error),
            };
            // Whoever reads a page at a time in our shell may take his time.
            if session.is_greeted() && !patient {
                output.get_ref().stream.set_write_timeout(Some(idle))?;
                patient = true;
            }
            let trailer = [0, 0, 0, status as u8];
            let sent = output.write_all(&trailer).and_then(|()| output.flush());
            if output.get_ref().stopped {
                // What is left of the reply is dropped with the buffer.
                let (mut client, _) = output.into_parts();
                client.stopped = false;
                output = BufWriter::with_capacity(CHUNK, client);
                output.get_mut().stream.write_all(&trailer)?;
            } else {
                sent?;
            }
            if next == Next::Close {
                return Ok(());
            }
        }
        if output.get_ref().pending.len() > REQUEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "request too long"));
        }
    }
    Ok(())
}
