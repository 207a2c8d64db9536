// What Swift should know about a pointer: without these words it is imported as implicitly unwrapped.
// Pointers are never null unless they are marked TRM_NULLABLE.
#ifndef TRM_ANNOTATIONS_H
#define TRM_ANNOTATIONS_H

#if defined(__clang__)
#define TRM_NULLABLE _Nullable
#define TRM_ASSUME_NONNULL_BEGIN _Pragma("clang assume_nonnull begin")
#define TRM_ASSUME_NONNULL_END _Pragma("clang assume_nonnull end")
#else
#define TRM_NULLABLE
#define TRM_ASSUME_NONNULL_BEGIN
#define TRM_ASSUME_NONNULL_END
#endif

#endif
