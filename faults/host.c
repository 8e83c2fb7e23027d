/* Actions of a host program on itself. Loaded by the recorders of every language, so that each fault is the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The channel to the driver has higher numbers than any descriptor of a recorder. */
enum { FIRST = 3, LAST = 99, MAX_HOGS = 4096 };

static int hogs[MAX_HOGS];
static int hog_count;
static struct rlimit nofile;
static _Atomic long *progress;

/* How far a thread is that the driver cannot ask, in a file of which `exec` and `fork` take nothing. */
__attribute__((constructor)) static void map_progress(void) {
    const char *path = getenv("FAULTS_PROGRESS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) progress = mapped;
    close(fd);
}

void host_progress(long done) { atomic_store(progress, done); }

/* Closes descriptors that the host did not open, and opens the host's own files at the lowest numbers. */
static int close_all(const char *directory) {
    char path[512];
    for (int fd = FIRST; fd <= LAST; fd++) close(fd);
    for (int n = 0; n < 8; n++) {
        snprintf(path, sizeof path, "%s/ledger%d", directory, n);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || write(fd, "the host's own data\n", 20) != 20) return -1;
    }
    return 0;
}

static int daemonize(void) {
    for (int turn = 0; turn < 2; turn++) {
        pid_t parent = getpid(), pid = fork();
        if (pid < 0) return -1;
        if (pid > 0) _exit(0);
        setsid();
        /* Threads of the parent record until it has ended. */
        while (getppid() == parent) usleep(500);
    }
    return 0;
}

/* Takes every descriptor that the process may have. */
static int hog(void) {
    if (getrlimit(RLIMIT_NOFILE, &nofile)) return -1;
    struct rlimit low = {.rlim_cur = 210, .rlim_max = nofile.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &low)) return -1;
    while (hog_count < MAX_HOGS) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0) break;
        hogs[hog_count++] = fd;
    }
    return errno == EMFILE ? 0 : -1;
}

static int unhog(void) {
    while (hog_count > 0) close(hogs[--hog_count]);
    return setrlimit(RLIMIT_NOFILE, &nofile);
}

int host_act(const char *action, const char *argument) {
    if (!strcmp(action, "close")) return close_all(argument);
    if (!strcmp(action, "chdir")) return chdir(argument);
    if (!strcmp(action, "daemonize")) return daemonize();
    if (!strcmp(action, "hog")) return hog();
    if (!strcmp(action, "unhog")) return unhog();
    if (!strcmp(action, "mlockall")) return mlockall(MCL_CURRENT | MCL_FUTURE);
    if (!strcmp(action, "munlockall")) return munlockall();
    return -1;
}

/* A child that no handler of pthread_atfork sees. */
int host_clone(void) { return (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); }

int host_fork(void) { return (int)fork(); }

int host_wait(int pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
