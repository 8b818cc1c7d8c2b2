//! What a service manager is told (`sd_notify`, systemd): when the capture has started, and when it
//! ends.

#[cfg(unix)]
use std::os::unix::net::UnixDatagram;

/// The variable that names the socket of the service manager.
#[cfg(unix)]
const SOCKET: &str = "NOTIFY_SOCKET";

/// Whether a service manager waits for messages. It asks for a reload with SIGHUP.
#[cfg(unix)]
pub(super) fn is_managed() -> bool {
    std::env::var_os(SOCKET).is_some_and(|name| !name.is_empty())
}

/// The connection to a service manager, if the process is a service.
#[derive(Debug, Default)]
pub(super) struct Manager {
    #[cfg(unix)]
    socket: Option<UnixDatagram>,
}

impl Manager {
    /// Connects to the service manager, before the sandbox is entered.
    #[cfg(unix)]
    pub(super) fn connect() -> Self {
        let name = std::env::var_os(SOCKET).filter(|name| !name.is_empty());
        Self { socket: name.and_then(|name| connected(&name).ok()) }
    }

    /// This system has no service manager that is supported.
    #[cfg(not(unix))]
    pub(super) fn connect() -> Self {
        Self::default()
    }

    /// Tells that the service has started.
    pub(super) fn ready(&self) {
        self.send("READY=1");
    }

    /// Tells that the service ends.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    #[cfg(unix)]
    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen needs no message.
            drop(socket.send(message.as_bytes()));
        }
    }

    #[cfg(not(unix))]
    fn send(&self, _: &str) {}
}

/// Connects to a socket in the file system, or to an abstract one, whose name begins with `@`.
#[cfg(unix)]
fn connected(name: &std::ffi::OsStr) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;

        if let Some(name) = name.as_bytes().strip_prefix(b"@") {
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)?;
            return Ok(socket);
        }
    }
    socket.connect(name)?;
    Ok(socket)
}
