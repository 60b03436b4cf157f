/* What is counted, and how it is written down: the same for both engines.

   The control file is mapped by the lab, by every process of the life, and by the watcher. Its layout is that of
   control.py. A call is written down before it is made: what stands in the file last may not have happened. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x43414c31u /* CAL1 */
#define CAPACITY 8192
#define LONGEST_NAME 104
#define LONGEST_PATH 1024

enum kind { WRITE = 1, PWRITE, WRITEV, PWRITEV, FSYNC, FDATASYNC, RENAME, UNLINK, FTRUNCATE, LINK, COPY, ANSWER };
enum remark { MAPPED = 1, URING = 2, UNREADABLE = 4, OVERFLOWN = 8, ATTACHED = 16 };

enum deed { STAND_STILL = 0, FAIL, SHORTEN }; /* only half of what a call was to write is written */

struct entry {
    _Atomic uint32_t kind; /* written last: 0 is a call that is being written down */
    uint32_t process;
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    int64_t size;
    char name[LONGEST_NAME];
};

struct control {
    uint32_t magic;
    _Atomic uint32_t remarks;
    _Atomic uint64_t count;   /* of calls that were counted */
    _Atomic uint64_t matched; /* of those that are of the wanted kind and name */
    uint64_t target;          /* stand still before the matched call with this number; 0 for never */
    _Atomic uint64_t reached; /* the number, among all, of the call before which somebody stands still */
    _Atomic uint32_t released;
    uint32_t wanted_kind; /* 0 for any but an answer */
    char wanted_name[LONGEST_NAME];
    char folder[LONGEST_PATH];
    char ledger[LONGEST_PATH];
    char marker[32];
    uint32_t deed; /* what becomes of the wanted call: one of those below */
    int32_t error; /* with which it fails */
    uint64_t times; /* so many in a row do */
    struct entry entries[CAPACITY];
};

static struct control *attached(const char *path) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return NULL;
    struct stat s;
    void *m = fstat(fd, &s) || s.st_size < (off_t)sizeof(struct control)
                  ? MAP_FAILED
                  : mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (m == MAP_FAILED || ((struct control *)m)->magic != MAGIC) return NULL;
    atomic_fetch_or(&((struct control *)m)->remarks, ATTACHED);
    return m;
}

/* Names that are another one in each run are one: digits (a process id), hexadecimal ids, and those of mkstemp. */
static size_t random_run(const char *p) {
    size_t digits = strspn(p, "0123456789"), hex = strspn(p, "0123456789abcdef-");
    if (!strncmp(p, "tmp", 3) && strspn(p + 3, "abcdefghijklmnopqrstuvwxyz0123456789_") == 8) return 11;
    if (hex >= 12 && strcspn(p, "0123456789") < hex) return hex;
    return digits >= 4 ? digits : 0;
}

static void named(char *name, const char *path) {
    size_t n = 0;
    while (*path && n < LONGEST_NAME - 1) {
        size_t run = random_run(path);
        name[n++] = run ? '*' : *path;
        path += run ? run : 1;
    }
    name[n] = 0;
}

/* What a path below the folder is called, or the ledger; NULL for any other. SQLite's index in shared memory is no
   store: it is made anew. */
static const char *of_store(struct control *c, const char *path) {
    size_t n = strlen(c->folder), length = strlen(path);
    if (length > 4 && !strcmp(path + length - 4, "-shm")) return NULL;
    if (c->ledger[0] && !strcmp(path, c->ledger)) return "ledger";
    if (n && !strncmp(path, c->folder, n) && path[n] == '/' && path[n + 1]) return path + n + 1;
    return n && !strcmp(path, c->folder) ? "." : NULL;
}

static _Thread_local uint32_t latest; /* the number of the call that this thread has counted last, or 0 */

/* Write a call down; whether somebody has to stand still before it (1), or it is to fail (1 + FAIL) or to be short. */
static int counted(struct control *c, uint32_t kind, const char *path, int64_t size, uint32_t process) {
    char name[LONGEST_NAME];
    struct timespec now;
    named(name, path);
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t number = atomic_fetch_add(&c->count, 1) + 1;
    latest = (uint32_t)number;
    if (number <= CAPACITY) {
        struct entry *e = &c->entries[number - 1];
        e->process = process;
        e->at_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        e->size = size;
        memcpy(e->name, name, sizeof name);
        atomic_store(&e->kind, kind);
    } else
        atomic_fetch_or(&c->remarks, OVERFLOWN);
    int other = c->wanted_kind ? c->wanted_kind != kind : kind == ANSWER; /* whose place among the others may vary */
    if (other || (c->wanted_name[0] && strcmp(c->wanted_name, name)))
        return !c->deed && atomic_load(&c->reached) && !atomic_load(&c->released);
    uint64_t matched = atomic_fetch_add(&c->matched, 1) + 1;
    if (c->deed) {
        if (!c->target || matched < c->target || matched - c->target >= c->times) return 0;
        if (matched != c->target && (kind == FSYNC || kind == FDATASYNC || kind == UNLINK)) return 0; /* there is room for it */
        if (matched == c->target) atomic_store(&c->reached, number);
        return 1 + (int)c->deed;
    }
    if (c->target && matched == c->target) {
        atomic_store(&c->reached, number);
        return 1;
    }
    return atomic_load(&c->reached) && !atomic_load(&c->released);
}
