/*
 * Run a command and write what it took, as one line of JSON, to a file.
 *
 *     measure REPORT COMMAND [ARGUMENT ...]
 *
 * In C because a child's peak RSS begins with what its parent had when it started it: behind a
 * Python parent, the figure of a small child would be the parent's.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds(struct timeval spent)
{
    return (double)spent.tv_sec + (double)spent.tv_usec / 1e6;
}

/* The exit status as a shell gives it. */
static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(char **command, struct rusage *usage)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, usage) != child)
        return 126;
    return shell_status(status);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: measure REPORT COMMAND [ARGUMENT ...]\n");
        return 2;
    }
    struct rusage usage = {0};
    double start = wall_seconds();
    int status = run(argv + 2, &usage);
    double wall = wall_seconds() - start;
    FILE *report = fopen(argv[1], "w");
    if (report == NULL) {
        fprintf(stderr, "measure: the report cannot be written\n");
        return 2;
    }
    fprintf(report, "{\"status\": %d, \"wall\": %.6f, \"cpu\": %.6f, \"peak_rss\": %ld}\n", status,
            wall, seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss * 1024);
    return fclose(report) == 0 ? status : 2;
}
