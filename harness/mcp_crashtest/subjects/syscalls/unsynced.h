/* What a file loses when it could not be synced: the kernel forgets what it could not write, and says so once.

   Known is what was appended since the last sync, of files that are only appended to: that is taken away again, as if it
   had been dropped from memory and read anew. Whoever believes the next sync has lost it. Of files that are written in
   place, a database's, nothing is undone. */
#include <stdatomic.h>

#define MOST_FILES 64

static struct unsynced {
    dev_t device;
    ino_t inode;
    off_t from; /* what lies behind this was not synced */
    int in_place;
} unsynced[MOST_FILES];
static int files;
static atomic_flag looking = ATOMIC_FLAG_INIT;

static struct unsynced *of_file(const struct stat *s) {
    for (int i = 0; i < files; i++)
        if (unsynced[i].inode == s->st_ino && unsynced[i].device == s->st_dev) return &unsynced[i];
    return NULL;
}

/* A write begins: at the end of the file, or in place. */
static void is_written(int fd, int in_place) {
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) return;
    int flags = fcntl(fd, F_GETFL);
    if (!in_place && !(flags & O_APPEND)) in_place = lseek(fd, 0, SEEK_CUR) != s.st_size;
    while (atomic_flag_test_and_set(&looking)) {}
    struct unsynced *file = of_file(&s);
    if (!file && files < MOST_FILES) {
        file = &unsynced[files++];
        *file = (struct unsynced){s.st_dev, s.st_ino, s.st_size, 0};
    }
    if (file) file->in_place |= in_place;
    atomic_flag_clear(&looking);
}

/* A sync: it succeeds, or fails and takes away what it was to keep. */
static void is_synced(int fd, int fails) {
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) return;
    while (atomic_flag_test_and_set(&looking)) {}
    struct unsynced *file = of_file(&s);
    if (file) {
        if (fails && !file->in_place && file->from < s.st_size) (void)!syscall(SYS_ftruncate, fd, file->from);
        *file = unsynced[--files];
    }
    atomic_flag_clear(&looking);
}
