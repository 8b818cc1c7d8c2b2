//! Attacks whose page is served (`mcpdump web`): its memory is bounded while it is asked for, and
//! the page is whole.

use std::process::Stdio;
use std::thread;

use super::wire::Wire;
use super::{MIB, run};
use crate::support::web::Web;

/// The most memory, in MiB.
const MEMORY: u64 = 256;

/// Serves the page of an attack of size `n`, asks for it all the time, and checks what it held.
pub(crate) fn check(name: &str, attack: fn(&mut Wire, usize), n: usize) {
    let mut web = Web::start_with(&["--security", "-"], Stdio::piped());
    let (input, process) = (web.child.stdin.take().unwrap(), web.child.id());
    let writing = thread::spawn(move || {
        let mut wire = Wire::new(Box::new(input));
        attack(&mut wire, n);
        wire.end();
    });
    let mut pages = 0;
    for (event, _) in web.updates() {
        let page = web.page();
        assert!(page.ends_with("</html>\n") && page.contains("id=\"summary\""), "{name} of {n}");
        pages += 1;
        if event == "end" {
            break;
        }
    }
    writing.join().unwrap();
    let peak = run::resident_peak(process).unwrap() / MIB;
    println!("{name:20} web    {n:>8} {peak:>6} MiB  {pages}");
    assert!(peak <= MEMORY + super::build() / MIB, "{name} of {n} took {peak} MiB in a browser");
}
