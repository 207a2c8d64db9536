// What a network has done and refused, counted. Owned by the reactor's thread; plain words, so that a counters page may copy it.

/// Why a datagram was dropped, in the order in which it is asked (RELIABILITY, security rules).
package enum Refusal: Int, CaseIterable, Sendable {
    /// Shorter than its header, longer than its buffer, or not of the length that it says.
    case length
    case magic
    case version
    case cluster
    case group
    /// Not a member of the configuration, or this replica itself.
    case sender
    case headerChecksum
    case payloadChecksum
    /// A kind that this version does not know.
    case kind
    /// Fields that no sender writes: a lane out of range, sequence 0, commands longer than the payload.
    case malformed
    /// Right, but no buffer was free to keep it in.
    case noBuffer
}

/// Counters since start. Datagrams are what the wire carried: a batch in 44 fragments counts 44.
package struct TransportCounters: Sendable {
    package var batchDatagramsSent: UInt64 = 0
    package var batchBytesSent: UInt64 = 0
    /// Datagrams of batches, each counted once for every member that it was sent to.
    package var batchDeliveriesMeant: UInt64 = 0
    package var controlDatagramsSent: UInt64 = 0
    package var controlBytesSent: UInt64 = 0
    package var batchDatagramsReceived: UInt64 = 0
    package var batchBytesReceived: UInt64 = 0
    package var controlDatagramsReceived: UInt64 = 0
    package var controlBytesReceived: UInt64 = 0
    package var unicastDatagramsReceived: UInt64 = 0
    /// Datagrams, times the members that each was meant for: what the others together should receive. Without probes.
    package var copiesSent: UInt64 = 0
    package var probesReceived: UInt64 = 0
    package var fragmentsSent: UInt64 = 0
    package var fragmentsReceived: UInt64 = 0
    package var duplicateFragments: UInt64 = 0
    /// Fragments that contradict others of the same batch, or that no sender cuts so.
    package var contradictingFragments: UInt64 = 0
    package var batchesAssembled: UInt64 = 0
    /// Unfinished assemblies given up for newer ones.
    package var assembliesAbandoned: UInt64 = 0
    /// Batches that were copied once on the way in (assembled, or by unicast); all others were handed up in place.
    package var batchesCopied: UInt64 = 0
    /// Multishot receives that ended because no buffer was provided.
    package var receiveBuffersExhausted: UInt64 = 0
    package var receiveErrors: UInt64 = 0
    /// Multishot receives that were started again.
    package var receivesRearmed: UInt64 = 0
    package var sendErrors: UInt64 = 0
    /// Errno of the last of them.
    package var lastSendError: UInt64 = 0
    /// 1 if the kernel refused to cut frames into fragments (GSO) and they are cut here.
    package var segmentationOffloadsRefused: UInt64 = 0
    /// Messages not sent because all slots were in use.
    package var controlSendsDropped: UInt64 = 0
    package var batchSendsDropped: UInt64 = 0
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    package var kernelDrops: UInt64 = 0
    /// Those of them at the socket of control messages.
    package var controlKernelDrops: UInt64 = 0
    /// Times that this replica told senders a rate because the link to it was full.
    package var advicesSent: UInt64 = 0
    package var probesSent: UInt64 = 0
    package var probeRepliesSent: UInt64 = 0
    package var refusals: InlineArray<11, UInt64> = InlineArray(repeating: 0)

    package init() {}

    @inlinable package subscript(reason: Refusal) -> UInt64 {
        get { refusals[reason.rawValue] }
        set { refusals[reason.rawValue] = newValue }
    }
    package var refused: UInt64 {
        var sum: UInt64 = 0
        for index in refusals.indices { sum &+= refusals[index] }
        return sum
    }
}
