// How a frame is cut where a path's MTU does not allow it whole. Pure arithmetic, fixed at start.
import TriremeCore

package struct FragmentPlan: Equatable, Sendable {
    /// Frames are cut at multiples of this, so that a receiver marks what it has in a bitmap of fixed size and slices
    /// cut for different MTUs (a repair over another path) still fit together.
    package static let cellBytes = 64
    /// Least MTU that IPv4 hosts must carry; smaller ones are a mistake.
    package static let mtuBytesMinimum = 576
    /// UDP_MAX_SEGMENTS of the oldest kernels in use.
    package static let segmentsMaximum = 64

    /// Bytes of every slice but a frame's last: a multiple of ``cellBytes``.
    package let sliceBytes: Int
    /// Fragments in one send, when the kernel cuts them apart (GSO).
    package let fragmentsPerSend: Int

    package init(mtuBytes: Int, segmentationOffload: Bool) {
        precondition(mtuBytes >= Self.mtuBytesMinimum)
        let datagramBytes = min(mtuBytes - WireFormat.ipBytes, WireFormat.datagramBytesMaximum)
        sliceBytes = (datagramBytes - WireFormat.fragmentHeaderBytes) / Self.cellBytes * Self.cellBytes
        fragmentsPerSend =
            segmentationOffload
            ? min(Self.segmentsMaximum, WireFormat.datagramBytesMaximum / (sliceBytes + WireFormat.fragmentHeaderBytes))
            : 1
    }

    /// Bytes of a full fragment datagram: the segment size that the socket is told.
    package var segmentBytes: Int { WireFormat.fragmentHeaderBytes + sliceBytes }
    /// Whether a frame goes in one datagram. Judged by the segment size and not by the MTU, which may be some bytes more:
    /// the kernel would cut there.
    package func fitsWhole(frameBytes: Int) -> Bool { frameBytes <= segmentBytes }
    package func fragments(frameBytes: Int) -> Int { (frameBytes + sliceBytes - 1) / sliceBytes }
    /// Sends that carry a whole frame to one destination.
    package func sends(frameBytes: Int) -> Int {
        fitsWhole(frameBytes: frameBytes)
            ? 1 : (fragments(frameBytes: frameBytes) + fragmentsPerSend - 1) / fragmentsPerSend
    }
}
