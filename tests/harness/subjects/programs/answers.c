/* Says five things on its standard output, of which two are answers for the job. */
#include <string.h>
#include <unistd.h>

int main(void) {
    const char *said[] = {"{\"id\": 1}\n", "{\"id\": 1999000002}\n", "{\"id\": 2}\n", "{\"token\": \"progress-1999000003\"}\n", "bye\n"};
    for (int i = 0; i < 5; i++)
        if (write(1, said[i], strlen(said[i])) < 0) return 1;
    return 0;
}
