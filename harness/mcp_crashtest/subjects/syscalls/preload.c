/* The preload engine: calls are counted in the program itself, as it asks its C library for them.

   It costs next to nothing, and works in what a fork server forks. What does not ask the C library is not seen: static
   programs, Go, and the C library's own buffered files. Where it is told to, it records what was written. */
#include "counted.h"
#include "written.h"
#include "unsynced.h"
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

/* What is to become of a call: 0, FAIL or SHORTEN. */
static int note(struct control *c, uint32_t kind, const char *path, int64_t size) {
    int saved = errno;
    const char *name = kind == ANSWER ? path : of_store(c, path);
    latest = 0;
    int found = name ? counted(c, kind, name, size, (uint32_t)getpid()) : 0;
    if (found == 1) stand_still(c);
    errno = saved;
    return found > 1 ? found - 1 : 0;
}

static int failed(void) {
    errno = atomic_load(&here)->error;
    return -1;
}

static int path_of(int fd, char *path) {
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    return n > 0 && path[0] == '/';
}

/* What is noted of a call on a file: whether what becomes of it is recorded, and its deed. */
#define FOLLOW 1
#define DEED(noted) ((noted) >> 1)

static int on_file(uint32_t kind, int fd, int64_t size) {
    struct control *c = control();
    char path[PATH_MAX];
    int saved = errno, noted = 0;
    if (c && path_of(fd, path)) {
        int deed = note(c, kind, path, size);
        noted = deed << 1 | (followed(c, path) ? FOLLOW : 0);
        if (c->deed == FAIL && of_store(c, path)) {
            if (kind == FSYNC || kind == FDATASYNC) is_synced(fd, deed == FAIL);
            else if (deed != FAIL) is_written(fd, kind != WRITE && kind != WRITEV);
        }
    }
    errno = saved;
    return noted;
}

static int said_in(struct control *c, const struct iovec *parts, int n) {
    for (int i = 0; i < n; i++)
        if (parts[i].iov_len && memmem(parts[i].iov_base, parts[i].iov_len, c->marker, strlen(c->marker))) return 1;
    return 0;
}

/* A file of the store, or a socket or pipe on which the job's answer goes. */
static int on_any(uint32_t kind, int fd, const struct iovec *parts, int n) {
    struct control *c = control();
    struct stat s;
    int saved = errno, noted = 0;
    if (c && !fstat(fd, &s)) {
        int64_t size = 0;
        for (int i = 0; i < n; i++) size += (int64_t)parts[i].iov_len;
        if (S_ISREG(s.st_mode)) noted = on_file(kind, fd, size);
        else if ((S_ISSOCK(s.st_mode) || S_ISFIFO(s.st_mode)) && c->marker[0] && said_in(c, parts, n))
            note(c, ANSWER, "answer", size);
    }
    errno = saved;
    return noted;
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

static int on_path(uint32_t kind, int folder, const char *given, int other_folder, const char *other) {
    struct control *c = control();
    char path[2 * PATH_MAX];
    int saved = errno, deed = 0;
    if (c && given) {
        resolved(folder, given, path);
        if (!of_store(c, path) && other) resolved(other_folder, other, path);
        deed = note(c, kind, path, 0);
    }
    errno = saved;
    return deed;
}

/* --- what became of a call, where it is recorded */

static ssize_t stored(int noted, int fd, const struct iovec *parts, int n, ssize_t done, int64_t at) {
    int saved = errno;
    if (noted & FOLLOW && done > 0) record_data(atomic_load(&here), fd, parts, n, done, at);
    errno = saved;
    return done;
}

/* What the kernel has copied is read back. */
static ssize_t copied(int noted, int fd, ssize_t done, int64_t at) {
    int saved = errno;
    if (noted & FOLLOW && done > 0) {
        char link[48], *bytes = malloc((size_t)done);
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int from = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
        if (at < 0) at = (int64_t)lseek(fd, 0, SEEK_CUR) - done;
        struct iovec part = {bytes, (size_t)done};
        if (bytes && from >= 0 && pread(from, bytes, (size_t)done, at) == done)
            record_data(atomic_load(&here), fd, &part, 1, done, at);
        if (from >= 0) syscall(SYS_close, from);
        free(bytes);
    }
    errno = saved;
    return done;
}

static int cut(int noted, int fd, int failed) {
    int saved = errno;
    struct stat s;
    if (noted & FOLLOW && !failed && !fstat(fd, &s)) record_names(atomic_load(&here), CUT, s.st_ino, s.st_size, "", NULL);
    errno = saved;
    return failed;
}

static int synced(int noted, int fd, int failed) {
    struct control *c = atomic_load(&here);
    int saved = errno;
    struct stat s;
    char path[PATH_MAX];
    if (noted & FOLLOW && !failed && !fstat(fd, &s)) {
        if (!S_ISDIR(s.st_mode)) record_names(c, SYNCED, s.st_ino, 0, "", NULL);
        else if (path_of(fd, path)) record_names(c, FOLDER_SYNCED, s.st_ino, 0, of_store(c, path), NULL);
    }
    errno = saved;
    return failed;
}

/* A name has come, gone or changed: one that lies outside is told as an empty one. */
static int named_so(uint32_t event, int folder, const char *given, int other_folder, const char *other, int failed) {
    struct control *c = control();
    char path[2 * PATH_MAX], also[2 * PATH_MAX];
    int saved = errno;
    struct stat s = {0};
    if (c && given && !failed && recording()) {
        resolved(folder, given, path);
        if (other) resolved(other_folder, other, also);
        const char *name = followed(c, path), *to = other ? followed(c, also) : NULL;
        if (event != REMOVED && event != FOLDER_REMOVED && lstat(other ? also : path, &s)) memset(&s, 0, sizeof s);
        if (name || to) record_names(c, event, s.st_ino, s.st_size, name ? name : "", other ? (to ? to : "") : NULL);
    }
    errno = saved;
    return failed;
}

/* Whether a file of the store is about to be made (1), or emptied (2). */
static int on_open(int folder, const char *given, int flags) {
    struct control *c;
    char path[2 * PATH_MAX];
    int saved = errno, what = 0;
    struct stat s;
    if (given && flags & (O_CREAT | O_TRUNC) && (c = control()) && recording()) {
        resolved(folder, given, path);
        if (followed(c, path)) what = stat(path, &s) ? 1 : flags & O_TRUNC ? 2 : 0;
        latest = 0;
    }
    errno = saved;
    return what;
}

static int opened(int what, int fd) {
    struct control *c = atomic_load(&here);
    int saved = errno;
    struct stat s;
    char path[PATH_MAX];
    const char *name;
    if (what && fd >= 0 && !fstat(fd, &s) && S_ISREG(s.st_mode) && path_of(fd, path) && (name = followed(c, path)))
        record_names(c, what == 1 ? CREATED : CUT, s.st_ino, 0, what == 1 ? name : "", NULL);
    errno = saved;
    return fd;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
/* Of one buffer half is written, of several the first few; where there is but one of either, all. */
#define WRITTEN(noted, n) switch (DEED(noted)) { case FAIL: return failed(); case SHORTEN: if ((n) > 1) (n) /= 2; }
#define KEPT(noted) if (DEED(noted) == FAIL) return failed()
#define ONE(buffer, size) const struct iovec part = {(void *)(buffer), size}

ssize_t write(int fd, const void *b, size_t n) { REAL(write); ONE(b, n); int f = on_any(WRITE, fd, &part, 1); WRITTEN(f, n); return stored(f, fd, &part, 1, real(fd, b, n), -1); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(pwrite); ONE(b, n); int f = on_file(PWRITE, fd, (int64_t)n); WRITTEN(f, n); return stored(f, fd, &part, 1, real(fd, b, n, o), o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(pwrite64); ONE(b, n); int f = on_file(PWRITE, fd, (int64_t)n); WRITTEN(f, n); return stored(f, fd, &part, 1, real(fd, b, n, o), o); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(writev); int f = on_any(WRITEV, fd, v, n); WRITTEN(f, n); return stored(f, fd, v, n, real(fd, v, n), -1); }
static int64_t sum(const struct iovec *v, int n) { int64_t s = 0; for (int i = 0; i < n; i++) s += (int64_t)v[i].iov_len; return s; }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) { REAL(pwritev); int f = on_file(PWRITEV, fd, sum(v, n)); WRITTEN(f, n); return stored(f, fd, v, n, real(fd, v, n, o), o); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t o) { REAL(pwritev64); int f = on_file(PWRITEV, fd, sum(v, n)); WRITTEN(f, n); return stored(f, fd, v, n, real(fd, v, n, o), o); }
ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t o, int h) { REAL(pwritev2); int f = on_file(PWRITEV, fd, sum(v, n)); WRITTEN(f, n); return stored(f, fd, v, n, real(fd, v, n, o, h), o); }
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off64_t o, int h) { REAL(pwritev64v2); int f = on_file(PWRITEV, fd, sum(v, n)); WRITTEN(f, n); return stored(f, fd, v, n, real(fd, v, n, o, h), o); }
int fsync(int fd) { REAL(fsync); int f = on_file(FSYNC, fd, 0); KEPT(f); return synced(f, fd, real(fd)); }
int fdatasync(int fd) { REAL(fdatasync); int f = on_file(FDATASYNC, fd, 0); KEPT(f); return synced(f, fd, real(fd)); }
int ftruncate(int fd, off_t o) { REAL(ftruncate); int f = on_file(FTRUNCATE, fd, o); KEPT(f); return cut(f, fd, real(fd, o)); }
int ftruncate64(int fd, off64_t o) { REAL(ftruncate64); int f = on_file(FTRUNCATE, fd, o); KEPT(f); return cut(f, fd, real(fd, o)); }
int truncate(const char *a, off_t o) { REAL(truncate); if (on_path(FTRUNCATE, AT_FDCWD, a, 0, NULL) == FAIL) return failed(); return named_so(CUT, AT_FDCWD, a, 0, NULL, real(a, o)); }
int truncate64(const char *a, off64_t o) { REAL(truncate64); if (on_path(FTRUNCATE, AT_FDCWD, a, 0, NULL) == FAIL) return failed(); return named_so(CUT, AT_FDCWD, a, 0, NULL, real(a, o)); }
int rename(const char *a, const char *b) { REAL(rename); if (on_path(RENAME, AT_FDCWD, b, AT_FDCWD, a) == FAIL) return failed(); return named_so(RENAMED, AT_FDCWD, a, AT_FDCWD, b, real(a, b)); }
int renameat(int d, const char *a, int e, const char *b) { REAL(renameat); if (on_path(RENAME, e, b, d, a) == FAIL) return failed(); return named_so(RENAMED, d, a, e, b, real(d, a, e, b)); }
int renameat2(int d, const char *a, int e, const char *b, unsigned f) { REAL(renameat2); if (on_path(RENAME, e, b, d, a) == FAIL) return failed(); return named_so(RENAMED, d, a, e, b, real(d, a, e, b, f)); }
int link(const char *a, const char *b) { REAL(link); if (on_path(LINK, AT_FDCWD, b, 0, NULL) == FAIL) return failed(); return named_so(LINKED, AT_FDCWD, b, 0, NULL, real(a, b)); }
int linkat(int d, const char *a, int e, const char *b, int f) { REAL(linkat); if (on_path(LINK, e, b, 0, NULL) == FAIL) return failed(); return named_so(LINKED, e, b, 0, NULL, real(d, a, e, b, f)); }
int unlink(const char *a) { REAL(unlink); if (on_path(UNLINK, AT_FDCWD, a, 0, NULL) == FAIL) return failed(); return named_so(REMOVED, AT_FDCWD, a, 0, NULL, real(a)); }
int unlinkat(int d, const char *a, int f) { REAL(unlinkat); if (on_path(UNLINK, d, a, 0, NULL) == FAIL) return failed(); return named_so(f & AT_REMOVEDIR ? FOLDER_REMOVED : REMOVED, d, a, 0, NULL, real(d, a, f)); }
int remove(const char *a) { REAL(remove); if (on_path(UNLINK, AT_FDCWD, a, 0, NULL) == FAIL) return failed(); return named_so(REMOVED, AT_FDCWD, a, 0, NULL, real(a)); }
int rmdir(const char *a) { REAL(rmdir); if (on_path(UNLINK, AT_FDCWD, a, 0, NULL) == FAIL) return failed(); return named_so(FOLDER_REMOVED, AT_FDCWD, a, 0, NULL, real(a)); }
int mkdir(const char *a, mode_t m) { REAL(mkdir); latest = 0; return named_so(FOLDER_MADE, AT_FDCWD, a, 0, NULL, real(a, m)); }
int mkdirat(int d, const char *a, mode_t m) { REAL(mkdirat); latest = 0; return named_so(FOLDER_MADE, d, a, 0, NULL, real(d, a, m)); }
ssize_t sendfile(int to, int from, off_t *o, size_t n) { REAL(sendfile); int f = on_file(COPY, to, (int64_t)n); KEPT(f); return copied(f, to, real(to, from, o, n), -1); }
ssize_t sendfile64(int to, int from, off64_t *o, size_t n) { REAL(sendfile64); int f = on_file(COPY, to, (int64_t)n); KEPT(f); return copied(f, to, real(to, from, o, n), -1); }
ssize_t copy_file_range(int a, off64_t *i, int b, off64_t *o, size_t n, unsigned f) { REAL(copy_file_range); int w = on_file(COPY, b, (int64_t)n); KEPT(w); int64_t at = o ? *o : -1; return copied(w, b, real(a, i, b, o, n, f), at); }
ssize_t send(int fd, const void *b, size_t n, int f) { REAL(send); ONE(b, n); on_any(ANSWER, fd, &part, 1); return real(fd, b, n, f); }
ssize_t sendto(int fd, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t l) { REAL(sendto); ONE(b, n); on_any(ANSWER, fd, &part, 1); return real(fd, b, n, f, a, l); }
ssize_t sendmsg(int fd, const struct msghdr *m, int f) { REAL(sendmsg); on_any(ANSWER, fd, m->msg_iov, (int)m->msg_iovlen); return real(fd, m, f); }

/* Files that are made or emptied as they are opened, and what is synced as a whole: recorded, and not counted. */
#define MODE mode_t m = 0; if (f & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, f); m = va_arg(rest, mode_t); va_end(rest); }
int open(const char *a, int f, ...) { REAL(open); MODE int w = on_open(AT_FDCWD, a, f); return opened(w, real(a, f, m)); }
int open64(const char *a, int f, ...) { REAL(open64); MODE int w = on_open(AT_FDCWD, a, f); return opened(w, real(a, f, m)); }
int openat(int d, const char *a, int f, ...) { REAL(openat); MODE int w = on_open(d, a, f); return opened(w, real(d, a, f, m)); }
int openat64(int d, const char *a, int f, ...) { REAL(openat64); MODE int w = on_open(d, a, f); return opened(w, real(d, a, f, m)); }
int creat(const char *a, mode_t m) { REAL(creat); int w = on_open(AT_FDCWD, a, O_CREAT | O_TRUNC); return opened(w, real(a, m)); }
int creat64(const char *a, mode_t m) { REAL(creat64); int w = on_open(AT_FDCWD, a, O_CREAT | O_TRUNC); return opened(w, real(a, m)); }
static int to_follow(int fd) {
    struct control *c = control();
    char path[PATH_MAX];
    latest = 0;
    return c && recording() && path_of(fd, path) && followed(c, path);
}
int fallocate(int fd, int how, off_t o, off_t n) { REAL(fallocate); int failed = real(fd, how, o, n); return cut(!how && !failed && to_follow(fd), fd, failed); }
int fallocate64(int fd, int how, off64_t o, off64_t n) { REAL(fallocate64); int failed = real(fd, how, o, n); return cut(!how && !failed && to_follow(fd), fd, failed); }
int posix_fallocate(int fd, off_t o, off_t n) { REAL(posix_fallocate); int failed = real(fd, o, n); return cut(!failed && to_follow(fd), fd, failed); }
int posix_fallocate64(int fd, off64_t o, off64_t n) { REAL(posix_fallocate64); int failed = real(fd, o, n); return cut(!failed && to_follow(fd), fd, failed); }
void sync(void) {
    REAL(sync);
    real();
    struct control *c = control();
    latest = 0;
    if (c && recording()) record_names(c, ALL_SYNCED, 0, 0, "", NULL);
}
int syncfs(int fd) {
    REAL(syncfs);
    int failed = real(fd);
    if (!failed && to_follow(fd)) record_names(atomic_load(&here), ALL_SYNCED, 0, 0, "", NULL);
    return failed;
}

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
