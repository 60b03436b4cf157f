/* What it writes goes through the C library's own buffer. */
#include <stdio.h>
#include <unistd.h>

int main(int n, char **said) {
    if (n < 2 || chdir(said[1])) return 1;
    FILE *file = fopen("log", "w");
    return !file || fputs("1", file) < 0 || fflush(file) || fputs("2", file) < 0 || fclose(file);
}
