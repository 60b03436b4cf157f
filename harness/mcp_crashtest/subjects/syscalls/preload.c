/* The preload engine: calls are counted in the program itself, as it asks its C library for them.

   It costs next to nothing, and works in what a fork server forks. What does not ask the C library is not seen: static
   programs, Go, and the C library's own buffered files. */
#include "counted.h"
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct control *_Atomic here;

static struct control *control(void) {
    struct control *c = atomic_load(&here);
    if (c) return c;
    const char *path = getenv("CRASHTEST_CALLS"); /* a fork server has none, and what it forks is given one */
    if (!path || !*path) return NULL;
    int saved = errno;
    c = attached(path);
    errno = saved;
    if (c) atomic_store(&here, c);
    return c;
}

__attribute__((constructor)) static void begin(void) { control(); }

/* The signal goes to this very thread: one to the process is taken by any, and this one would run on. The others stop
   with it; those of them that come to a counted call before they do stand still there. */
static void stand_still(struct control *c) {
    syscall(SYS_kill, 0, SIGSTOP);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
    atomic_store(&c->released, 1);
}

static void note(struct control *c, uint32_t kind, const char *path, int64_t size) {
    int saved = errno;
    const char *name = kind == ANSWER ? path : of_store(c, path);
    if (name && counted(c, kind, name, size, (uint32_t)getpid())) stand_still(c);
    errno = saved;
}

static int path_of(int fd, char *path) {
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    return n > 0 && path[0] == '/';
}

static void on_file(uint32_t kind, int fd, int64_t size) {
    struct control *c = control();
    char path[PATH_MAX];
    int saved = errno;
    if (c && path_of(fd, path)) note(c, kind, path, size);
    errno = saved;
}

static int said_in(struct control *c, const struct iovec *parts, int n) {
    for (int i = 0; i < n; i++)
        if (parts[i].iov_len && memmem(parts[i].iov_base, parts[i].iov_len, c->marker, strlen(c->marker))) return 1;
    return 0;
}

/* A file of the store, or a socket or pipe on which the job's answer goes. */
static void on_any(uint32_t kind, int fd, const struct iovec *parts, int n) {
    struct control *c = control();
    struct stat s;
    int saved = errno;
    if (c && !fstat(fd, &s)) {
        int64_t size = 0;
        for (int i = 0; i < n; i++) size += (int64_t)parts[i].iov_len;
        if (S_ISREG(s.st_mode)) on_file(kind, fd, size);
        else if ((S_ISSOCK(s.st_mode) || S_ISFIFO(s.st_mode)) && c->marker[0] && said_in(c, parts, n))
            note(c, ANSWER, "answer", size);
    }
    errno = saved;
}

static void resolved(int folder, const char *given, char *path) {
    char whole[2 * PATH_MAX], real[PATH_MAX];
    if (given[0] == '/') snprintf(whole, sizeof whole, "%s", given);
    else {
        char base[PATH_MAX] = "";
        if (folder == AT_FDCWD) { if (!getcwd(base, sizeof base)) base[0] = 0; }
        else path_of(folder, base);
        snprintf(whole, sizeof whole, "%s/%s", base, given);
    }
    char *last = strrchr(whole, '/');
    *last = 0;
    if (!realpath(*whole ? whole : "/", real)) snprintf(real, sizeof real, "%.*s", PATH_MAX - 1, whole);
    snprintf(path, 2 * PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", last + 1);
}

static void on_path(uint32_t kind, int folder, const char *given, int other_folder, const char *other) {
    struct control *c = control();
    char path[2 * PATH_MAX];
    int saved = errno;
    if (c && given) {
        resolved(folder, given, path);
        if (!of_store(c, path) && other) resolved(other_folder, other, path);
        note(c, kind, path, 0);
    }
    errno = saved;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define ONE(buffer, size) const struct iovec part = {(void *)(buffer), size}

ssize_t write(int fd, const void *b, size_t n) { REAL(write); ONE(b, n); on_any(WRITE, fd, &part, 1); return real(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(pwrite); on_file(PWRITE, fd, (int64_t)n); return real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(pwrite64); on_file(PWRITE, fd, (int64_t)n); return real(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(writev); on_any(WRITEV, fd, v, n); return real(fd, v, n); }
static int64_t sum(const struct iovec *v, int n) { int64_t s = 0; for (int i = 0; i < n; i++) s += (int64_t)v[i].iov_len; return s; }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) { REAL(pwritev); on_file(PWRITEV, fd, sum(v, n)); return real(fd, v, n, o); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t o) { REAL(pwritev64); on_file(PWRITEV, fd, sum(v, n)); return real(fd, v, n, o); }
int fsync(int fd) { REAL(fsync); on_file(FSYNC, fd, 0); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); on_file(FDATASYNC, fd, 0); return real(fd); }
int ftruncate(int fd, off_t o) { REAL(ftruncate); on_file(FTRUNCATE, fd, o); return real(fd, o); }
int ftruncate64(int fd, off64_t o) { REAL(ftruncate64); on_file(FTRUNCATE, fd, o); return real(fd, o); }
int truncate(const char *a, off_t o) { REAL(truncate); on_path(FTRUNCATE, AT_FDCWD, a, 0, NULL); return real(a, o); }
int truncate64(const char *a, off64_t o) { REAL(truncate64); on_path(FTRUNCATE, AT_FDCWD, a, 0, NULL); return real(a, o); }
int rename(const char *a, const char *b) { REAL(rename); on_path(RENAME, AT_FDCWD, b, AT_FDCWD, a); return real(a, b); }
int renameat(int d, const char *a, int e, const char *b) { REAL(renameat); on_path(RENAME, e, b, d, a); return real(d, a, e, b); }
int renameat2(int d, const char *a, int e, const char *b, unsigned f) { REAL(renameat2); on_path(RENAME, e, b, d, a); return real(d, a, e, b, f); }
int link(const char *a, const char *b) { REAL(link); on_path(LINK, AT_FDCWD, b, 0, NULL); return real(a, b); }
int linkat(int d, const char *a, int e, const char *b, int f) { REAL(linkat); on_path(LINK, e, b, 0, NULL); return real(d, a, e, b, f); }
int unlink(const char *a) { REAL(unlink); on_path(UNLINK, AT_FDCWD, a, 0, NULL); return real(a); }
int unlinkat(int d, const char *a, int f) { REAL(unlinkat); on_path(UNLINK, d, a, 0, NULL); return real(d, a, f); }
int remove(const char *a) { REAL(remove); on_path(UNLINK, AT_FDCWD, a, 0, NULL); return real(a); }
ssize_t sendfile(int to, int from, off_t *o, size_t n) { REAL(sendfile); on_file(COPY, to, (int64_t)n); return real(to, from, o, n); }
ssize_t sendfile64(int to, int from, off64_t *o, size_t n) { REAL(sendfile64); on_file(COPY, to, (int64_t)n); return real(to, from, o, n); }
ssize_t copy_file_range(int a, off64_t *i, int b, off64_t *o, size_t n, unsigned f) { REAL(copy_file_range); on_file(COPY, b, (int64_t)n); return real(a, i, b, o, n, f); }
ssize_t send(int fd, const void *b, size_t n, int f) { REAL(send); ONE(b, n); on_any(ANSWER, fd, &part, 1); return real(fd, b, n, f); }
ssize_t sendto(int fd, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t l) { REAL(sendto); ONE(b, n); on_any(ANSWER, fd, &part, 1); return real(fd, b, n, f, a, l); }
ssize_t sendmsg(int fd, const struct msghdr *m, int f) { REAL(sendmsg); on_any(ANSWER, fd, m->msg_iov, (int)m->msg_iovlen); return real(fd, m, f); }

static void on_map(int protection, int flags, int fd) {
    struct control *c;
    char path[PATH_MAX];
    int saved = errno;
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && (c = atomic_load(&here)) && path_of(fd, path) && of_store(c, path))
        atomic_fetch_or(&c->remarks, MAPPED);
    errno = saved;
}
void *mmap(void *a, size_t n, int p, int f, int fd, off_t o) { REAL(mmap); on_map(p, f, fd); return real(a, n, p, f, fd, o); }
void *mmap64(void *a, size_t n, int p, int f, int fd, off64_t o) { REAL(mmap64); on_map(p, f, fd); return real(a, n, p, f, fd, o); }
