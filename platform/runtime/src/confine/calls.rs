//! System calls, by seccomp(2): what is not named here fails with EPERM. What is asked often is allowed whatever its arguments are, which
//! the kernel looks up in a bitmap instead of running the filter.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::Needs;

/// Memory, pipes, time and an end.
const ALWAYS: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_fcntl,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Files in memory, in which an engine keeps what instances begin with.
    libc::SYS_memfd_create,
    libc::SYS_ftruncate,
    libc::SYS_lseek,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Who it is: libraries rely on it that these never fail.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Threads, and waiting for several pipes at a time.
const THREADS: &[c_long] = &[
    libc::SYS_set_robust_list,
    // A thread may be made to yield to others, never the other way round.
    libc::SYS_getpriority,
    libc::SYS_setpriority,
    libc::SYS_rseq,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// Readings: files, of which landlock says which; opening them is let through apart, for reading alone. No socket of any kind.
const READINGS: &[c_long] = &[
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_pread64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
];

/// Their arguments lie in memory, where no filter can look: the C library and we take `clone` and `openat` where the kernel says that it
/// has no such call.
const ABSENT: &[c_long] = &[libc::SYS_clone3, libc::SYS_openat2];

/// What prctl is for: the names of a thread and of a piece of memory, and giving up new privileges once more.
const PRCTL: [c_int; 3] = [libc::PR_SET_NAME, libc::PR_SET_VMA, libc::PR_SET_NO_NEW_PRIVS];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Lets through what is needed and nothing else, and says so if the kernel cannot.
pub(super) fn filter(needs: Needs) -> Option<String> {
    let applied = program(needs).map_err(|e| e.to_string()).and_then(|(allowed, absent)| {
        apply_filter(&allowed).map_err(|e| e.to_string())?;
        // Later filters come first where both refuse. It is applied by a call that the first one lets through.
        absent.map_or(Ok(()), |absent| apply_filter(&absent).map_err(|e| e.to_string()))
    });
    applied.err().map(|reason| format!("seccomp ({reason})"))
}

/// The list, and for programs with threads the answer to calls that are said to be absent.
fn program(needs: Needs) -> Result<(BpfProgram, Option<BpfProgram>), BackendError> {
    let arch = std::env::consts::ARCH.try_into()?;
    let mut rules: Rules = ALWAYS.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_prlimit64, vec![rule([no_pointer(2)?])?]);
    // A signal to itself, which is how a program aborts.
    rules.insert(libc::SYS_tgkill, vec![rule([equals(0, std::process::id().into())?])?]);
    rules.insert(libc::SYS_prctl, PRCTL.iter().map(|name| rule([equals(0, *name as u64)?])).collect::<Result<_, _>>()?);
    if needs != Needs::Nothing {
        rules.extend(THREADS.iter().map(|call| (*call, Vec::new())));
        let thread = libc::CLONE_THREAD as u64;
        rules.insert(libc::SYS_clone, vec![rule([masked(0, thread, thread)?])?]);
        // For the second filter of the two.
        rules.insert(libc::SYS_seccomp, Vec::new());
    }
    if needs == Needs::Device {
        rules.extend(READINGS.iter().map(|call| (*call, Vec::new())));
        // Also where there is no landlock, and whatever the account may: nothing is opened for writing, made or cut.
        let writes = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) as u64;
        rules.insert(libc::SYS_openat, vec![rule([masked(2, writes, 0)?])?]);
    }
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let allowed = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()?;
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let absent: Rules = ABSENT.iter().map(|call| (*call, Vec::new())).collect();
    let absent = SeccompFilter::new(absent, SeccompAction::Allow, unknown, arch)?.try_into()?;
    Ok((allowed, (needs != Needs::Nothing).then_some(absent)))
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn no_pointer(argument: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}
