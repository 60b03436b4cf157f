/* Three rounds of a file that is written anew and put in its place; then it is removed. Nothing is buffered. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int n, char **said) {
    if (n < 2 || chdir(said[1])) return 1;
    for (char round = '1'; round <= '3'; round++) {
        int fd = open("log.new", O_CREAT | O_TRUNC | O_WRONLY, 0600);
        if (write(fd, &round, 1) != 1 || fsync(fd) || close(fd) || rename("log.new", "log")) return 1;
    }
    return unlink("log");
}
