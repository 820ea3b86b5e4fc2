//! `fitment-runner --probe-confinement`: a confined runner that tries what it must not be able to do, and says what it could. It takes
//! no frames and runs no guest; tests and people ask it.

use std::io::Error;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use libc::c_long;
use rustix::process::{Pid, getppid, test_kill_process};

/// Tries everything and returns a line for each: `refused NAME (why)` or `DONE NAME`. The paths are tried for reading and for writing;
/// `inherited` are the descriptors that it still has of whoever started it.
pub fn lines(paths: &[String], inherited: &[i32]) -> Vec<String> {
    let mut lines: Vec<String> = ordinary().into_iter().map(|(name, done)| line(name, done)).collect();
    let closed = || Err(Error::other("all were closed before anything was opened"));
    lines.push(line("a descriptor of whoever started it", if inherited.is_empty() { closed() } else { Ok(()) }));
    lines.extend(calls().into_iter().map(|(name, number, arguments)| line(name, call(number, arguments))));
    for path in paths {
        lines.push(line(&format!("read {path}"), std::fs::read(path).map(drop)));
        lines.push(line(&format!("list {path}"), std::fs::read_dir(path).map(drop)));
        lines.push(line(&format!("write {path}"), std::fs::write(path, b"x")));
        lines.push(line(&format!("remove {path}"), std::fs::remove_file(path)));
        lines.push(line(&format!("connect {path}"), UnixStream::connect(path).map(drop)));
    }
    lines
}

fn line(name: &str, done: Result<(), Error>) -> String {
    match done {
        Ok(()) => format!("DONE {name}"),
        Err(why) => format!("refused {name} ({why})"),
    }
}

type Tried = Vec<(&'static str, Result<(), Error>)>;

fn ordinary() -> Tried {
    let parent = || test_kill_process(getppid().unwrap_or(Pid::INIT)).map_err(Error::from);
    vec![
        ("a thread", std::thread::Builder::new().spawn(|| ()).map(drop)),
        ("a program", Command::new("/bin/true").status().map(drop)),
        ("a connection", TcpStream::connect("127.0.0.1:1").map(drop).or_else(refused_by_the_other_side)),
        ("a listener", TcpListener::bind("127.0.0.1:0").map(drop)),
        ("a datagram", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("a local socket", UnixDatagram::unbound().map(drop)),
        ("a signal", parent()),
        ("a new file", std::fs::write("/tmp/fitment-probe", b"x")),
        ("figures of the kernel", std::fs::read("/proc/stat").map(drop)),
        ("mounts", std::fs::read("/proc/self/mountinfo").map(drop)),
        ("a device of the system", std::fs::read_dir("/sys/class/net").map(drop)),
        ("names of accounts", std::fs::read("/etc/passwd").map(drop)),
        ("the secrets of accounts", std::fs::read("/etc/shadow").map(drop)),
        ("the environment of another", std::fs::read("/proc/1/environ").map(drop)),
        ("programs of the system", std::fs::read_dir("/usr/bin").map(drop)),
    ]
}

/// Nobody listens there: whoever hears that has asked the network.
fn refused_by_the_other_side(error: Error) -> Result<(), Error> {
    if error.kind() == std::io::ErrorKind::ConnectionRefused { Ok(()) } else { Err(error) }
}

/// Calls whose arguments are none: where they are let through they fail in another way than by EPERM, or by ENOSYS where the C library
/// is to take another one.
fn calls() -> Vec<(&'static str, c_long, [c_long; 2])> {
    let nobody = -1;
    vec![
        ("ptrace", libc::SYS_ptrace, [nobody, nobody]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [nobody, 0]),
        ("bpf", libc::SYS_bpf, [nobody, 0]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [0, 0]),
        ("keyctl", libc::SYS_keyctl, [nobody, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [nobody, 0]),
        ("perf_event_open", libc::SYS_perf_event_open, [0, 0]),
        ("unshare", libc::SYS_unshare, [libc::CLONE_NEWUSER as c_long, 0]),
        ("setns", libc::SYS_setns, [nobody, 0]),
        ("mount", libc::SYS_mount, [0, 0]),
        ("kexec_load", libc::SYS_kexec_load, [nobody, 0]),
        ("setresuid", libc::SYS_setresuid, [nobody, nobody]),
        ("personality", libc::SYS_personality, [0xffff_ffff, 0]),
        ("ioctl", libc::SYS_ioctl, [nobody, 0]),
        ("execve", libc::SYS_execve, [0, 0]),
        ("pidfd_open", libc::SYS_pidfd_open, [nobody, 0]),
        ("openat2", libc::SYS_openat2, [nobody, 0]),
        ("mknodat", libc::SYS_mknodat, [nobody, 0]),
        ("fchmod", libc::SYS_fchmod, [nobody, 0]),
        ("truncate", libc::SYS_truncate, [0, 0]),
    ]
}

#[expect(unsafe_code, reason = "no safe function makes a call that must fail")]
fn call(number: c_long, [first, second]: [c_long; 2]) -> Result<(), Error> {
    // SAFETY: none of the calls gets an address that it could read or write: pointers are null, descriptors and processes are none.
    let returned = unsafe { libc::syscall(number, first, second, 0 as c_long, 0 as c_long, 0 as c_long) };
    let error = Error::last_os_error();
    let is_refused = returned == -1 && matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS));
    if is_refused { Err(error) } else { Ok(()) }
}
