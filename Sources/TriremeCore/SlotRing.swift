// A ring of plain values indexed by slot or sequence: storage that is taken once and never grows.

/// Fixed storage for the values of a moving window of numbers. The caller keeps the window within the capacity.
package struct SlotRing<Element>: ~Copyable {
    @usableFromInline let base: UnsafeMutablePointer<Element>
    @usableFromInline let mask: UInt64

    /// - Parameter capacity: a power of two.
    package init(capacity: Int, repeating value: Element) {
        precondition(capacity.nonzeroBitCount == 1)
        base = .allocate(capacity: capacity)
        base.initialize(repeating: value, count: capacity)
        mask = UInt64(capacity - 1)
    }
    deinit {
        base.deinitialize(count: capacity)
        base.deallocate()
    }
    @inlinable package var capacity: Int { Int(mask) + 1 }
    @inlinable package subscript(_ number: UInt64) -> Element {
        _read { yield base[Int(number & mask)] }
        nonmutating _modify { yield &base[Int(number & mask)] }
    }
}
