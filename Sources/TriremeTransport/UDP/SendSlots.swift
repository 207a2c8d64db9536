// Memory of messages on their way out: headers, addresses and vectors that the kernel reads until a send completes.
import CTrireme
import Glibc
import TriremeCore

/// A fixed number of equal slots, each a msghdr with its address, `vectors` iovecs and `bytes` of its own.
struct SendSlots: ~Copyable {
    let count: Int
    private let memory: UnsafeMutableRawPointer
    private let strideBytes: Int
    private let vectorsOffset: Int
    private let bytesOffset: Int
    private let free: UnsafeMutablePointer<UInt16>
    private(set) var freeCount: Int
    /// What the slot's user wants to find again at completion.
    private let notes: UnsafeMutablePointer<Int>

    init(count: Int, vectors: Int, bytes: Int) {
        precondition(count <= 65_535)
        self.count = count
        vectorsOffset = (MemoryLayout<msghdr>.size + MemoryLayout<sockaddr_in>.size + 15) / 16 * 16
        bytesOffset = vectorsOffset + vectors * MemoryLayout<iovec>.stride
        // Slots begin at cache lines.
        strideBytes = (bytesOffset + bytes + 63) / 64 * 64
        memory = .allocate(byteCount: count * strideBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * strideBytes)
        free = .allocate(capacity: count)
        notes = .allocate(capacity: count)
        notes.initialize(repeating: 0, count: count)
        for index in 0..<count {
            (free + index).initialize(to: UInt16(count - 1 - index))
            let slot = memory + index * strideBytes
            var header = msghdr()
            header.msg_name = slot + MemoryLayout<msghdr>.size
            header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in>.size)
            header.msg_iov = (slot + vectorsOffset).bindMemory(to: iovec.self, capacity: vectors)
            slot.bindMemory(to: msghdr.self, capacity: 1).initialize(to: header)
        }
        freeCount = count
    }
    deinit {
        memory.deallocate()
        free.deallocate()
        notes.deallocate()
    }

    /// A free slot, addressed.
    mutating func take(to address: UInt32, port: UInt16, note: Int) -> Int? {
        guard freeCount > 0 else { return nil }
        freeCount -= 1
        let index = Int(free[freeCount])
        notes[index] = note
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address.bigEndian
        header(index).pointee.msg_name.storeBytes(of: name, as: sockaddr_in.self)
        header(index).pointee.msg_iovlen = 0
        return index
    }
    mutating func release(_ index: Int) {
        free[freeCount] = UInt16(index)
        freeCount += 1
    }
    func note(_ index: Int) -> Int { notes[index] }
    func header(_ index: Int) -> UnsafeMutablePointer<msghdr> {
        (memory + index * strideBytes).assumingMemoryBound(to: msghdr.self)
    }
    /// The slot's own bytes.
    func bytes(_ index: Int) -> UnsafeMutableRawPointer { memory + index * strideBytes + bytesOffset }
    /// Appends a piece to the message.
    func append(_ index: Int, _ base: UnsafeRawPointer, _ count: Int) {
        let header = header(index)
        header.pointee.msg_iov[Int(header.pointee.msg_iovlen)] = iovec(
            iov_base: UnsafeMutableRawPointer(mutating: base), iov_len: count)
        header.pointee.msg_iovlen += 1
    }
}
