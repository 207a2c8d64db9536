// usage: shim-tests DIRECTORY [SUITE…]: runs all tests, or those of the suites named.
#define _GNU_SOURCE
#include "harness.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct test {
    const char *suite, *name;
    void (*body)(void);
} test;

static test tests[256];
static int test_count;
static int failures;         // of the running test; threads may add
static const char *skipped;  // why the running test does not apply here
static char directory[256];

void harness_add(const char *suite, const char *name, void (*body)(void)) {
    if (test_count < 256) tests[test_count++] = (test){suite, name, body};
}

void harness_fail(const char *file, int line, const char *what) {
    // The first few tell everything; a loop may fail a million times.
    if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) < 5) printf("    %s:%d: %s\n", file, line, what);
}

void harness_skip(const char *why) { skipped = why; }

const char *harness_path(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

int harness_child(int (*body)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int status = body();
        fflush(stdout);
        _exit(status);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f) {
    (void)s, (void)type, (void)f;
    return remove(path);
}

static bool wanted(const char *suite, int count, char **names) {
    for (int i = 0; i < count; i++)
        if (strcmp(suite, names[i]) == 0) return true;
    return count == 0;
}

int main(int count, char **arguments) {
    if (count < 2) return fprintf(stderr, "usage: %s DIRECTORY [SUITE…]\n", arguments[0]), 2;
    snprintf(directory, sizeof directory, "%s/shim-XXXXXX", arguments[1]);
    if (!mkdtemp(directory)) return perror(directory), 2;
    int passed = 0, failed = 0, left_out = 0;
    for (int i = 0; i < test_count; i++) {
        if (!wanted(tests[i].suite, count - 2, arguments + 2)) continue;
        failures = 0;
        skipped = NULL;
        tests[i].body();
        const char *verdict = failures ? "FAILED" : skipped ? "skipped" : "ok";
        printf("%-8s %s.%s%s%s\n", verdict, tests[i].suite, tests[i].name, skipped ? ": " : "",
               skipped ? skipped : "");
        fflush(stdout);
        if (failures) failed++;
        else if (skipped) left_out++;
        else passed++;
    }
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (left_out) printf("%d skipped\n", left_out);
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0 ? 1 : 0;
}
