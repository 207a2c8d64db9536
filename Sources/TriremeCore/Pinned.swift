// What keeps large structs where they are.
import Synchronization

/// A stored property that keeps its noncopyable owner in memory, at one address.
///
/// The compiler hands a struct of plain values over by value, however large it is: a method that only reads gets a copy of all
/// of it, made on the stack for every call that is not inlined (measured: 350 KB copied in a turn, an eighth of the processor).
/// A struct that contains an atomic has an address instead. The atomic is never touched.
package struct Pinned: ~Copyable {
    private let anchor = Atomic<UInt8>(0)
    package init() {}
}
