//! A real PostgreSQL server for tests: its own directory, a free port on the loopback interface,
//! stopped when dropped.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The user that runs the server where the test runs as root, which PostgreSQL refuses.
const USER: &str = "postgres";
/// Another process may take a free port before the server does.
const PORT_TRIES: u32 = 5;

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    bin: PathBuf,
    data: PathBuf,
    port: u16,
    as_user: bool,
}

impl PostgresServer {
    /// Creates a cluster in `directory` (an empty one of the test's own) and starts a server on it.
    ///
    /// # Errors
    /// A sentence on what is missing or went wrong.
    pub fn start(directory: &Path) -> Result<Self, String> {
        let bin = find_bin()?;
        let as_user = directory.metadata().map_err(|error| error.to_string())?.uid() == 0;
        let data = directory.join("data");
        std::fs::create_dir_all(&data).map_err(|error| error.to_string())?;
        if as_user {
            let (uid, gid) = user_ids()?;
            for path in [directory, &data] {
                chown(path, Some(uid), Some(gid)).map_err(|error| format!("chown {}: {error}", path.display()))?;
            }
        }
        let mut server = Self { bin, data, port: 0, as_user };
        let data = server.data.display().to_string();
        server.run("initdb", &["-D", &data, "-U", "hub", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])?;
        let mut last = String::new();
        for _ in 0..PORT_TRIES {
            server.port = free_port()?;
            match server.restart() {
                Ok(()) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The URL of its `postgres` database.
    pub fn url(&self) -> String {
        format!("host=127.0.0.1 port={} user=hub dbname=postgres", self.port)
    }

    /// Stops it at once, as a crash does: clients lose their connections.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn stop(&self) -> Result<(), String> {
        self.run("pg_ctl", &["-D", &self.data.display().to_string(), "-m", "immediate", "-w", "stop"])
    }

    /// Starts it on the same port and data.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn restart(&self) -> Result<(), String> {
        let data = self.data.display().to_string();
        let log = self.data.join("server.log").display().to_string();
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
        self.run("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "start"])
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let program_path = self.bin.join(program);
        let mut command = if self.as_user {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups"]);
            command.arg(&program_path);
            command
        } else {
            Command::new(&program_path)
        };
        // The server outlives the command: it must not hold the command's pipes open.
        let log = std::fs::File::create(self.data.with_extension("log")).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .status()
            .map_err(|error| format!("{program}: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
        Err(format!("{program} ended with {status}: {said}"))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Stopped already is as good.
        let _ = self.stop();
    }
}

/// The folder with `initdb`: of the newest version installed, or on the path.
fn find_bin() -> Result<PathBuf, String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max();
    if let Some((_, bin)) = newest {
        return Ok(bin);
    }
    std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .find(|bin| bin.join("initdb").exists())
        .ok_or_else(|| "PostgreSQL is not installed: apt-get install postgresql".to_owned())
}

fn user_ids() -> Result<(u32, u32), String> {
    let users = std::fs::read_to_string("/etc/passwd").map_err(|error| error.to_string())?;
    let line = users.lines().find(|line| line.split(':').next() == Some(USER));
    let mut fields = line.ok_or_else(|| format!("there is no user {USER}"))?.split(':').skip(2);
    let mut id = || fields.next().and_then(|field| field.parse().ok()).ok_or_else(|| "a bad /etc/passwd".to_owned());
    Ok((id()?, id()?))
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
