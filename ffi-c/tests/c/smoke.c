/*
 * Records from two threads, renders, and gives wrong input to everything that takes input.
 *
 *     smoke DIRECTORY
 *
 * Prints the rendered text; ends with 1 and a line on stderr if a result is not the expected one.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static int to_file(void *file, const char *data, size_t len)
{
    return fwrite(data, 1, len, (FILE *)file) == len ? 0 : 1;
}

static int refuse(void *context, const char *data, size_t len)
{
    (void)context;
    (void)data;
    (void)len;
    return 1;
}

enum { THREADS = 2, OBSERVATIONS = 600 };

static void *observe(void *timer)
{
    int i;
    for (i = 0; i < OBSERVATIONS; i++) {
        SUCCEEDS(ictus_timer_observe((const ictus_timer *)timer, 0.25));
    }
    return NULL;
}

static void record(const ictus_registry *registry)
{
    const ictus_str names[] = {str("queue"), str("zone")};
    const ictus_str values[] = {str("mail"), str("z\"\\\n\xc3\xbc")};
    ictus_counter *counter = NULL;
    ictus_gauge *gauge = NULL;
    ictus_timer *timer = NULL;
    pthread_t threads[THREADS];
    int i;

    SUCCEEDS(ictus_counter_new(registry, str("jobs"), str("Jobs done."), names, values, 2, &counter));
    SUCCEEDS(ictus_counter_inc(counter));
    SUCCEEDS(ictus_counter_add(counter, 1.5));
    ANSWERS(VALUE, ictus_counter_add(counter, -1.0));

    SUCCEEDS(ictus_gauge_new(registry, str("active"), str(""), NULL, NULL, 0, &gauge));
    SUCCEEDS(ictus_gauge_set(gauge, 5.0));
    SUCCEEDS(ictus_gauge_add(gauge, -2.0));
    ANSWERS(VALUE, ictus_gauge_set(gauge, NAN));
    ANSWERS(VALUE, ictus_gauge_add(gauge, INFINITY));

    SUCCEEDS(ictus_timer_new(registry, str("wait_seconds"), str("Waits."), names, values, 1, &timer));
    for (i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, observe, timer) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    ANSWERS(VALUE, ictus_timer_observe(timer, (double)NAN));
    ANSWERS(VALUE, ictus_timer_observe(timer, (double)INFINITY));

    ictus_counter_free(counter);
    ictus_gauge_free(gauge);
    ictus_timer_free(timer);
}

static void give_wrong_input(const ictus_registry *registry)
{
    const ictus_str name = str("wrong");
    const ictus_str none = {NULL, 0};
    const ictus_str nowhere = {NULL, 3};
    const ictus_str endless = {"x", (size_t)-1};
    const ictus_str latin1 = {"\xfc", 1};
    ictus_registry *refused = NULL;
    ictus_counter *counter = NULL;
    ictus_gauge *gauge = NULL;
    ictus_timer *timer = NULL;

    ANSWERS(NULL, ictus_registry_new(NULL));
    ANSWERS(NULL, ictus_registry_open(name, NULL));
    ANSWERS(NULL, ictus_registry_open(nowhere, &refused));
    ANSWERS(UTF8, ictus_registry_open(latin1, &refused));
    ANSWERS(IO, ictus_registry_open(str("/dev/null/x"), &refused));
    EXPECT(refused == NULL);

    ANSWERS(NULL, ictus_counter_new(NULL, name, none, NULL, NULL, 0, &counter));
    ANSWERS(NULL, ictus_counter_new(registry, nowhere, none, NULL, NULL, 0, &counter));
    ANSWERS(NULL, ictus_counter_new(registry, name, none, NULL, &name, 1, &counter));
    ANSWERS(NULL, ictus_counter_new(registry, name, none, &name, NULL, 1, &counter));
    ANSWERS(NULL, ictus_counter_new(registry, name, none, NULL, NULL, 0, NULL));
    ANSWERS(LENGTH, ictus_counter_new(registry, endless, none, NULL, NULL, 0, &counter));
    ANSWERS(LENGTH, ictus_counter_new(registry, name, none, &name, &name, (size_t)-1 / 8, &counter));
    ANSWERS(UTF8, ictus_counter_new(registry, name, latin1, NULL, NULL, 0, &counter));
    ANSWERS(UTF8, ictus_counter_new(registry, name, none, &name, &latin1, 1, &counter));
    ANSWERS(NAME, ictus_counter_new(registry, none, none, NULL, NULL, 0, &counter));
    ANSWERS(NAME, ictus_counter_new(registry, str("9"), none, NULL, NULL, 0, &counter));
    EXPECT(counter == NULL);
    ANSWERS(MISMATCH, ictus_gauge_new(registry, str("jobs"), none, NULL, NULL, 0, &gauge));
    ANSWERS(NULL, ictus_gauge_new(NULL, name, none, NULL, NULL, 0, &gauge));
    EXPECT(gauge == NULL);
    ANSWERS(NAME, ictus_timer_new(registry, name, none, &none, &none, 1, &timer));
    ANSWERS(NULL, ictus_timer_new(NULL, name, none, NULL, NULL, 0, &timer));
    EXPECT(timer == NULL);

    ANSWERS(NULL, ictus_counter_inc(NULL));
    ANSWERS(NULL, ictus_counter_add(NULL, 1.0));
    ANSWERS(NULL, ictus_gauge_set(NULL, 1.0));
    ANSWERS(NULL, ictus_gauge_add(NULL, 1.0));
    ANSWERS(NULL, ictus_timer_observe(NULL, 1.0));
    ANSWERS(NULL, ictus_timer_observe_since(NULL, 0));
    ANSWERS(NULL, ictus_timer_observe_many(NULL, NULL, 0));
    ANSWERS(NULL, ictus_registry_render(NULL, 0, 0, refuse, NULL));
    ANSWERS(NULL, ictus_registry_render(registry, 0, 0, NULL, NULL));
    ANSWERS(OPTION, ictus_registry_render(registry, 4, 0, refuse, NULL));
    ANSWERS(OPTION, ictus_registry_render(registry, -1, 0, refuse, NULL));
    ANSWERS(OPTION, ictus_registry_render(registry, 0, 8, refuse, NULL));
    ANSWERS(OPTION, ictus_registry_render(registry, 0, ICTUS_SURFACE_CANONICAL | ICTUS_SURFACE_LEGACY, refuse, NULL));
    ANSWERS(STOPPED, ictus_registry_render(registry, 0, 0, refuse, NULL));

    ictus_registry_free(NULL);
    ictus_counter_free(NULL);
    ictus_gauge_free(NULL);
    ictus_timer_free(NULL);
    ictus_snapshot_free(NULL);
    ictus_exporter_stop(NULL);
    EXPECT(ictus_status_text(12345).len > 0 && ictus_status_text(-1).len > 0);

    /* More than a status: the path, the system's error, the remedy. */
    ictus_registry *unopened = NULL;
    ictus_exporter *exporter_of_null = NULL;
    ANSWERS(IO, ictus_registry_open(str("/dev/null/metrics"), &unopened));
    EXPECT(strstr(ictus_error_text().data, "/dev/null/metrics") != NULL);
    EXPECT(strlen(ictus_error_text().data) == ictus_error_text().len);
    ANSWERS(ADDRESS, ictus_exporter_start(str("/tmp"), str("nowhere"), 0, &exporter_of_null));
    EXPECT(strstr(ictus_error_text().data, "nowhere") != NULL);
    ANSWERS(IO, ictus_exporter_start(str("/tmp"), str("unix:/dev/null/socket"), 0, &exporter_of_null));
    EXPECT(strstr(ictus_error_text().data, "/dev/null/socket") != NULL);
    ANSWERS(OPTION, ictus_exporter_start(str(""), str("127.0.0.1:0"), 0, &exporter_of_null));
    ANSWERS(NULL, ictus_registry_new(NULL));
    EXPECT(strcmp(ictus_error_text().data, ictus_status_text(ICTUS_STATUS_NULL).data) == 0);
}

/* Every way to record a duration, read back as numbers and in every format. */
static void measure(void)
{
    static const double many[] = {1.0, -1.0, 2.0};
    static const double wanted[] = {0.0, 0.5, 1.0, 0.99};
    static struct output output;
    const ictus_str name = str("work_seconds");
    const ictus_str label = str("kind");
    const ictus_str value = str("a");
    ictus_registry *registry = NULL;
    ictus_timer *timer = NULL;
    ictus_counter *counter = NULL;
    ictus_snapshot *snapshot = NULL;
    ictus_timing timing = {7, 7.0, 7};
    double quantiles[4] = {7.0, 7.0, 7.0, 7.0};
    double number = 7.0;
    int format;
    uint64_t begun = ictus_now();

    SUCCEEDS(ictus_registry_new(&registry));
    SUCCEEDS(ictus_timer_new(registry, name, str(""), &label, &value, 1, &timer));
    SUCCEEDS(ictus_counter_new(registry, str("things"), str(""), NULL, NULL, 0, &counter));
    SUCCEEDS(ictus_counter_add(counter, 3.0));
    ANSWERS(VALUE, ictus_timer_observe_many(timer, many, 3));
    ANSWERS(NULL, ictus_timer_observe_many(timer, NULL, 3));
    SUCCEEDS(ictus_timer_observe_many(timer, NULL, 0));
    SUCCEEDS(ictus_timer_observe_since(timer, begun));

    ANSWERS(NULL, ictus_snapshot_new(NULL, &snapshot));
    ANSWERS(NULL, ictus_snapshot_new(registry, NULL));
    SUCCEEDS(ictus_snapshot_new(registry, &snapshot));
    ANSWERS(UNKNOWN, ictus_snapshot_timing(snapshot, str("nothing"), &value, 1, &timing));
    ANSWERS(UNKNOWN, ictus_snapshot_timing(snapshot, name, &label, 1, &timing));
    ANSWERS(UNKNOWN, ictus_snapshot_timing(snapshot, name, NULL, 0, &timing));
    ANSWERS(MISMATCH, ictus_snapshot_timing(snapshot, str("things"), NULL, 0, &timing));
    ANSWERS(NULL, ictus_snapshot_timing(snapshot, name, &value, 1, NULL));
    EXPECT(timing.count == 7);
    SUCCEEDS(ictus_snapshot_timing(snapshot, name, &value, 1, &timing));
    EXPECT(timing.count == 3 && timing.window == 3 && timing.sum >= 3.0 && timing.sum < 60.0);

    ANSWERS(VALUE, ictus_snapshot_quantiles(snapshot, name, &value, 1, many, 3, quantiles));
    ANSWERS(NULL, ictus_snapshot_quantiles(snapshot, name, &value, 1, wanted, 4, NULL));
    EXPECT(quantiles[0] == 7.0);
    SUCCEEDS(ictus_snapshot_quantiles(snapshot, name, &value, 1, wanted, 4, quantiles));
    EXPECT(quantiles[0] == timing.sum - 3.0 || fabs(quantiles[0] - (timing.sum - 3.0)) < 1e-9);
    EXPECT(quantiles[1] == 1.0 && quantiles[2] == 2.0 && fabs(quantiles[3] - 1.98) < 1e-9);

    ANSWERS(MISMATCH, ictus_snapshot_value(snapshot, name, &value, 1, &number));
    SUCCEEDS(ictus_snapshot_value(snapshot, str("things"), NULL, 0, &number));
    EXPECT(number == 3.0);
    ictus_snapshot_free(snapshot);

    for (format = ICTUS_FORMAT_TEXT; format <= ICTUS_FORMAT_NATIVE; format++) {
        output.len = 0;
        SUCCEEDS(ictus_registry_render(registry, format, ICTUS_SURFACE_CANONICAL, to_memory, &output));
        EXPECT(output.len > 100);
        EXPECT((format == ICTUS_FORMAT_OPENMETRICS) == (strstr(output.bytes, "\n# EOF\n") != NULL));
        EXPECT((format <= ICTUS_FORMAT_OPENMETRICS) == (strstr(output.bytes, "# TYPE work_seconds ") != NULL));
    }
    ictus_counter_free(counter);
    ictus_timer_free(timer);
    ictus_registry_free(registry);
}

/* An endpoint, asked as a scraper does. */
static void serve(const char *directory)
{
    static struct output output;
    struct sockaddr_in to;
    ictus_exporter *exporter = NULL;
    ictus_exporter *second = NULL;
    const char *port;
    const char *get = "GET /metrics HTTP/1.0\r\n\r\n";
    ssize_t got;
    int client;

    ANSWERS(ADDRESS, ictus_exporter_start(str(directory), str("9464"), 0, &exporter));
    ANSWERS(OPTION, ictus_exporter_start(str(directory), str("127.0.0.1:0"), 64, &exporter));
    ANSWERS(NULL, ictus_exporter_start(str(directory), str("127.0.0.1:0"), 0, NULL));
    EXPECT(exporter == NULL);
    SUCCEEDS(ictus_exporter_start(str(directory), str("127.0.0.1:0"), 0, &exporter));
    ANSWERS(NULL, ictus_exporter_address(NULL, to_memory, &output));
    ANSWERS(NULL, ictus_exporter_address(exporter, NULL, NULL));
    SUCCEEDS(ictus_exporter_address(exporter, to_memory, &output));
    ANSWERS(IO, ictus_exporter_start(str(directory), str(output.bytes), 0, &second));
    port = strchr(output.bytes, ':');
    EXPECT(port != NULL);

    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short)atoi(port + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(client >= 0 && connect(client, (const struct sockaddr *)&to, sizeof to) == 0);
    EXPECT(write(client, get, strlen(get)) == (ssize_t)strlen(get));
    output.len = 0;
    while ((got = read(client, output.bytes + output.len, sizeof output.bytes - 1 - output.len)) > 0) {
        output.len += (size_t)got;
    }
    output.bytes[output.len] = '\0';
    EXPECT(got == 0 && strstr(output.bytes, "\njobs_total{queue=\"mail\"") != NULL);
    close(client);

    ictus_exporter_stop(exporter);
    client = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(client >= 0 && connect(client, (const struct sockaddr *)&to, sizeof to) != 0);
    close(client);
}

/* A handle works after its registry is freed, and another registry shows its observations. */
static void outlive(ictus_registry *registry, const ictus_registry *other)
{
    ictus_counter *counter = NULL;
    SUCCEEDS(ictus_counter_new(registry, str("late"), str(""), NULL, NULL, 0, &counter));
    ictus_registry_free(registry);
    SUCCEEDS(ictus_counter_inc(counter));
    SUCCEEDS(ictus_registry_render(other, ICTUS_FORMAT_TEXT, ICTUS_SURFACE_DEFAULT, to_file, stdout));
    ictus_counter_free(counter);
}

int main(int argc, char **argv)
{
    ictus_registry *in_memory = NULL;
    ictus_registry *registry = NULL;
    ictus_registry *other = NULL;

    EXPECT(argc == 2);
    EXPECT(ictus_abi_version() == ICTUS_ABI_VERSION);
    EXPECT(strcmp(ictus_version().data, ICTUS_VERSION) == 0);
    EXPECT(ictus_version().len == strlen(ICTUS_VERSION));

    SUCCEEDS(ictus_registry_new(&in_memory));
    record(in_memory);
    give_wrong_input(in_memory);
    ictus_registry_free(in_memory);
    measure();

    SUCCEEDS(ictus_registry_open(str(argv[1]), &registry));
    SUCCEEDS(ictus_registry_open(str(argv[1]), &other));
    record(registry);
    serve(argv[1]);
    outlive(registry, other);
    ictus_registry_free(other);
    return 0;
}
