// Integers as Redis reads and writes them.

/// The number that `bytes` spell, or `nil`. Strict as Redis is: digits with at most a minus before them, no leading zeros, no
/// blanks, no "-0", within 64 bits.
func parseInteger(_ bytes: UnsafeRawBufferPointer) -> Int64? {
    guard bytes.count >= 1, bytes.count <= 20 else { return nil }
    let isNegative = bytes[0] == UInt8(ascii: "-")
    let digits = bytes.dropFirst(isNegative ? 1 : 0)
    guard let leading = digits.first else { return nil }
    if leading == UInt8(ascii: "0") { return bytes.count == 1 ? 0 : nil }
    var magnitude: UInt64 = 0
    for byte in digits {
        let digit = byte &- UInt8(ascii: "0")
        guard digit <= 9 else { return nil }
        let (ten, overflow) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, carry) = ten.addingReportingOverflow(UInt64(digit))
        guard !overflow, !carry else { return nil }
        magnitude = sum
    }
    if isNegative {
        return magnitude <= Int64.min.magnitude ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
    }
    return Int64(exactly: magnitude)
}

/// Calls `body` with the decimal digits of `value`.
func withDecimal<R>(_ value: Int64, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { buffer in
        var first = 20
        var rest = value.magnitude
        repeat {
            first -= 1
            buffer[first] = UInt8(truncatingIfNeeded: 48 + rest % 10)
            rest /= 10
        } while rest > 0
        if value < 0 {
            first -= 1
            buffer[first] = UInt8(ascii: "-")
        }
        return body(UnsafeRawBufferPointer(rebasing: buffer[first...]))
    }
}
