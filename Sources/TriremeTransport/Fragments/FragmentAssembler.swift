// Puts slices of frames together, by one copy into a provided buffer. Slices may come in any order, twice, and cut for
// different MTUs. Memory is fixed: some slots per lane, each holding one buffer while its frame is incomplete.
import TriremeCore

/// Not for frames of more than 65,536 bytes: the bitmap has 1,024 cells of 64.
package struct FragmentAssembler: ~Copyable {
    private struct Slot {
        var inUse = false
        var generation = Generation.zero
        var sequence: UInt64 = 0
        var frameBytes = 0
        var cellsMissing = 0
        /// When a slice last added something, in accepted fragments.
        var touched: UInt64 = 0
        var buffer: ProvidedBuffer
        var cells: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    }

    package let slotsPerLane: Int
    private let slots: UnsafeMutablePointer<Slot>
    private var clock: UInt64 = 0

    /// Four frames of a lane may be incomplete at a time: fragments of one frame leave together, so more than two are
    /// so only after a loss, and a loss is repaired as a whole.
    package init(slotsPerLane: Int = 4) {
        self.slotsPerLane = slotsPerLane
        let count = (Limits.snapshotLane + 1) * slotsPerLane
        slots = .allocate(capacity: count)
        let nowhere = ProvidedBuffer(number: .max, address: UnsafeMutableRawPointer(slots))
        slots.initialize(repeating: Slot(buffer: nowhere), count: count)
    }
    deinit { slots.deallocate() }

    /// Takes one verified fragment. Returns the buffer and the frame's length when it made a frame whole; the frame
    /// itself is not verified yet. Cost: one copy of the slice.
    package mutating func accept(
        _ fragment: FragmentHeader, slice: UnsafeRawPointer, free: inout BufferStack, counters: inout TransportCounters
    ) -> (buffer: ProvidedBuffer, frameBytes: Int)? {
        let cell = FragmentPlan.cellBytes
        let isLast = fragment.offset + fragment.sliceBytes == fragment.frameBytes
        guard fragment.offset % cell == 0, isLast || fragment.sliceBytes % cell == 0 else {
            counters.contradictingFragments &+= 1
            return nil
        }
        guard let index = slot(for: fragment, free: &free, counters: &counters) else { return nil }
        let slot = slots + index
        guard slot.pointee.frameBytes == fragment.frameBytes else {
            counters.contradictingFragments &+= 1
            return nil
        }
        let new = mark(
            &slot.pointee, first: fragment.offset / cell, last: (fragment.offset + fragment.sliceBytes - 1) / cell)
        guard new > 0 else {
            counters.duplicateFragments &+= 1
            return nil
        }
        clock &+= 1
        slot.pointee.touched = clock
        (slot.pointee.buffer.address + fragment.offset).copyMemory(from: slice, byteCount: fragment.sliceBytes)
        slot.pointee.cellsMissing -= new
        guard slot.pointee.cellsMissing == 0 else { return nil }
        slot.pointee.inUse = false
        counters.batchesAssembled &+= 1
        return (slot.pointee.buffer, fragment.frameBytes)
    }

    /// The slot of the fragment's frame; a new one if it is the frame's first fragment, at the cost of the lane's
    /// oldest where all are in use.
    private mutating func slot(
        for fragment: FragmentHeader, free: inout BufferStack, counters: inout TransportCounters
    ) -> Int? {
        let first = fragment.lane.index * slotsPerLane
        var chosen = first
        for index in first..<first + slotsPerLane {
            let slot = slots + index
            guard slot.pointee.inUse else {
                if slots[chosen].inUse { chosen = index }
                continue
            }
            if slot.pointee.sequence == fragment.sequence, slot.pointee.generation == fragment.generation {
                return index
            }
            if slots[chosen].inUse, slot.pointee.touched < slots[chosen].touched { chosen = index }
        }
        if slots[chosen].inUse { abandon(chosen, free: &free, counters: &counters) }
        if free.count == 0, let oldest = oldest() { abandon(oldest, free: &free, counters: &counters) }
        guard let buffer = free.pop() else {
            counters[.noBuffer] &+= 1
            return nil
        }
        slots[chosen].inUse = true
        slots[chosen].generation = fragment.generation
        slots[chosen].sequence = fragment.sequence
        slots[chosen].frameBytes = fragment.frameBytes
        slots[chosen].cellsMissing = (fragment.frameBytes + FragmentPlan.cellBytes - 1) / FragmentPlan.cellBytes
        slots[chosen].buffer = buffer
        slots[chosen].cells = InlineArray(repeating: 0)
        return chosen
    }

    /// Sets cells first … last and says how many were not set before.
    private func mark(_ slot: inout Slot, first: Int, last: Int) -> Int {
        var new = 0
        for word in first / 64...last / 64 {
            let low = word == first / 64 ? UInt64.max << UInt64(first % 64) : .max
            let high = word == last / 64 ? UInt64.max >> UInt64(63 - last % 64) : .max
            let mask = low & high
            new += (mask & ~slot.cells[word]).nonzeroBitCount
            slot.cells[word] |= mask
        }
        return new
    }

    private func oldest() -> Int? {
        var found: Int?
        for index in 0..<(Limits.snapshotLane + 1) * slotsPerLane where slots[index].inUse {
            if found.map({ slots[index].touched < slots[$0].touched }) ?? true { found = index }
        }
        return found
    }

    private mutating func abandon(_ index: Int, free: inout BufferStack, counters: inout TransportCounters) {
        slots[index].inUse = false
        free.push(slots[index].buffer)
        counters.assembliesAbandoned &+= 1
    }

    /// Frames that are incomplete now.
    package var incomplete: Int {
        (0..<(Limits.snapshotLane + 1) * slotsPerLane).reduce(0) { $0 + (slots[$1].inUse ? 1 : 0) }
    }
}
