/* The watching engine: the kernel tells a watcher of each call before it is made (seccomp user notification), whoever
   makes it: static programs, Go, children, what a launcher starts.

   watch CONTROL COMMAND...     becomes the command, watched by a process of its group
   watch --try FILE             whether this machine allows it: exit code 0, or what is in the way and exit code 1

   The watcher shares the table of descriptors with the command until it has the kernel's listener, so that it needs no
   right over it. It is nobody's child: a command that waits for its children does not wait for it. */
#include "counted.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "this engine knows x86-64 and ARM64"
#endif

#define MOST_PARTS 64
#define MOST_BYTES (1 << 20)

static const int numbers[] = {
    SYS_write, SYS_pwrite64, SYS_writev, SYS_pwritev, SYS_pwritev2, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_truncate,
    SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_linkat, SYS_sendfile, SYS_copy_file_range, SYS_sendto, SYS_sendmsg,
    SYS_io_uring_setup,
#ifdef SYS_rename
    SYS_rename, SYS_unlink, SYS_link, SYS_rmdir,
#endif
};
#define WATCHED (sizeof numbers / sizeof *numbers)

struct handshake { _Atomic int listener, taken, failed; };

static int install(void) {
    struct sock_filter f[WATCHED + 16];
    int n = 0;
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < WATCHED; i++) /* to the last but one line behind them */
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], (unsigned char)(WATCHED - i - 1 + 6), 0);
    /* of mappings only those that are shared and can be written */
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3]));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 2);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 1, 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {(unsigned short)n, f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    return listener < 0 ? -errno : listener;
}

#define PATIENCE 20 /* seconds */

static int wait_for(_Atomic int *word, int before) {
    struct timespec second = {1, 0};
    for (int i = 0; i < PATIENCE && atomic_load(word) == before; i++)
        syscall(SYS_futex, word, FUTEX_WAIT, before, &second, NULL, 0);
    return atomic_load(word) != before;
}
static void tell(_Atomic int *word, int value) {
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* --- reading what a call is about */

static int path_of(uint32_t pid, const char *what, long fd, char *path) {
    char link[64];
    if (what) snprintf(link, sizeof link, "/proc/%u/%s", pid, what);
    else snprintf(link, sizeof link, "/proc/%u/fd/%d", pid, (int)fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    return n > 0;
}

static ssize_t memory(uint32_t pid, uint64_t from, void *to, size_t n) {
    struct iovec mine = {to, n}, theirs = {(void *)(uintptr_t)from, n};
    return process_vm_readv((pid_t)pid, &mine, 1, &theirs, 1, 0);
}

/* A string may end before a page that is not there. */
static int text(uint32_t pid, uint64_t from, char *to) {
    size_t done = 0;
    while (done < PATH_MAX - 1) {
        size_t page = 4096 - ((from + done) & 4095), want = page < PATH_MAX - 1 - done ? page : PATH_MAX - 1 - done;
        ssize_t n = memory(pid, from + done, to + done, want);
        if (n <= 0) break;
        if (memchr(to + done, 0, (size_t)n)) return 1;
        done += (size_t)n;
    }
    to[done] = 0;
    return 0;
}

static int resolved(struct control *c, uint32_t pid, int folder, uint64_t given, char *path) {
    char said[PATH_MAX], base[PATH_MAX] = "", whole[2 * PATH_MAX + 2], real[PATH_MAX];
    if (!text(pid, given, said)) {
        atomic_fetch_or(&c->remarks, UNREADABLE);
        return 0;
    }
    if (said[0] != '/') path_of(pid, folder == AT_FDCWD ? "cwd" : NULL, folder, base);
    snprintf(whole, sizeof whole, "%s/%s", base, said);
    char *last = strrchr(whole, '/');
    *last = 0;
    if (!realpath(*whole ? whole : "/", real)) snprintf(real, sizeof real, "%.*s", PATH_MAX - 1, whole);
    snprintf(path, 2 * PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", last + 1);
    return 1;
}

static char *bytes;

static int said_in(struct control *c, uint32_t pid, const struct iovec *parts, int n) {
    for (int i = 0; i < n; i++) {
        size_t length = parts[i].iov_len < MOST_BYTES ? parts[i].iov_len : MOST_BYTES;
        ssize_t got = length ? memory(pid, (uint64_t)(uintptr_t)parts[i].iov_base, bytes, length) : 0;
        if (got < 0) atomic_fetch_or(&c->remarks, UNREADABLE);
        if (got > 0 && memmem(bytes, (size_t)got, c->marker, strlen(c->marker))) return 1;
    }
    return 0;
}

static int parts_of(struct control *c, uint32_t pid, uint64_t from, uint64_t n, struct iovec *parts) {
    int most = n < MOST_PARTS ? (int)n : MOST_PARTS;
    if (most && memory(pid, from, parts, (size_t)most * sizeof *parts) < 0) {
        atomic_fetch_or(&c->remarks, UNREADABLE);
        return 0;
    }
    return most;
}

static int64_t sum(const struct iovec *parts, int n) {
    int64_t size = 0;
    for (int i = 0; i < n; i++) size += (int64_t)parts[i].iov_len;
    return size;
}

/* --- one call */

static int on_file(struct control *c, uint32_t pid, uint32_t kind, long fd, int64_t size) {
    char path[PATH_MAX];
    const char *name = path_of(pid, NULL, fd, path) ? of_store(c, path) : NULL;
    return name ? counted(c, kind, name, size, pid) : 0;
}

static int on_any(struct control *c, uint32_t pid, uint32_t kind, long fd, const struct iovec *parts, int n) {
    char path[PATH_MAX];
    if (!path_of(pid, NULL, fd, path)) return 0;
    if (path[0] == '/') return kind == ANSWER ? 0 : on_file(c, pid, kind, fd, sum(parts, n));
    if (strncmp(path, "socket:", 7) && strncmp(path, "pipe:", 5)) return 0;
    return c->marker[0] && said_in(c, pid, parts, n) && counted(c, ANSWER, "answer", sum(parts, n), pid);
}

static int on_path(struct control *c, uint32_t pid, uint32_t kind, int folder, uint64_t given, int other, uint64_t also) {
    char path[2 * PATH_MAX];
    const char *name = resolved(c, pid, folder, given, path) ? of_store(c, path) : NULL;
    if (!name && also && resolved(c, pid, other, also, path)) name = of_store(c, path);
    return name ? counted(c, kind, name, 0, pid) : 0;
}

static int on_call(struct control *c, const struct seccomp_notif *q) {
    const __u64 *a = q->data.args;
    uint32_t pid = q->pid;
    struct iovec parts[MOST_PARTS] = {{(void *)(uintptr_t)a[1], a[2]}};
    struct msghdr message;
    char path[PATH_MAX];
    switch (q->data.nr) {
    case SYS_write: return on_any(c, pid, WRITE, (long)a[0], parts, 1);
    case SYS_sendto: return on_any(c, pid, ANSWER, (long)a[0], parts, 1);
    case SYS_writev: return on_any(c, pid, WRITEV, (long)a[0], parts, parts_of(c, pid, a[1], a[2], parts));
    case SYS_pwritev:
    case SYS_pwritev2: return on_file(c, pid, PWRITEV, (long)a[0], sum(parts, parts_of(c, pid, a[1], a[2], parts)));
    case SYS_sendmsg:
        if (memory(pid, a[1], &message, sizeof message) < 0) return 0;
        return on_any(c, pid, ANSWER, (long)a[0], parts,
                      parts_of(c, pid, (uint64_t)(uintptr_t)message.msg_iov, message.msg_iovlen, parts));
    case SYS_pwrite64: return on_file(c, pid, PWRITE, (long)a[0], (int64_t)a[2]);
    case SYS_fsync: return on_file(c, pid, FSYNC, (long)a[0], 0);
    case SYS_fdatasync: return on_file(c, pid, FDATASYNC, (long)a[0], 0);
    case SYS_ftruncate: return on_file(c, pid, FTRUNCATE, (long)a[0], (int64_t)a[1]);
    case SYS_sendfile: return on_file(c, pid, COPY, (long)a[0], (int64_t)a[3]);
    case SYS_copy_file_range: return on_file(c, pid, COPY, (long)a[2], (int64_t)a[4]);
    case SYS_truncate: return on_path(c, pid, FTRUNCATE, AT_FDCWD, a[0], 0, 0);
    case SYS_renameat:
    case SYS_renameat2: return on_path(c, pid, RENAME, (int)a[2], a[3], (int)a[0], a[1]);
    case SYS_unlinkat: return on_path(c, pid, UNLINK, (int)a[0], a[1], 0, 0);
    case SYS_linkat: return on_path(c, pid, LINK, (int)a[2], a[3], 0, 0);
#ifdef SYS_rename
    case SYS_rename: return on_path(c, pid, RENAME, AT_FDCWD, a[1], AT_FDCWD, a[0]);
    case SYS_unlink: return on_path(c, pid, UNLINK, AT_FDCWD, a[0], 0, 0);
    case SYS_rmdir: return on_path(c, pid, UNLINK, AT_FDCWD, a[0], 0, 0);
    case SYS_link: return on_path(c, pid, LINK, AT_FDCWD, a[1], 0, 0);
#endif
    case SYS_io_uring_setup: atomic_fetch_or(&c->remarks, URING); return 0;
    case SYS_mmap:
        if (path_of(pid, NULL, (long)a[4], path) && of_store(c, path)) atomic_fetch_or(&c->remarks, MAPPED);
        return 0;
    default: return 0;
    }
}

/* --- watching */

static void watch(struct control *c, int listener, pid_t group) {
    struct seccomp_notif_sizes sizes;
    struct pollfd polled = {listener, POLLIN, 0};
    uint64_t standing = 0; /* the call that stands still, by its thread and registers */
    bytes = malloc(MOST_BYTES);
    if (!bytes || syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes)) return;
    struct seccomp_notif *asked = calloc(1, sizes.seccomp_notif + sizeof *asked);
    struct seccomp_notif_resp *answer = calloc(1, sizes.seccomp_notif_resp + sizeof *answer);
    while (asked && answer && (poll(&polled, 1, -1) >= 0 || errno == EINTR)) {
        if (!(polled.revents & POLLIN)) {
            if (polled.revents) return; /* nobody is left who is watched */
            continue;
        }
        memset(asked, 0, sizes.seccomp_notif);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, asked)) continue; /* it has died meanwhile */
        int found = 0;
        uint64_t who = (uint64_t)asked->pid << 32 | (uint32_t)asked->data.nr;
        if (standing && who == standing) { /* it was let go on: the kernel begins that call anew */
            standing = 0;
            atomic_store(&c->released, 1);
        } else if ((found = on_call(c, asked)) == 1) {
            if (!standing) standing = who;
            kill(-group, SIGSTOP); /* us too: what is asked meanwhile waits */
            continue;
        }
        memset(answer, 0, sizes.seccomp_notif_resp);
        answer->id = asked->id;
        if (found == 1 + FAIL) answer->error = -c->error;
        else answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
    }
}

static void close_others(int kept) {
    for (int fd = sysconf(_SC_OPEN_MAX) < 65536 ? (int)sysconf(_SC_OPEN_MAX) : 65536; fd >= 0; fd--)
        if (fd != kept) close(fd);
}

/* Fork a grandchild that shares our descriptors until it has the listener. */
static void begin_watching(struct control *c, struct handshake *shaken) {
    pid_t group = getpgrp();
    long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child) {
        int status = 0;
        if (child < 0 || waitpid((pid_t)child, &status, 0) < 0 || status) atomic_store(&shaken->failed, EAGAIN);
        return;
    }
    long grandchild = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (grandchild) _exit(grandchild < 0);
    if (!wait_for(&shaken->listener, -1)) _exit(1);
    int listener = atomic_load(&shaken->listener);
    if (listener < 0 || unshare(CLONE_FILES)) _exit(1);
    close_others(listener);
    tell(&shaken->taken, 1);
    watch(c, listener, group);
    _exit(0);
}

static int watched(struct control *c) {
    struct handshake *shaken = mmap(NULL, sizeof *shaken, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shaken == MAP_FAILED) return errno;
    atomic_store(&shaken->listener, -1);
    begin_watching(c, shaken);
    if (atomic_load(&shaken->failed)) return atomic_load(&shaken->failed);
    int listener = install();
    tell(&shaken->listener, listener < 0 ? -2 : listener);
    if (listener < 0) return -listener;
    if (!wait_for(&shaken->taken, 0)) return ETIMEDOUT;
    close(listener);
    return 0;
}

int main(int n, char **said) {
    int trying = n == 3 && !strcmp(said[1], "--try");
    struct control *c = n >= 3 ? attached(said[trying ? 2 : 1]) : NULL;
    if (!c) {
        fprintf(stderr, "watch: %s is no control file\n", n >= 3 ? said[1] : "nothing");
        return 125;
    }
    int failed = watched(c);
    if (failed) {
        fprintf(stderr, "%s\n", strerror(failed));
        return trying ? 1 : 125;
    }
    if (trying) {
        if (fsync(open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))) return 1;
        return atomic_load(&c->count) == 1 ? 0 : 1;
    }
    execvp(said[2], said + 2);
    fprintf(stderr, "%s cannot be started: %s\n", said[2], strerror(errno));
    return 127;
}
