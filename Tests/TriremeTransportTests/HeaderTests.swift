// The wire format and its refusals, without sockets.
import CTrireme
import Testing
import TriremeCore
import TriremeTransport

@Suite struct HeaderTests {
    static let sender = DatagramOrigin(cluster: Loopback.cluster, group: 7, me: ReplicaID(1))
    static let verifier = DatagramVerifier(
        origin: DatagramOrigin(cluster: Loopback.cluster, group: 7, me: ReplicaID(0)), members: 0b111,
        batchBytes: 61_440)

    static func control(_ body: [UInt8], _ kind: DatagramKind = .status) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 40) + body
        let count = bytes.count
        bytes.withUnsafeMutableBytes {
            DatagramHeader.write(to: $0.baseAddress!, kind, from: sender, lane: sender.me, payloadBytes: body.count)
            DatagramHeader.seal($0.baseAddress!, count: count)
        }
        return bytes
    }

    static func fragment(_ header: FragmentHeader, _ slice: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64) + slice
        bytes.withUnsafeMutableBytes { header.write(to: $0.baseAddress!, from: sender) }
        return bytes
    }

    /// Why a datagram is refused; nil if it is taken. The bytes end where their allocation ends.
    static func refusal(_ bytes: [UInt8], _ verifier: DatagramVerifier = verifier) -> Refusal? {
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
        defer { copy.deallocate() }
        bytes.withUnsafeBytes { if let base = $0.baseAddress { copy.copyMemory(from: base, byteCount: bytes.count) } }
        let verdict = verifier.verify(copy, count: bytes.count)
        #expect(Array(UnsafeRawBufferPointer(start: copy, count: bytes.count)) == bytes, "verifying leaves no trace")
        if case .refused(let reason) = verdict { return reason }
        return nil
    }

    /// Sets bytes and makes the checksum right again, so that later checks are reached.
    static func changed(_ bytes: [UInt8], at offset: Int, to value: [UInt8], sealed count: Int? = nil) -> [UInt8] {
        var copy = bytes
        copy.replaceSubrange(offset..<offset + value.count, with: value)
        if let count {
            copy.replaceSubrange(32..<36, with: [0, 0, 0, 0])
            copy.withUnsafeMutableBytes { DatagramHeader.seal($0.baseAddress!, count: count) }
        }
        return copy
    }

    @Test func theCommonPrefixStandsWhereTheFormatSays() {
        let bytes = Self.control([9, 8, 7], .propose)
        #expect(Array(bytes[0..<8]) == Array("TRM1".utf8) + [1, 17, 1, 1])
        #expect(
            Array(bytes[8..<24]) == [
                0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01, 0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE,
            ])
        #expect(Array(bytes[24..<32]) == [7, 0, 0, 0, 3, 0, 0, 0])
        let zeroed = Self.changed(bytes, at: 32, to: [0, 0, 0, 0])
        #expect(bytes.withUnsafeBytes { $0.baseAddress!.word32(32) } == trm_crc32c(0, zeroed, zeroed.count))
        #expect(Array(bytes[36..<40]) == [0, 0, 0, 0])
    }

    @Test func batchHeadersComeBackAsTheyWere() throws {
        let batch = TestBatch(lane: 2, sequence: 0x0102_0304_0506_0708, bytes: 640)
        let frame = batch.frame(from: Self.sender)
        #expect(frame[40..<48].elementsEqual([3, 0, 0, 0, 1, 0, 0, 0]))
        #expect(frame[48..<56].elementsEqual([8, 7, 6, 5, 4, 3, 2, 1]))
        #expect(frame[56..<64].elementsEqual([10, 0, 0, 0, 64, 0, 0, 0]))
        #expect(frame[72..<128].allSatisfy { $0 == 0 }, "nothing old leaks in the reserved bytes")
        var copy = frame
        let verdict = copy.withUnsafeMutableBytes { Self.verifier.verify($0.baseAddress!, count: frame.count) }
        guard case .batch(let found, let from) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(found == batch.descriptor && from == ReplicaID(1))
    }

    @Test func fragmentHeadersComeBackAsTheyWere() {
        let header = FragmentHeader(
            lane: ReplicaID(2), generation: Generation(epoch: 5, counter: 6), sequence: 77, offset: 1_408,
            sliceBytes: 100,
            frameBytes: 1_508)
        var bytes = Self.fragment(header, [UInt8](repeating: 4, count: 100))
        let count = bytes.count
        let verdict = bytes.withUnsafeMutableBytes { Self.verifier.verify($0.baseAddress!, count: count) }
        guard case .fragment(let found, let from) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(found == header && from == ReplicaID(1))
    }

    @Test func everyRefusalHasItsReason() {
        let good = Self.control([1, 2, 3, 4])
        #expect(Self.refusal(good) == nil)
        #expect(Self.refusal([]) == .length)
        #expect(Self.refusal(Array(good[..<39])) == .length)
        #expect(Self.refusal(good + [0]) == .length)
        #expect(Self.refusal(Self.changed(good, at: 0, to: [0])) == .magic)
        #expect(Self.refusal(Self.changed(good, at: 4, to: [2])) == .version)
        #expect(Self.refusal(Self.changed(good, at: 23, to: [0])) == .cluster)
        #expect(Self.refusal(Self.changed(good, at: 24, to: [8])) == .group)
        #expect(Self.refusal(Self.changed(good, at: 6, to: [3])) == .sender, "no member")
        #expect(Self.refusal(Self.changed(good, at: 6, to: [200])) == .sender)
        #expect(Self.refusal(Self.changed(good, at: 6, to: [0])) == .sender, "myself")
        #expect(Self.refusal(Self.changed(good, at: 41, to: [9])) == .headerChecksum)
        #expect(Self.refusal(Self.changed(good, at: 5, to: [99], sealed: 44)) == .kind)
        #expect(Self.refusal(Self.control([UInt8](repeating: 0, count: Limits.controlBodyBytes))) == nil)
        #expect(Self.refusal(Self.control([UInt8](repeating: 0, count: Limits.controlBodyBytes + 1))) == .length)
    }

    @Test func batchesAreRefusedForWhatNoSenderWrites() {
        let frame = TestBatch(lane: 1, sequence: 1, bytes: 640).frame(from: Self.sender)
        #expect(Self.refusal(frame) == nil)
        #expect(Self.refusal(Self.changed(frame, at: 300, to: [frame[300] ^ 1])) == .payloadChecksum)
        #expect(Self.refusal(Self.changed(frame, at: 100, to: [1])) == .headerChecksum)
        #expect(Self.refusal(Self.changed(frame, at: 7, to: [16], sealed: 128)) == .malformed, "lane")
        #expect(Self.refusal(Self.changed(frame, at: 48, to: [0], sealed: 128)) == .malformed, "sequence 0")
        #expect(
            Self.refusal(Self.changed(frame, at: 56, to: [11], sealed: 128)) == .malformed, "more commands than payload"
        )
        #expect(Self.refusal(TestBatch(lane: 1, sequence: 1, bytes: 61_440).frame(from: Self.sender)) == .length)
        let small = DatagramVerifier(origin: Self.verifier.origin, members: 0b111, batchBytes: 4_096)
        #expect(
            Self.refusal(TestBatch(lane: 1, sequence: 1, bytes: 4_096 - 128).frame(from: Self.sender), small) == nil)
        #expect(
            Self.refusal(TestBatch(lane: 1, sequence: 1, bytes: 4_097 - 128).frame(from: Self.sender), small) == .length
        )
    }

    @Test func fragmentsAreRefusedForWhatNoSenderWrites() {
        func refusal(_ change: (inout FragmentHeader) -> Void) -> Refusal? {
            var header = FragmentHeader(
                lane: ReplicaID(1), generation: .zero, sequence: 1, offset: 64, sliceBytes: 64, frameBytes: 256)
            change(&header)
            return Self.refusal(Self.fragment(header, [UInt8](repeating: 0, count: header.sliceBytes)))
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0.lane = ReplicaID(16) } == .malformed)
        #expect(refusal { $0.sequence = 0 } == .malformed)
        #expect(refusal { $0.sliceBytes = 0 } == .malformed)
        #expect(refusal { $0.offset = 256 } == .malformed)
        #expect(refusal { $0.offset = Int(UInt32.max) } == .malformed)
        #expect(refusal { $0.frameBytes = 61_441 } == .malformed)
        #expect(refusal { $0.frameBytes = 128 } == .malformed)
    }

    @Test func truncatedAtEveryLengthNothingIsTaken() {
        let slice = [UInt8](repeating: 3, count: 64)
        let header = FragmentHeader(
            lane: ReplicaID(1), generation: .zero, sequence: 1, offset: 0, sliceBytes: 64, frameBytes: 256)
        for whole in [
            Self.control([1, 2, 3]), TestBatch(lane: 1, sequence: 1, bytes: 200).frame(from: Self.sender),
            Self.fragment(header, slice),
        ] {
            for count in 0..<whole.count { #expect(Self.refusal(Array(whole[..<count])) == .length) }
        }
    }

    /// A fragment's slice is not covered by its own checksum: damage there shows when the frame is whole.
    @Test func withAnyByteFlippedNothingIsTaken() {
        let header = FragmentHeader(
            lane: ReplicaID(1), generation: .zero, sequence: 1, offset: 0, sliceBytes: 64, frameBytes: 256)
        let datagrams = [
            Self.control([1, 2, 3]), TestBatch(lane: 1, sequence: 1, bytes: 200).frame(from: Self.sender),
            Self.fragment(header, [UInt8](repeating: 3, count: 64)),
        ]
        for (index, whole) in datagrams.enumerated() {
            for position in whole.indices where index != 2 || position < 64 {
                for bit in 0..<8 {
                    var flipped = whole
                    flipped[position] ^= 1 << UInt8(bit)
                    #expect(Self.refusal(flipped) != nil, "byte \(position) of datagram \(index)")
                }
            }
        }
    }

    @Test func randomBytesBehindARightPrefixNeverCrash() {
        var generator = SystemRandomNumberGenerator()
        for kind in [UInt8(1), 2, 3, 4, 16, 99] {
            for _ in 0..<2_000 {
                var bytes = Self.control([UInt8](repeating: 0, count: Int.random(in: 0...200)))
                for position in 28..<bytes.count { bytes[position] = UInt8.random(in: 0...255, using: &generator) }
                bytes[5] = kind
                let header = kind == 1 ? 128 : kind == 2 ? 64 : 40
                guard bytes.count >= header else { continue }
                let body = bytes.count - header
                bytes[28...31] = [UInt8(body & 255), UInt8(body >> 8), 0, 0]
                bytes = Self.changed(
                    bytes, at: 32, to: [0, 0, 0, 0], sealed: DatagramHeader.checkedBytes(of: kind, in: bytes.count))
                _ = Self.refusal(bytes)
            }
        }
    }
}
