//! A network between clients and a broker that loses what it is told to lose.

use std::collections::BTreeSet;
use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `EndTxn` in Kafka's protocol.
const END_TXN: i16 = 26;

/// What becomes of the ends of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lose {
    /// They arrive, and are answered.
    Nothing,
    /// The broker never hears of them.
    Requests,
    /// The broker does them, and nobody hears of that.
    Answers,
}

struct State {
    lose: Lose,
    lost: usize,
}

/// Listens for clients, and passes on what they and the broker say.
pub struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Passes everything on to the broker at this port, which is told to clients as this one's.
    pub fn start(broker: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State { lose: Lose::Nothing, lost: 0 }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(broker_side) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                connect(client, broker_side, [broker, port], &shared);
            }
        });
        Self { port, state }
    }

    /// Where clients find it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Loses this from now on.
    pub fn lose(&self, lose: Lose) {
        lock(&self.state).lose = lose;
    }

    /// How much was lost so far.
    pub fn lost(&self) -> usize {
        lock(&self.state).lost
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what both say, until one of them is gone.
fn connect(client: TcpStream, broker: TcpStream, ports: [u16; 2], state: &Arc<Mutex<State>>) {
    // The numbers of requests whose answers are lost.
    let unanswered = Arc::new(Mutex::new(BTreeSet::<[u8; 4]>::new()));
    let clone = |stream: &TcpStream| stream.try_clone().expect("a handle");
    let (from_client, to_client, from_broker, to_broker) = (clone(&client), client, clone(&broker), broker);
    let (state, lost) = (state.clone(), unanswered.clone());
    std::thread::spawn(move || {
        pass_on(from_client, to_broker, |frame| {
            let (Some([key_high, key_low]), Some(number)) = (frame.get(..2), frame.get(4..8)) else { return true };
            if i16::from_be_bytes([*key_high, *key_low]) != END_TXN {
                return true;
            }
            let mut state = lock(&state);
            state.lost += usize::from(state.lose != Lose::Nothing);
            if state.lose == Lose::Answers {
                lock(&lost).insert(number.try_into().expect("four bytes"));
            }
            state.lose != Lose::Requests
        });
    });
    let [of_broker, own] = ports.map(|port| [&b"127.0.0.1"[..], &i32::from(port).to_be_bytes()].concat());
    std::thread::spawn(move || {
        pass_on(from_broker, to_client, |frame| {
            let places: Vec<_> = (0..frame.len()).filter(|at| frame[*at..].starts_with(&of_broker)).collect();
            for at in places {
                frame[at..at + own.len()].copy_from_slice(&own);
            }
            let number = frame.first_chunk::<4>().copied().unwrap_or_default();
            !lock(&unanswered).remove(&number)
        });
    });
}

/// Passes on each message that `look` says yes to.
fn pass_on(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&mut Vec<u8>) -> bool) {
    let mut one = || -> io::Result<()> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut frame)?;
        if look(&mut frame) {
            to.write_all(&[&length[..], &frame].concat())?;
        }
        Ok(())
    };
    while one().is_ok() {}
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
