// A test harness of one page: tests register themselves before main; a failed check is printed and
// counted, and the test goes on unless it was a REQUIRE.
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void harness_add(const char *suite, const char *name, void (*body)(void));
void harness_fail(const char *file, int line, const char *what);
void harness_skip(const char *why);

/// A directory for this run's files, on a real disk; removed at the end.
const char *harness_path(const char *name);

/// Runs `body` in a child process and returns its exit status, or -1 if it was killed.
int harness_child(int (*body)(void));

#define TEST(suite, name)                                                                     \
    static void name(void);                                                                   \
    __attribute__((constructor)) static void add_##name(void) { harness_add(#suite, #name, name); } \
    static void name(void)

#define CHECK(condition)                                                \
    do {                                                                \
        if (!(condition)) harness_fail(__FILE__, __LINE__, #condition); \
    } while (0)

#define REQUIRE(condition)                                \
    do {                                                  \
        if (!(condition)) {                               \
            harness_fail(__FILE__, __LINE__, #condition); \
            return;                                       \
        }                                                 \
    } while (0)

#define CHECK_EQUAL(found, wanted)                                                            \
    do {                                                                                      \
        long long found_ = (long long)(found), wanted_ = (long long)(wanted);                 \
        if (found_ != wanted_) {                                                              \
            char text_[256];                                                                  \
            snprintf(text_, sizeof text_, "%s is %lld, not %lld", #found, found_, wanted_);   \
            harness_fail(__FILE__, __LINE__, text_);                                          \
        }                                                                                     \
    } while (0)

/// A sentence for people: it has these words and ends with a full stop.
#define CHECK_SENTENCE(text, words)                                     \
    do {                                                                \
        if (!strstr((text), (words)) || (text)[strlen(text) - 1] != '.') \
            harness_fail(__FILE__, __LINE__, (text));                   \
    } while (0)

/// A small generator of repeatable numbers (xorshift).
static inline uint64_t harness_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
