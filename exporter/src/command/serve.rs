//! `ictus serve`.

use clap::Args;

use super::{Merge, input::Input, signals};
use crate::{
    error::Result,
    http::{Address, Listen, Server},
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
}

impl Serve {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        let source = self.input.awaited(merge).with_native(self.native);
        let (stop, _signals) = signals::stop()?;
        let server = Server::start(source, self.listen)?;
        let directory = self.input.directory.display();
        match server.address() {
            Address::Tcp(address) => tell(&format_args!("serving {directory} at http://{address}/metrics")),
            unix @ Address::Unix(_) => tell(&format_args!("serving {directory} at {unix}, path /metrics")),
        }
        stop.wait();
        server.stop();
        Ok(0)
    }
}
