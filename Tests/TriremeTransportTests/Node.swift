// A network with a ring of its own, driven by hand from one thread: what a reactor does, without the engine.
import CTrireme
import Glibc
import Testing
import TriremeCore
import TriremeTransport

/// What came up, copied out of the network's memory.
enum Seen: Equatable {
    case control(DatagramKind, from: Int, body: [UInt8])
    case batch(BatchDescriptor, from: Int, buffer: UInt32, content: [UInt8], aligned: Bool)
    case sent(UInt32)
}

final class Node {
    let id: Int
    private let ring: OpaquePointer
    var network: UDPNetwork
    let memory: UnsafeMutableRawPointer
    let stride: Int
    let buffers: Int
    var seen: [Seen] = []
    /// Buffers are given back at once; otherwise the test does it.
    var returnsBuffers = true
    /// Frames are copied into ``seen`` with their content.
    var keepsContent = true
    var batches = 0
    private(set) var held: [UInt32] = []

    init(_ options: UDPNetworkOptions, buffers: Int = 32) throws {
        id = options.origin.me.index
        self.buffers = buffers
        var options = options
        options.providedBuffers = buffers
        var ringOptions = trm_ring_default_options(1024)
        ringOptions.cq_entries = 8192
        var made: OpaquePointer?
        var message = [CChar](repeating: 0, count: 512)
        guard trm_ring_create(&made, &ringOptions, &message, message.count) == 0, let made else {
            throw TransportError(
                .ring, String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        ring = made
        let none = [Int32](repeating: -1, count: 8)
        try #require(trm_ring_register_files(ring, none, 8) == 0)
        do {
            network = try UDPNetwork(
                ring: ring, options: options, boot: trm_realtime_nanoseconds(), now: trm_monotonic_nanoseconds())
        } catch {
            trm_ring_destroy(ring)
            throw error
        }
        stride = 4096 + 61_440
        memory = .allocate(byteCount: buffers * stride, alignment: 4096)
        for buffer in 0..<buffers { provide(UInt32(buffer)) }
    }
    deinit {
        trm_ring_destroy(ring)
        memory.deallocate()
    }

    func provide(_ buffer: UInt32) { network.provide(buffer: buffer, at: memory + Int(buffer) * stride + 4096) }

    func provideHeld() {
        for buffer in held { provide(buffer) }
        held = []
    }

    /// One turn of a reactor. Returns how much came up.
    @discardableResult
    func turn(tick: Bool = false, wait: Int64 = 0) -> Int {
        if tick { network.tick(now: trm_monotonic_nanoseconds()) }
        _ = trm_ring_submit_and_wait(ring, wait > 0 ? 1 : 0, wait)
        var completions = [trm_completion](repeating: trm_completion(), count: 256)
        while case let count = trm_ring_completions(ring, &completions, 256), count > 0 {
            for index in 0..<Int(count) {
                #expect(TransportToken.isOurs(completions[index].token))
                network.complete(completions[index])
            }
        }
        var arrivals = 0
        while let arrival = network.next() {
            arrivals += 1
            switch arrival {
            case .control(let kind, let from, let body):
                seen.append(.control(kind, from: from.index, body: Array(body)))
            case .batch(let batch, let from, let buffer, let frame):
                batches += 1
                if keepsContent {
                    let payload = UnsafeRawBufferPointer(start: frame + 128, count: Int(batch.payloadBytes))
                    let home = memory + Int(buffer) * stride + 4096
                    seen.append(
                        .batch(
                            batch, from: from.index, buffer: buffer, content: Array(payload),
                            aligned: UInt(bitPattern: frame) % 4096 == 0 && frame == home))
                }
                if returnsBuffers { provide(buffer) } else { held.append(buffer) }
            case .sent(let token):
                seen.append(.sent(token))
            }
        }
        return arrivals
    }

    var batchesSeen: [Seen] { seen.filter { if case .batch = $0 { true } else { false } } }
    var controlsSeen: [Seen] { seen.filter { if case .control = $0 { true } else { false } } }
    var sentSeen: [Seen] { seen.filter { if case .sent = $0 { true } else { false } } }
    var grantedBatches: Int { network.batchesThatFit(otherLanes: 1) }
}

/// Turns all nodes until `done`, for at most ten seconds: machines that test are busy.
@discardableResult
func turn(_ nodes: [Node], tick: Bool = false, until done: () -> Bool) -> Bool {
    let end = trm_monotonic_nanoseconds() + 10_000_000_000
    while trm_monotonic_nanoseconds() < end {
        for node in nodes { node.turn(tick: tick) }
        if done() { return true }
    }
    return false
}

/// Lets everything that is under way arrive, however little of the processor this thread gets.
func settle(_ nodes: [Node], milliseconds: UInt64 = 30) {
    let end = trm_monotonic_nanoseconds() + milliseconds * 1_000_000
    var turns = 0
    while turns < 100 || trm_monotonic_nanoseconds() < end {
        for node in nodes { node.turn() }
        turns += 1
    }
}

enum Loopback {
    static let cluster = ClusterID(low: 0x0123_4567_89AB_CDEF, high: 0xFEDC_BA98_7654_3210)

    /// A port and a group that nobody uses: members' ports can all be bound at the moment.
    static func place() -> (port: UInt16, group: UInt32) {
        while true {
            let mix = UInt64.random(in: 0 ... .max)
            let port = UInt16(20_000 + mix % 12_000)
            let group = 239 << 24 | 77 << 16 | UInt32(mix >> 32 & 0xFF) << 8 | UInt32(mix >> 48 & 0x7F)
            if (port..<port + 6).allSatisfy(isFree) { return (port, group) }
        }
    }

    private static func isFree(_ port: UInt16) -> Bool {
        var options = trm_udp_options()
        options.bind_port = port
        var message = [CChar](repeating: 0, count: 512)
        let descriptor = trm_udp_open(&options, &message, message.count)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }

    static func options(_ me: Int, of members: Int, at place: (port: UInt16, group: UInt32)) -> UDPNetworkOptions {
        UDPNetworkOptions(
            origin: DatagramOrigin(cluster: cluster, group: 7, me: ReplicaID(me)),
            members: (0..<members).map { .init(id: ReplicaID($0), address: 127 << 24 | 1) }, interface: "lo",
            multicastAddress: place.group, port: place.port)
    }

    static func nodes(_ count: Int, _ change: (inout UDPNetworkOptions, Int) -> Void = { _, _ in }) throws -> [Node] {
        let place = place()
        return try (0..<count).map { me in
            var options = options(me, of: count, at: place)
            change(&options, me)
            return try Node(options)
        }
    }
}

/// A batch with content that depends on all of its name.
struct TestBatch {
    let descriptor: BatchDescriptor
    let payload: [UInt8]
    let pointer: UnsafeRawPointer

    init(lane: Int, sequence: UInt64, bytes: Int = 61_440 - 128, generation: UInt32 = 3) {
        var state = UInt64(lane) &* 1_000_003 &+ sequence &* 0x9E37_79B9_7F4A_7C15
        payload = (0..<bytes).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        pointer = payload.pinned()
        let checksum = trm_crc32c(0, payload, payload.count)
        descriptor = BatchDescriptor(
            lane: ReplicaID(lane), generation: Generation(epoch: 1, counter: generation), sequence: sequence,
            payloadBytes: UInt32(bytes), payloadChecksum: checksum, count: UInt32(bytes / 64), stride: 64,
            digest: BatchDescriptor.chain(0, checksum: checksum, payloadBytes: UInt32(bytes)))
    }

    /// Header and payload, as one frame from `origin`.
    func frame(from origin: DatagramOrigin) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: 128 + payload.count)
        bytes.withUnsafeMutableBytes { frame in
            BatchHeader.write(to: frame.baseAddress!, descriptor, from: origin)
            frame.baseAddress!.advanced(by: 128).copyMemory(from: payload, byteCount: payload.count)
        }
        return bytes
    }
}

extension [UInt8] {
    /// A copy that stays for good: what the kernel is sending must outlive the call.
    func pinned() -> UnsafeRawPointer {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(count, 1), alignment: 64)
        withUnsafeBytes { if let base = $0.baseAddress { memory.copyMemory(from: base, byteCount: count) } }
        return UnsafeRawPointer(memory)
    }
}
