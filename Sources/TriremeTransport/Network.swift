// What an engine needs of a network. Two kinds exist: UDP over io_uring, and the simulator's.
import TriremeCore

/// What a network hands up. Pointers are valid until the next call of ``Network/next()``.
package enum Arrival {
    /// A control message whose header was verified; `body` follows the common header.
    case control(DatagramKind, from: ReplicaID, body: UnsafeRawBufferPointer)
    /// A whole batch in one of the buffers that were provided: 128 bytes of header (to be overwritten), then the payload,
    /// checksum verified. The buffer belongs to the engine from here on.
    case batch(BatchDescriptor, from: ReplicaID, buffer: UInt32, frame: UnsafeMutableRawPointer)
    /// Everything that was to be sent from the payload given with this token has left.
    case sent(token: UInt32)
}

/// Datagrams between the members of one group. Loss, duplication and reordering are allowed; what arrives is whole,
/// of this cluster, from the member it names, and carries a correct checksum.
package protocol Network: ~Copyable {
    /// Gives an empty, page-aligned buffer to receive into: `address` is where the frame header of a batch shall land,
    /// and a page (4,096 bytes) before it belongs to the network too.
    mutating func provide(buffer: UInt32, at address: UnsafeMutableRawPointer)
    /// Whether batches are about to be lost for want of provided buffers: the engine then gives up what it only keeps.
    var wantsBuffers: Bool { get }
    /// Whether a batch that is sealed now would wait here: a link is full. The engine then lets it grow instead, and does not
    /// announce what others would miss, and ask for, before it was sent.
    var isBackedUp: Bool { get }
    /// By how much longer than usual what is missing may still be on its way, since a link is full: in nanoseconds.
    var patienceNanoseconds: UInt64 { get }
    /// What the fullest link on the way was found to carry, in bytes a second; 0 while none is full.
    var linkBytesPerSecond: UInt64 { get }
    /// Copies `body` (at most ``Limits/controlBodyBytes``) and multicasts it to all other members.
    mutating func multicast(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer)
    /// Copies `body` and sends it to one member.
    mutating func send(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, to: ReplicaID)
    /// Multicasts a batch to all other members. `payload` stays untouched until ``Arrival/sent(token:)``.
    mutating func multicast(_ batch: BatchDescriptor, payload: UnsafeRawPointer, token: UInt32)
    /// Sends a batch to one member (repair). `payload` stays untouched until ``Arrival/sent(token:)``.
    mutating func send(_ batch: BatchDescriptor, payload: UnsafeRawPointer, to: ReplicaID, token: UInt32)
    /// The next thing that has arrived, if any. Never waits.
    mutating func next() -> Arrival?
}

extension Network where Self: ~Copyable {
    package var isBackedUp: Bool { false }
    package var patienceNanoseconds: UInt64 { 0 }
    package var linkBytesPerSecond: UInt64 { 0 }
}
