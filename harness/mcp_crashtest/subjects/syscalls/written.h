/* What was written, word for word, in the order in which it was: from this a store is made as a power cut leaves it.

   One record an event, appended when the call has been made: a call that nobody was told of may lawfully be missing. Its
   layout is that of model/written.py. The ledger is not recorded: what it shows has left the machine. */
#define MOST_RECORDED (64 << 20) /* bytes */

enum event {
    STORED = 'W', CUT = 'T', SYNCED = 'F', FOLDER_SYNCED = 'D', ALL_SYNCED = 'S', CREATED = 'C', FOLDER_MADE = 'M',
    RENAMED = 'R', LINKED = 'H', REMOVED = 'U', FOLDER_REMOVED = 'V',
};

struct recorded { /* what follows it: so many bytes of a name or of data, and so many of another name */
    uint32_t event, number, first, second;
    uint64_t inode;
    int64_t at;
};

static char *_Atomic records;

static const char *recording(void) {
    char *path = atomic_load(&records);
    if (path) return path;
    const char *said = getenv("CRASHTEST_WRITES");
    if (!said || !*said || !(path = strdup(said))) return NULL;
    atomic_store(&records, path);
    return path;
}

static const char *followed(struct control *c, const char *path) {
    return !strcmp(path, c->ledger) || !recording() ? NULL : of_store(c, path);
}

/* Opened for each record: whoever closes all descriptors that he does not know does not send us astray. */
static void record(struct control *c, uint32_t event, uint64_t inode, int64_t at, struct iovec *parts, int n,
                   uint32_t first, uint32_t second) {
    struct recorded head = {event, latest, first, second, inode, at};
    struct stat s;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, recording(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &s)) {
        atomic_fetch_or(&c->remarks, UNREADABLE);
        return;
    }
    parts[0] = (struct iovec){&head, sizeof head};
    if (s.st_size + first + second > MOST_RECORDED) atomic_fetch_or(&c->remarks, OVERFLOWN);
    else if (syscall(SYS_writev, fd, parts, n) != (long)(sizeof head + first + second)) atomic_fetch_or(&c->remarks, UNREADABLE);
    syscall(SYS_close, fd);
}

static void record_names(struct control *c, uint32_t event, uint64_t inode, int64_t at, const char *one, const char *other) {
    uint32_t first = (uint32_t)strlen(one), second = other ? (uint32_t)strlen(other) : 0;
    struct iovec parts[3] = {{0}, {(void *)one, first}, {(void *)other, second}};
    record(c, event, inode, at, parts, 3, first, second);
}

/* So many bytes were stored, from ``at`` on, or where the descriptor now stands. */
static void record_data(struct control *c, int fd, const struct iovec *given, int n, int64_t done, int64_t at) {
    struct stat s;
    int flags = fcntl(fd, F_GETFL);
    if (n > IOV_MAX - 1 || done <= 0 || fstat(fd, &s)) return;
    struct iovec parts[n + 1];
    int64_t left = done;
    for (int i = 0; i < n; i++) {
        int64_t length = (int64_t)given[i].iov_len < left ? (int64_t)given[i].iov_len : left;
        parts[i + 1] = (struct iovec){given[i].iov_base, (size_t)length};
        left -= length;
    }
    if (at < 0) at = (int64_t)lseek(fd, 0, SEEK_CUR) - done;
    else if (flags & O_APPEND) at = s.st_size - done;
    record(c, STORED, s.st_ino, at, parts, n + 1, (uint32_t)done, 0);
    if (flags & O_DSYNC) record_names(c, SYNCED, s.st_ino, 0, "", NULL);
}
