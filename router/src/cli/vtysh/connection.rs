//! The shell's side of the socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use super::super::exec::Status;
use super::super::server::{OWN, SOCKET, STOP};
use super::options::{Options, known_daemon};
use crate::sys::terminal;

/// A connection to the router.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    closed: bool,
}

impl Connection {
    /// Connects as the options say; the error is what to print.
    pub fn open(options: &Options) -> Result<Connection, String> {
        let folder = options.sockets();
        let name = match &options.daemon {
            None => SOCKET.to_owned(),
            Some(daemon) if known_daemon(daemon) => format!("{daemon}.vty"),
            Some(daemon) => {
                return Err(format!(
                    "Error: no daemons match name {daemon}!\nExiting: failed to connect to any daemons."
                ));
            }
        };
        match UnixStream::connect(folder.join(name)) {
            Ok(stream) => {
                let mut connection = Connection { stream, closed: false };
                match connection.execute_own("hello") {
                    Ok(said) if said.is_empty() => Ok(connection),
                    // The router says why it does not want us.
                    Ok(said) => Err(said.trim_end().to_owned()),
                    Err(error) => Err(format!("{error}\nExiting: failed to connect to any daemons.")),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(format!("{}: {error}\nExiting: failed to connect to any daemons.", folder.display()))
            }
            Err(_) => Err("Exiting: failed to connect to any daemons.".to_owned()),
        }
    }

    /// Whether the router has ended the session.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Sends a line and passes on what it prints.
    pub fn execute(&mut self, line: &str, out: &mut dyn Write) -> io::Result<Status> {
        let mut request = line.replace('\0', " ").into_bytes();
        request.push(0);
        self.stream.write_all(&request)?;
        let status = self.reply(out, true)?;
        // One that came behind the reply is not about the next.
        terminal::take_interrupt();
        if matches!(line.trim(), "exit" | "quit") {
            self.closed = self.at_end()?;
        }
        Ok(status)
    }

    /// Text up to three NULs; then the status. After ^C the rest of a long reply is not wanted, and not passed on.
    fn reply(&mut self, out: &mut dyn Write, long: bool) -> io::Result<Status> {
        let mut trailer = Vec::with_capacity(4);
        let mut buffer = [0; 16 << 10];
        let mut stopped = false;
        while trailer.len() < 4 {
            if long && !stopped && terminal::take_interrupt() {
                stopped = true;
                self.stream.write_all(&[STOP])?;
            }
            let read = match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let bytes = buffer.get(..read).filter(|b| !b.is_empty()).ok_or(io::ErrorKind::UnexpectedEof)?;
            let text = match trailer.is_empty() {
                true => bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()),
                false => 0,
            };
            let (text, rest) = bytes.split_at(text);
            if !stopped {
                out.write_all(text)?;
            }
            trailer.extend_from_slice(rest);
        }
        Ok(trailer.get(3).map_or(Status::Warning, |status| Status::from_u8(*status)))
    }

    /// Whether the other side has closed. Only asked behind `exit`, when it may have.
    fn at_end(&mut self) -> io::Result<bool> {
        match self.execute_own("place") {
            Ok(_) => Ok(false),
            Err(error) if is_gone(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What stands before the cursor.
    pub fn prompt(&mut self) -> io::Result<String> {
        self.execute_own("prompt")
    }

    /// Asks something that is no command.
    pub fn execute_own(&mut self, request: &str) -> io::Result<String> {
        let mut out = Vec::new();
        let mut line = format!("{OWN}{request}").replace('\0', " ").into_bytes();
        line.push(0);
        self.stream.write_all(&line)?;
        self.reply(&mut out, false)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::UnexpectedEof | K::BrokenPipe | K::ConnectionReset)
}
