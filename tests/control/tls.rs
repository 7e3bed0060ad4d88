//! Certificates: who is let in, as what, and that new ones are taken up.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::served::{Switch, text};

/// An authority, and what it has signed, as files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("it is writable");
        Authority { folder, issuer }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// A certificate for a name, in `FILE.pem` and `FILE.key`.
    fn sign(&self, file: &str, name: &str) {
        sign_into(self.folder.path(), file, name, &self.issuer);
    }
}

fn sign_into(folder: &Path, file: &str, name: &str, issuer: &CertifiedIssuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let write = |extension: &str, text: String| {
        let path: PathBuf = folder.join(format!("{file}.{extension}"));
        std::fs::write(path, text).expect("it is writable");
    };
    write("key", key.serialize_pem());
    write("pem", certificate.pem());
}

fn serving(authority: &Authority, more: &[&str]) -> Switch {
    let (cert, key) = (authority.path("switch.pem"), authority.path("switch.key"));
    Switch::start(&[&["pipelines/l3_router.p4", "--tls-cert", &cert, "--tls-key", &key][..], more].concat())
}

#[test]
fn only_clients_with_a_certificate_of_the_root_are_let_in() {
    let (ours, others) = (Authority::new(), Authority::new());
    ours.sign("switch", "switch.test");
    ours.sign("client", "client.test");
    others.sign("client", "client.test");
    let ca = ours.path("ca.pem");
    let switch = serving(&ours, &["--tls-client-ca", &ca]);
    let as_client = |authority: &Authority| {
        let (cert, key) = (authority.path("client.pem"), authority.path("client.key"));
        let tls = ["--tls-ca", &ca, "--tls-name", "switch.test", "--tls-cert", &cert, "--tls-key", &key];
        switch.tool(&[&["table", "ls"][..], &tls].concat())
    };
    let output = as_client(&ours);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!as_client(&others).status.success());
    assert!(!switch.tool(&["table", "ls", "--tls-ca", &ca, "--tls-name", "switch.test"]).status.success());
    assert!(!switch.tool(&["table", "ls"]).status.success());
    // Garbage, and silence, where TLS is expected.
    let mut tcp = TcpStream::connect(switch.address).expect("it accepts");
    tcp.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("it reads");
    let _silent = TcpStream::connect(switch.address).expect("it accepts");
    assert!(as_client(&ours).status.success());
}

#[test]
fn roles_are_those_of_the_certificates_names() {
    let authority = Authority::new();
    for name in ["switch", "admin", "observer", "stranger"] {
        authority.sign(name, &format!("{name}.test"));
    }
    let ca = authority.path("ca.pem");
    let roles = ["--client-role", "admin.test=", "--client-role", "observer.test=watcher"];
    let switch = serving(&authority, &[&["--tls-client-ca", &ca][..], &roles].concat());
    let add = ["table", "add", "ipv4_route", "dst=10.1.0.0/16", "-a", "to_group", "-p", "group=7"];
    let run = |who: &str, args: &[&str]| {
        let (cert, key) = (authority.path(&format!("{who}.pem")), authority.path(&format!("{who}.key")));
        let tls = ["--tls-ca", &ca, "--tls-name", "switch.test", "--tls-cert", &cert, "--tls-key", &key];
        switch.tool(&[args, &tls].concat())
    };
    for who in ["observer", "stranger"] {
        let output = run(who, &add);
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains("your certificate does not give"), "{}", text(&output.stderr));
        assert!(!run(who, &["port", "rm", "1"]).status.success());
    }
    let output = run("admin", &add);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn certificates_are_read_again_when_their_files_change() {
    let (old, new) = (Authority::new(), Authority::new());
    old.sign("switch", "switch.test");
    let switch = serving(&old, &[]);
    let trusts = |ca: &str| {
        switch.tool(&["table", "ls", "--tls-ca", ca, "--tls-name", "switch.test"]).status.success()
    };
    assert!(trusts(&old.path("ca.pem")));
    // Nobody tells the switch.
    sign_into(old.folder.path(), "switch", "switch.test", &new.issuer);
    let since = std::time::Instant::now();
    while !trusts(&new.path("ca.pem")) {
        assert!(since.elapsed() < crate::served::PATIENCE, "the new certificate is not used");
    }
    assert!(!trusts(&old.path("ca.pem")));
    switch.stop();
}

#[test]
fn new_certificates_are_taken_up_and_broken_ones_are_not() {
    let (old, new) = (Authority::new(), Authority::new());
    old.sign("switch", "switch.test");
    let mut switch = serving(&old, &[]);
    let (old_ca, new_ca) = (old.path("ca.pem"), new.path("ca.pem"));
    let trusts = |switch: &Switch, ca: &str| {
        switch.tool(&["table", "ls", "--tls-ca", ca, "--tls-name", "switch.test"]).status.success()
    };
    assert!(trusts(&switch, &old_ca) && !trusts(&switch, &new_ca));
    std::fs::write(old.path("switch.pem"), "no certificate").expect("it is writable");
    switch.signal("-HUP");
    switch.wait_for("expected a certificate as PEM");
    assert!(trusts(&switch, &old_ca));
    sign_into(old.folder.path(), "switch", "switch.test", &new.issuer);
    switch.signal("-HUP");
    switch.wait_for("the program is reloaded");
    // Certificates come after the program, in the same breath.
    let since = std::time::Instant::now();
    while !trusts(&switch, &new_ca) {
        assert!(since.elapsed() < crate::served::PATIENCE, "the new certificate is not used");
    }
    assert!(!trusts(&switch, &old_ca));
}
