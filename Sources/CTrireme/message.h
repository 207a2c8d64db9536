// One sentence for a person, cut off where the caller's buffer ends. Private to the shim.
#ifndef TRM_MESSAGE_H
#define TRM_MESSAGE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

__attribute__((format(printf, 3, 4))) static inline void trm_say(char *message, size_t capacity,
                                                                 const char *format, ...) {
    if (capacity == 0) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, capacity, format, arguments);
    va_end(arguments);
}

#endif
