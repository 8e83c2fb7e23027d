/* Records the metrics that matrix.py requests, from C. matrix.py has the commands. */
#include <ictus.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int host_act(const char *action, const char *argument);
int host_clone(void);
int host_fork(void);
int host_wait(int pid);
void host_progress(long done);

enum { COMMANDS = 200, ANSWERS = 201, MAX_TIMERS = 65536, MAX_CHURN = 500 };

static ictus_registry *registry;
static ictus_exporter *exporter;
static ictus_timer *timers[MAX_TIMERS];
static int timer_count;
static atomic_int churning;

static ictus_str text(const char *chars) { return (ictus_str){chars, strlen(chars)}; }

static void must(ictus_status status, const char *what) {
    if (status != ICTUS_STATUS_OK) {
        fprintf(stderr, "%s: status %d\n", what, (int)status);
        abort();
    }
}

static ictus_timer *new_timer(const char *label) {
    ictus_timer *timer;
    ictus_str name = text("label"), value = text(label);
    must(ictus_timer_new(registry, text("work_seconds"), text("Work."), &name, &value, 1, &timer), "timer");
    timers[timer_count++] = timer;
    return timer;
}

static void record(const char *label, int from, int count) {
    static char cached_label[64];
    static ictus_timer *cached;
    if (!cached || strcmp(cached_label, label)) {
        snprintf(cached_label, sizeof cached_label, "%s", label);
        cached = new_timer(label);
    }
    for (int number = from + 1; number <= from + count; number++) must(ictus_timer_observe(cached, number), "observe");
}

static void grow(const char *prefix, int from, int count) {
    char label[64];
    for (int n = from; n < from + count; n++) {
        snprintf(label, sizeof label, "%s%d", prefix, n);
        ictus_timer *timer = new_timer(label);
        for (int number = 1; number <= 10; number++) must(ictus_timer_observe(timer, number), "observe");
    }
}

static void *churn(void *unused) {
    (void)unused;
    for (int n = 0; atomic_load(&churning) && n < MAX_CHURN; n++) {
        grow("churn", n, 1);
        host_progress(n + 1);
        usleep(500);
    }
    return NULL;
}

static void answer(const char *what) {
    char line[128];
    int length = snprintf(line, sizeof line, "%s\n", what);
    if (write(ANSWERS, line, (size_t)length) != length) _exit(3);
}

static int child(int pid, const char *label, int count) {
    if (pid == 0) {
        record(label, 0, count);
        _exit(0);
    }
    return pid < 0 ? -1 : host_wait(pid);
}

static int store(void *address, const char *bytes, size_t length) {
    size_t used = strlen(address);
    memcpy((char *)address + used, bytes, length);
    ((char *)address)[used + length] = 0;
    return 0;
}

static void serve(const char *directory, char *result, size_t size) {
    char address[256] = "";
    int surfaces = ICTUS_SURFACE_LEGACY;
    must(ictus_exporter_start(text(directory), text("127.0.0.1:0"), surfaces, &exporter), "server");
    must(ictus_exporter_address(exporter, store, address), "address");
    snprintf(result, size, "ok %.30s", strrchr(address, ':') + 1);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    FILE *commands = fdopen(COMMANDS, "r");
    char line[1024], word[32], argument[512], result[64];
    int from, count;
    pthread_t thread;
    setvbuf(commands, NULL, _IONBF, 0);
    must(ictus_registry_open(text(argv[1]), &registry), "open");
    answer("ready");
    while (fgets(line, sizeof line, commands)) {
        snprintf(result, sizeof result, "ok");
        if (sscanf(line, "record %511s %d %d", argument, &from, &count) == 3) record(argument, from, count);
        else if (sscanf(line, "grow %511s %d %d", argument, &from, &count) == 3) grow(argument, from, count);
        else if (!strncmp(line, "churn", 5)) {
            atomic_store(&churning, 1);
            if (pthread_create(&thread, NULL, churn, NULL)) snprintf(result, sizeof result, "no thread");
        } else if (!strncmp(line, "calm", 4)) {
            atomic_store(&churning, 0);
            pthread_join(thread, NULL);
        } else if (sscanf(line, "fork %511s %d", argument, &count) == 2)
            snprintf(result, sizeof result, "ok %d", child(host_fork(), argument, count));
        else if (sscanf(line, "clone %511s %d", argument, &count) == 2)
            snprintf(result, sizeof result, "ok %d", child(host_clone(), argument, count));
        else if (sscanf(line, "serve %511s", argument) == 1)
            serve(argument, result, sizeof result);
        else if (sscanf(line, "host %31s %511s", word, argument) == 2)
            snprintf(result, sizeof result, host_act(word, argument) ? "failed" : "ok");
        else if (!strncmp(line, "drop", 4)) {
            for (int n = 0; n < timer_count; n++) ictus_timer_free(timers[n]);
            ictus_registry_free(registry);
        } else if (!strncmp(line, "exec", 4)) {
            execv("/proc/self/exe", argv);
            return 4;
        } else if (!strncmp(line, "exit", 4)) {
            answer("ok");
            return 0;
        } else return 5;
        answer(result);
    }
    return 6;
}
