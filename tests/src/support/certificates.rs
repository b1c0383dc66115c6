//! An authority and certificates for a scenario, made by the `openssl` command.

use std::path::Path;
use std::process::{Command, Stdio};

/// An authority of its own; its certificate is `NAME.pem` in the folder.
pub struct Authority<'f> {
    folder: &'f Path,
    name: &'static str,
}

impl<'f> Authority<'f> {
    /// Makes one.
    pub fn new(folder: &'f Path, name: &'static str) -> Self {
        let subject = format!("/CN={name}");
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let key_usage = "keyUsage=critical,keyCertSign";
        openssl(
            folder,
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &subject,
                "-addext",
                key_usage,
                "-keyout",
                &key,
                "-out",
                &certificate,
            ],
        );
        Self { folder, name }
    }

    /// Signs a certificate for a common name that may serve under `localhost`: `NAME.pem`, its key `NAME.key`, and
    /// both after one another in `NAME.both.pem`.
    pub fn sign(&self, name: &str) {
        let (key, request, certificate) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let subject = format!("/CN={name}");
        openssl(
            self.folder,
            &["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out", &request],
        );
        let extensions = self.folder.join("extensions");
        std::fs::write(&extensions, "subjectAltName=DNS:localhost\n").expect("a writable folder");
        let (authority, authority_key) = (format!("{}.pem", self.name), format!("{}.key", self.name));
        openssl(
            self.folder,
            &[
                "x509",
                "-req",
                "-days",
                "2",
                "-in",
                &request,
                "-CA",
                &authority,
                "-CAkey",
                &authority_key,
                "-CAcreateserial",
                "-extfile",
                "extensions",
                "-out",
                &certificate,
            ],
        );
        let read = |file: &str| std::fs::read_to_string(self.folder.join(file)).expect("openssl wrote it");
        let both = format!("{}{}", read(&key), read(&certificate));
        std::fs::write(self.folder.join(format!("{name}.both.pem")), both).expect("a writable folder");
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    let ended = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let ended = ended.expect("openssl is there: sh setup.sh test");
    assert!(ended.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
}
