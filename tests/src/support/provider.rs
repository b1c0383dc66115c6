//! An identity provider for a scenario: it gives tokens that no key has signed, as Kafka's validator for trials takes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token for `subject` that lives so long.
pub fn jwt(subject: &str, life: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let claims = format!(r#"{{"sub":"{subject}","iat":{now:.3},"exp":{:.3}}}"#, now + life.as_secs_f64());
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims))
}

/// A running provider that knows one client; it ends with the test process.
pub struct Provider {
    /// Where tokens are given.
    pub url: String,
    given: Arc<AtomicUsize>,
}

impl Provider {
    /// Gives tokens for `subject` that live so long to whoever says this name and password.
    pub fn start(client: &str, secret: &str, subject: &str, life: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/token", listener.local_addr().expect("bound"));
        let given = Arc::new(AtomicUsize::new(0));
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{client}:{secret}"));
        let (wanted, subject, count) = (format!("Basic {credentials}"), subject.to_owned(), given.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = match ask(&stream) {
                    Some((authorization, form)) if authorization == wanted && is_right(&form) => {
                        count.fetch_add(1, Ordering::AcqRel);
                        let token = jwt(&subject, life);
                        let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"}}"#);
                        format!(
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                            body.len()
                        )
                    }
                    _ => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                };
                // Who hangs up before the answer gets none.
                drop((&stream).write_all(answer.as_bytes()));
            }
        });
        Self { url, given }
    }

    /// How many tokens it has given.
    pub fn given(&self) -> usize {
        self.given.load(Ordering::Acquire)
    }
}

fn is_right(form: &str) -> bool {
    form.split('&').any(|pair| pair == "grant_type=client_credentials")
        && form.split('&').any(|pair| pair == "scope=kafka+hub")
}

/// The credentials and the form of a request.
fn ask(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).ok()?;
    Some((authorization, String::from_utf8(form).ok()?))
}
