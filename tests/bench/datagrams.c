/* Sends datagrams to a UNIX socket as libtlsrpt does: without waiting.

   datagrams PATH SOCKETS COUNT burst|flow < one datagram a line

   The lines are sent in turn, from the sockets in turn. Where there is no room, `burst` counts one
   as lost, and `flow` waits until there is. Prints: sent, lost, seconds. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>

enum { MOST_SOCKETS = 1024 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    static int sockets[MOST_SOCKETS];
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    char **lines = NULL, *line = NULL;
    size_t *lengths = NULL, room = 0, kinds = 0;
    long sent = 0, lost = 0;
    if (argc != 5 || strlen(argv[1]) >= sizeof where.sun_path)
        return 2;
    strcpy(where.sun_path, argv[1]);
    int many = atoi(argv[2]), flow = strcmp(argv[4], "flow") == 0;
    long count = atol(argv[3]);
    if (many < 1 || many > MOST_SOCKETS)
        return 2;
    for (ssize_t got; (got = getline(&line, &room, stdin)) > 0; kinds++) {
        lines = realloc(lines, (kinds + 1) * sizeof *lines);
        lengths = realloc(lengths, (kinds + 1) * sizeof *lengths);
        if (!lines || !lengths || !(lines[kinds] = strndup(line, got - 1)))
            die("memory");
        lengths[kinds] = got - 1;
    }
    if (!kinds)
        return 2;
    for (int i = 0; i < many; i++) {
        if ((sockets[i] = socket(AF_UNIX, SOCK_DGRAM, 0)) < 0)
            die("socket");
        if (connect(sockets[i], (struct sockaddr *)&where, sizeof where) < 0)
            die("connect");
    }
    double began = now();
    for (long i = 0; i < count; i++) {
        size_t kind = i % kinds;
        int sock = sockets[i % many];
        while (send(sock, lines[kind], lengths[kind], MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED && errno != EPIPE)
                die("send");
            if (!flow || errno == ECONNREFUSED || errno == EPIPE) {
                lost++, sent--;
                break;
            }
            struct pollfd ready = {.fd = sock, .events = POLLOUT};
            poll(&ready, 1, 100);
        }
        sent++;
    }
    printf("%ld %ld %.6f\n", sent, lost, now() - began);
    return 0;
}
