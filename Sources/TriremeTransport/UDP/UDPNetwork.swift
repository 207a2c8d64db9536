// Datagrams over UDP multicast and unicast, through the ring that the reactor shares with storage. The reactor's thread.
import CTrireme
import Glibc
import TriremeCore

/// How the reactor uses it, each turn: hand every completion with ``TransportToken/isOurs(_:)`` to ``complete(_:)``, call
/// ``tick(now:)``, drain ``next()`` until nil; wait no longer than until ``deadline``. Destroy the ring before this, for
/// the kernel reads and writes this network's memory as long as the ring lives.
///
/// Where the path's MTU carries a whole batch, the kernel receives straight into the provided buffers and a batch is
/// handed up where it lies. Otherwise datagrams are received into memory of the network's own and each batch is
/// assembled by one copy into a provided buffer. What comes by unicast is copied too: if it took the engine's buffers, an
/// engine that holds all of them until something is decided could not hear what decides it.
package struct UDPNetwork: Network, ~Copyable {
    private let pinned = Pinned()
    /// Places that it uses in the ring's registered files and buffer groups.
    package static let files: UInt32 = 4
    package static let bufferGroups: UInt16 = 3

    package let options: UDPNetworkOptions
    /// How frames are cut; it changes once, if the kernel refuses to do the cutting.
    package internal(set) var plan: FragmentPlan
    /// Whether the largest batch needs more than one datagram.
    package let pieces: Bool
    package internal(set) var counters = TransportCounters()
    package internal(set) var probes: ProbeState
    /// Whether waits on the way are measured, and so links that are full noticed.
    package let paces: Bool
    package internal(set) var pacer: Pacer
    var advisor: RateAdvisor

    let ring: OpaquePointer
    let sockets: Sockets
    let verifier: DatagramVerifier
    let addresses: InlineArray<16, UInt32>
    let others: UInt16
    let mtuBytes: Int

    var dataRing: ReceiveRing
    var controlRing: ReceiveRing
    var unicastRing: ReceiveRing
    /// Completed receives that ``next()`` has not looked at.
    var received: BoundedQueue<ReceivedBuffer>
    /// What ``next()`` is looking at; its memory is the caller's until the next call.
    var current: OpenBuffer?
    var provided: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    var free: BufferStack
    var assembler = FragmentAssembler()

    var controlSlots: SendSlots
    var batchSlots: SendSlots
    var transmissions: Transmissions
    var sent: BoundedQueue<UInt32>
    var now: UInt64

    /// Opens the sockets, joins the groups, starts to receive. `ring` has registered files with room at
    /// `options.firstFile`. `boot` differs from that of earlier runs (a real-time clock will do).
    package init(ring: OpaquePointer, options: UDPNetworkOptions, boot: UInt64, now: UInt64) throws(TransportError) {
        try options.validate()
        let interface = try Sockets.find(interface: options.interface)
        guard interface.up else {
            throw TransportError(
                .interface, "interface: \(options.interface) is down; `ip link set \(options.interface) up`")
        }
        let mtu = min(Int(interface.mtu_bytes), options.mtuBytes ?? .max)
        guard mtu >= FragmentPlan.mtuBytesMinimum else {
            throw TransportError(
                .interface,
                "interface: the MTU of \(options.interface) is \(mtu), at least \(FragmentPlan.mtuBytesMinimum) is needed; `ip link set \(options.interface) mtu 1500`"
            )
        }
        let plan = FragmentPlan(mtuBytes: mtu, segmentationOffload: options.segmentationOffload)
        let pieces = !plan.fitsWhole(frameBytes: options.batchBytes)
        let paces = options.paces ?? !interface.loopback
        let sockets = try Sockets(options, interface: interface, plan: plan, pieces: pieces, timed: paces)
        if let refusal = SocketAccounting.refusal(
            grantedBytes: sockets.grantedBytes(.data), batchBytes: options.batchBytes, plan: plan,
            otherLanes: options.members.count - 1)
        {
            throw refusal
        }
        try sockets.register(with: ring, first: options.firstFile)
        let joined = pieces && options.receiveOffload
        let datagram = joined || !pieces ? WireFormat.datagramBytesMaximum : plan.segmentBytes
        // Room for the longest prefix, a datagram, and no sharing of cache lines.
        let stride = (datagram + 72 + 63) / 64 * 64
        let scratch = max(32, Self.scratchBytes / stride)
        let unicastStride = (WireFormat.datagramBytesMaximum + 72 + 63) / 64 * 64
        let group = options.firstBufferGroup
        let file = options.firstFile
        var dataRing = try ReceiveRing(
            ring: ring, file: file + UInt32(Sockets.Role.data.rawValue), group: group,
            index: Sockets.Role.data.rawValue,
            entries: pieces ? scratch : options.providedBuffers, strideBytes: pieces ? stride : 0, joined: joined,
            timed: paces)
        var controlRing = try ReceiveRing(
            ring: ring, file: file + UInt32(Sockets.Role.control.rawValue), group: group + 1,
            index: Sockets.Role.control.rawValue, entries: Self.controlBuffers, strideBytes: Self.controlBufferBytes,
            joined: false)
        var unicastRing = try ReceiveRing(
            ring: ring, file: file + UInt32(Sockets.Role.unicast.rawValue), group: group + 2,
            index: Sockets.Role.unicast.rawValue, entries: Self.unicastBuffers, strideBytes: unicastStride,
            joined: joined, timed: paces)

        // Nothing is refused from here on.
        self.options = options
        self.plan = plan
        self.pieces = pieces
        self.paces = paces
        pacer = Pacer(ramps: paces)
        advisor = RateAdvisor(now: now)
        self.ring = ring
        self.now = now
        let me = options.origin.me
        verifier = DatagramVerifier(
            origin: options.origin, members: options.memberBits, batchBytes: options.batchBytes)
        others = options.memberBits & ~(1 << UInt16(me.rawValue))
        var addresses = InlineArray<16, UInt32>(repeating: 0)
        for member in options.members { addresses[member.id.index] = member.address }
        self.addresses = addresses
        mtuBytes = mtu
        probes = ProbeState(me: me, members: options.memberBits, boot: boot, now: now)
        received = BoundedQueue(capacity: dataRing.capacity + controlRing.capacity + unicastRing.capacity)
        provided = .allocate(capacity: options.providedBuffers)
        provided.initialize(repeating: nil, count: options.providedBuffers)
        free = BufferStack(capacity: options.providedBuffers)

        controlSlots = SendSlots(
            count: options.controlSends, vectors: 1, bytes: Limits.datagramHeaderBytes + Limits.controlBodyBytes)
        batchSlots = SendSlots(
            count: options.batchSends, vectors: 2 * plan.fragmentsPerSend + 1,
            bytes: plan.fragmentsPerSend * WireFormat.fragmentHeaderBytes)
        transmissions = Transmissions(capacity: options.batchQueue)
        // Tokens wait here from their last completion, or their refusal, to the next drain of `next()`.
        sent = BoundedQueue(capacity: 4 * options.batchQueue + 1_024)
        dataRing.arm()
        controlRing.arm()
        unicastRing.arm()
        self.dataRing = dataRing
        self.controlRing = controlRing
        self.unicastRing = unicastRing
        self.sockets = sockets
    }

    deinit { provided.deallocate() }

    /// Small datagrams, with room for their prefix: a control message has at most 1,448 bytes.
    static let controlBufferBytes = 2_048
    /// Statuses of 14 others over several turns.
    static let controlBuffers = 1_024
    /// Repair is bounded by its budget; a burst beyond this waits in the socket's buffer.
    static let unicastBuffers = 32
    /// Memory to receive fragments into, before they are copied to their place.
    static let scratchBytes = 2 << 20

    package mutating func provide(buffer: UInt32, at address: UnsafeMutableRawPointer) {
        precondition(Int(buffer) < options.providedBuffers, "a provided buffer's number is out of range")
        provided[Int(buffer)] = address
        if pieces || free.count < min(options.reservedBuffers, options.providedBuffers / 2) {
            free.push(ProvidedBuffer(number: buffer, address: address))
        } else {
            giveToKernel(Int(buffer), address)
        }
    }

    /// Repair comes by unicast and is copied into the reserve: without it a replica that lacks a batch would stay so.
    package var wantsBuffers: Bool { free.count < (min(options.reservedBuffers, options.providedBuffers / 2) + 1) / 2 }

    /// The kernel puts its prefix into the page before `address`, so that the frame header lands at `address`.
    mutating func giveToKernel(_ number: Int, _ address: UnsafeMutableRawPointer) {
        let prefix = dataRing.prefixBytes
        dataRing.add(address - prefix, bytes: prefix + options.batchBytes, number: number)
    }

    /// Takes one completion whose token has this network's class.
    package mutating func complete(_ completion: trm_completion) {
        let index = TransportToken.index(of: completion.token)
        switch TransportToken.kind(of: completion.token) {
        case .receive:
            guard let role = Sockets.Role(rawValue: index) else { return }
            // First remembered, then armed anew: the queue has room for every buffer the kernel can have.
            if completion.buffer >= 0 {
                received.push(
                    ReceivedBuffer(role: UInt8(index), number: UInt16(completion.buffer), bytes: completion.result))
            }
            switch role {
            case .data: dataRing.completed(completion, counters: &counters)
            case .control: controlRing.completed(completion, counters: &counters)
            case .unicast: unicastRing.completed(completion, counters: &counters)
            case .transmit: break
            }
        case .sendControl:
            account(sendResult: completion.result)
            controlSlots.release(index)
        case .sendBatch:
            account(sendResult: completion.result)
            if completion.result == -EIO { stopOffloading() }
            finishSend(slot: index)
            pump()
        case nil: break
        }
    }

    /// When ``tick(now:)`` has something to do.
    package var deadline: UInt64 {
        min(probes.deadline, advisor.deadline, pacer.mayLeave(now: now) ? .max : pacer.deadline)
    }

    package var isBackedUp: Bool { !pacer.mayLeave(now: now) }
    package var patienceNanoseconds: UInt64 { advisor.patienceNanoseconds }
    package var linkBytesPerSecond: UInt64 { pacer.advice }

    /// Sends probes and replies that are due, and tries again what a full submission ring or an error held up. Every
    /// turn: it costs a few comparisons when there is nothing.
    package mutating func tick(now: UInt64) {
        self.now = now
        dataRing.arm()
        controlRing.arm()
        unicastRing.arm()
        pacer.tick(now: now)
        pump()
        sendProbes()
        if paces, let advice = advisor.tick(now: now) { send(advice) }
    }

    /// Reads how much the kernel dropped: ``refreshCalls`` system calls, so for a few times a second.
    package mutating func refreshKernelDrops() {
        counters.controlKernelDrops = trm_udp_drops(sockets[.control])
        counters.kernelDrops =
            trm_udp_drops(sockets[.data]) &+ counters.controlKernelDrops &+ trm_udp_drops(sockets[.unicast])
    }
    package static let refreshCalls: UInt64 = 3

    /// Send slots and transmissions in use: 0 when everything has left.
    package var sendsInFlight: Int {
        controlSlots.count - controlSlots.freeCount + batchSlots.count - batchSlots.freeCount
    }
}
