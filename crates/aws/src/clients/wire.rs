//! The real clients against a listener that answers as a test tells it to: what goes over the wire, and how often.

use super::{ATTEMPTS, Access, Clients, one_http_client};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use topology::Place;

/// What becomes of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// HTTP 200 with this body.
    Ok(&'static str),
    /// EC2's error of this code.
    Refused(&'static str),
    /// The error of this code, as RDS and the other services of the Query protocol answer it.
    RefusedQuery(&'static str),
    /// The connection ends without one byte of an answer: whoever called cannot know whether it was carried out.
    Lost,
}

/// An EC2 that carries out a script, call by call.
pub(crate) struct Wire {
    /// Clients that call it, and try again as in production.
    pub(crate) clients: Clients,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    /// Answers the calls that come with these replies, in order; what comes after them is [`Reply::Lost`].
    pub(crate) fn answering(script: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(vec![]));
        let (noted, script) = (calls.clone(), script.to_vec());
        // Ends with the test's process: it waits in `accept` and holds nothing.
        std::thread::spawn(move || {
            let mut script = script.into_iter();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let Some(body) = request(&connection) else { continue };
                noted.lock().unwrap().push(body);
                answer(&mut connection, script.next().unwrap_or(Reply::Lost));
            }
        });
        Self { clients: Self::elsewhere(&endpoint), calls }
    }

    /// Clients that call another endpoint, and try again as in production.
    pub(crate) fn elsewhere(endpoint: &str) -> Clients {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(endpoint)
            .http_client(one_http_client())
            .retry_config(
                RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(1)),
            )
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")))
            .build();
        Clients::over(Place::new("111122223333", "eu-west-1"), config, Access::Full)
    }

    /// The bodies of the calls that arrived, oldest first.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// The actions of the calls that arrived, oldest first.
    pub(crate) fn actions(&self) -> Vec<String> {
        let action = |body: String| {
            let found = body.split('&').find_map(|pair| pair.strip_prefix("Action=").map(ToOwned::to_owned));
            found.unwrap_or(body)
        };
        self.calls().into_iter().map(action).collect()
    }
}

/// The body of the one request that a connection carries.
fn request(connection: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn answer(connection: &mut TcpStream, reply: Reply) {
    let (status, body) = match reply {
        Reply::Ok(body) => ("200 OK", body.to_owned()),
        Reply::Refused(code) => {
            let error = format!("<Code>{code}</Code><Message>said EC2</Message>");
            ("400 Bad Request", format!("<Response><Errors><Error>{error}</Error></Errors></Response>"))
        }
        Reply::RefusedQuery(code) => {
            let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>said AWS</Message>");
            ("400 Bad Request", format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"))
        }
        Reply::Lost => return,
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/xml\r\nconnection: close\r\n");
    // Who hung up before the answer has lost it, as on any network.
    _ = write!(connection, "{head}content-length: {}\r\n\r\n{body}", body.len());
}
