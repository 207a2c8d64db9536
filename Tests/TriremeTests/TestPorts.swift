// UDP ports of the clusters that these tests start: each kind of test has its own, and so has each process, below those that the kernel
// hands out by itself.
import Glibc

enum TestPorts {
    private static let base = 10_000 + UInt16(getpid() % 60) * 320

    /// Of a small cluster, of which several live at a time.
    static func cluster(_ number: UInt16) -> UInt16 { base + number % 14 * 20 }
    /// Of one replica alone that is started again and again.
    static func alone(_ number: Int) -> UInt16 { base + 280 + UInt16(number % 2) * 5 }
    /// Of the three whose calls fail.
    static var trio: UInt16 { base + 300 }
}
