//! `ictus serve`.

use clap::Args;

use super::{Merge, input::Input, secure::Secure, signals};
use crate::{
    error::Result,
    http::{Address, Listen, Security, Server},
    terminal::tell,
};

#[derive(Args, Debug)]
pub(super) struct Serve {
    #[command(flatten)]
    input: Input,
    /// Where to listen: HOST:PORT (0.0.0.0 or [::] for all interfaces), or unix:PATH for a socket
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: Listen,
    /// Add native histograms for whoever asks for protobuf; ?native=0 leaves them out
    #[arg(long)]
    native: bool,
    /// A name by which clients may call the endpoint, besides addresses and localhost; may be given again. Without
    /// any, an endpoint on a loopback address answers to no other, and one elsewhere to all
    #[arg(long = "allow-host", value_name = "NAME", env = "ICTUS_ALLOWED_HOSTS", value_delimiter = ',')]
    allowed_hosts: Vec<String>,
    #[command(flatten)]
    secure: Secure,
}

impl Serve {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        let source = self.input.awaited(merge).with_native(self.native);
        let security = self.secure.open()?;
        let scheme = if security.as_ref().is_some_and(Security::is_tls) { "https" } else { "http" };
        let reload = security.clone().map(|security| move || said(security.reload()));
        let (stop, _signals) = signals::stop(reload)?;
        let listen = self.listen.with_allowed_hosts(self.allowed_hosts);
        let server = Server::start_secured(source, listen, security)?;
        let directory = self.input.directory.display();
        match server.address() {
            Address::Tcp(address) => {
                tell(&format_args!("serving {directory} at {scheme}://{address}/metrics"))
            }
            unix @ Address::Unix(_) => tell(&format_args!("serving {directory} at {unix}, path /metrics")),
        }
        stop.wait();
        server.stop();
        Ok(0)
    }
}

fn said(reloaded: Result<()>) {
    match reloaded {
        Ok(()) => tell(&"certificates and credentials are read again"),
        Err(error) => tell(&error),
    }
}
