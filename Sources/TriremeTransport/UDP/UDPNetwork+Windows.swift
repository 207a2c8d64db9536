// How much of what others send fits into this replica's socket: windows are derived from it (PROTOCOL §3, step 5).
import CTrireme
import TriremeCore

/// What sockets are charged for datagrams. The kernel charges memory, not payload.
package enum SocketAccounting {
    /// Fewest batches of every other lane that a socket must hold: one that is being read, and one on its way.
    package static let batchesPerLaneMinimum = 2

    /// Bytes charged for one datagram. Up to about 16,000 bytes lie in one power of two with 256 bytes of bookkeeping;
    /// longer ones in pages of their own, with up to 1,632. (Measured on Linux 6.18: 2,304 for 1,024, 8,448 for 4,096,
    /// 16,640 for 8,960, less than 63,100 for 61,440.)
    package static func chargedBytes(datagramBytes: Int) -> Int {
        let linear = datagramBytes + WireFormat.ipBytes + 448
        guard linear <= 16_384 else { return datagramBytes + WireFormat.ipBytes + 1_632 }
        return (1 << (Int.bitWidth - (linear - 1).leadingZeroBitCount)) + 256
    }

    /// Bytes charged for a frame, in as many datagrams as the plan makes of it. Fragments that arrive joined (GRO)
    /// cost less; whether they do is not for the receiver to say, so they are charged one by one.
    package static func chargedBytes(frameBytes: Int, plan: FragmentPlan) -> Int {
        guard !plan.fitsWhole(frameBytes: frameBytes) else { return chargedBytes(datagramBytes: frameBytes) }
        let full = frameBytes / plan.sliceBytes
        let rest = frameBytes % plan.sliceBytes
        return full * chargedBytes(datagramBytes: plan.segmentBytes)
            + (rest > 0 ? chargedBytes(datagramBytes: WireFormat.fragmentHeaderBytes + rest) : 0)
    }

    /// Largest batches of each of `otherLanes` that a socket of so many bytes holds while nobody reads it.
    package static func batchesThatFit(grantedBytes: Int, batchBytes: Int, plan: FragmentPlan, otherLanes: Int) -> Int {
        grantedBytes / (chargedBytes(frameBytes: batchBytes, plan: plan) * max(otherLanes, 1))
    }

    /// Nil, or why the grant is too little, and what mends it.
    package static func refusal(
        grantedBytes: Int, batchBytes: Int, plan: FragmentPlan, otherLanes: Int
    ) -> TransportError? {
        let fit = batchesThatFit(
            grantedBytes: grantedBytes, batchBytes: batchBytes, plan: plan, otherLanes: otherLanes)
        guard otherLanes > 0, fit < batchesPerLaneMinimum else { return nil }
        let needed = chargedBytes(frameBytes: batchBytes, plan: plan) * otherLanes * batchesPerLaneMinimum
        // The kernel grants twice of what the sysctl names.
        return TransportError(
            .buffers,
            "socket receive buffer: \(grantedBytes) bytes granted, \(needed) needed for \(batchesPerLaneMinimum) batches of \(batchBytes) bytes from each of \(otherLanes) other members; `sysctl -w net.core.rmem_max=\((needed + 1) / 2)`"
        )
    }
}

extension UDPNetwork {
    /// Bytes that the data socket may hold, as the kernel charges them.
    package var grantedReceiveBytes: Int { sockets.grantedBytes(.data) }

    /// Largest batches of each of so many other lanes that the data socket holds while nobody reads it.
    package func batchesThatFit(otherLanes: Int) -> Int {
        SocketAccounting.batchesThatFit(
            grantedBytes: grantedReceiveBytes, batchBytes: options.batchBytes, plan: plan, otherLanes: otherLanes)
    }

    /// Batches that each of so many other lanes may have under way, so that none is dropped: three quarters of what
    /// fits, for the kernel gives back what was read only when it is a quarter of the buffer, or all. (Measured: of a
    /// full buffer of 134 batches, reading 24 by twos made room for none.)
    package func windowBatches(otherLanes: Int) -> Int {
        max(SocketAccounting.batchesPerLaneMinimum, batchesThatFit(otherLanes: otherLanes) * 3 / 4)
    }
}
