//! HTTP requests whose response arrives in one piece: HTTP/1.0 has no chunked encoding.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use super::programs::WAIT_TIMEOUT;

/// Returns the body of a response. Fails if there is none, or its status is not 200.
pub(crate) fn get(address: SocketAddr, target: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, WAIT_TIMEOUT)?;
    stream.set_read_timeout(Some(WAIT_TIMEOUT))?;
    write!(stream, "GET {target} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(io::Error::other(format!("{target}: {answer}"))),
    }
}

/// Returns the `data` of a response of Prometheus's API.
pub(crate) fn data(address: SocketAddr, path: &str, parameters: &[(&str, &str)]) -> io::Result<Value> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let mut answer: Value = serde_json::from_str(&get(address, &format!("{path}?{query}"))?)?;
    Ok(answer["data"].take())
}
