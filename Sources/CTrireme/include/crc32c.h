// CRC32C (Castagnoli, RFC 3720), the checksum of batches, records and frames. Any thread.
#ifndef TRM_CRC32C_H
#define TRM_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

/// The checksum of `bytes` bytes that follow data with checksum `seed_crc`: 0 for a beginning, and
/// crc(crc(0, a), b) is that of a and b together. Uses the best instructions the processor has.
uint32_t trm_crc32c(uint32_t seed_crc, const void *data, size_t bytes);

/// The checksum of two pieces together from that of each: `second_bytes` is the length of the second.
uint32_t trm_crc32c_combine(uint32_t first_crc, uint32_t second_crc, uint64_t second_bytes);

/// Which way is in use: "avx512", "sse4.2", "armv8" or "table".
const char *trm_crc32c_implementation(void);

/// One way by its name, for tests and measurements; null where this processor lacks it.
typedef uint32_t (*trm_crc32c_function)(uint32_t seed_crc, const void *data, size_t bytes);
trm_crc32c_function TRM_NULLABLE trm_crc32c_named(const char *name);

TRM_ASSUME_NONNULL_END

#endif
