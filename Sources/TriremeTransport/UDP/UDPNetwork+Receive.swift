// The way in: from a filled buffer to what the engine sees. A batch in a datagram of its own is not copied.
import CTrireme
import TriremeCore

/// One completed receive.
struct ReceivedBuffer: BitwiseCopyable {
    /// ``Sockets/Role``.
    var role: UInt8
    var number: UInt16
    var bytes: Int32
}

/// A received buffer that is being taken apart: one datagram, or several of `segmentBytes` that the kernel joined.
struct OpenBuffer {
    var role: Sockets.Role
    var number: Int
    var payload: UnsafeMutableRawPointer
    var rest: Int
    var segmentBytes: Int
    /// When the kernel took it from the device, in nanoseconds since 1970; 0 where nobody asked.
    var arrivedAt: UInt64
}

extension UDPNetwork {
    package mutating func next() -> Arrival? {
        if let token = sent.pop() { return .sent(token: token) }
        while true {
            while let open = current, open.rest > 0 {
                let count = min(open.segmentBytes, open.rest)
                current!.payload = open.payload + count
                current!.rest = open.rest - count
                if let arrival = judge(open.payload, count, open) { return arrival }
            }
            if let done = current { recycle(done.role, done.number) }
            current = nil
            guard let buffer = received.pop() else { return nil }
            open(buffer)
        }
    }

    /// Takes a completed receive as ``current``, or gives its buffer back.
    private mutating func open(_ buffer: ReceivedBuffer) {
        let role = Sockets.Role(rawValue: Int(buffer.role))!
        let number = Int(buffer.number)
        let address: UnsafeMutableRawPointer
        let shape: UInt32
        switch role {
        case .control: (address, shape) = (controlRing.address(of: number), controlRing.shape)
        case .unicast: (address, shape) = (unicastRing.address(of: number), unicastRing.shape)
        case .data, .transmit:
            address = pieces ? dataRing.address(of: number) : provided[number]! - dataRing.prefixBytes
            shape = dataRing.shape
        }
        var datagram = trm_received()
        guard buffer.bytes >= 0, trm_receive_parse(address, UInt32(buffer.bytes), shape, &datagram) == 0,
            !datagram.truncated, let payload = datagram.payload
        else {
            counters[.length] &+= 1
            return recycle(role, number)
        }
        let count = Int(datagram.payload_bytes)
        let segment = Int(datagram.segment_bytes)
        current = OpenBuffer(
            role: role, number: number, payload: payload, rest: count,
            segmentBytes: segment > 0 ? segment : max(count, 1), arrivedAt: datagram.arrival_nanoseconds)
        if count == 0 { counters[.length] &+= 1 }
    }

    private mutating func recycle(_ role: Sockets.Role, _ number: Int) {
        switch role {
        case .control: controlRing.recycle(number)
        case .unicast: unicastRing.recycle(number)
        case .data, .transmit:
            if pieces { dataRing.recycle(number) } else { giveToKernel(number, provided[number]!) }
        }
    }

    /// Verifies one datagram, counts it, and makes of it what the engine gets, if anything.
    private mutating func judge(_ bytes: UnsafeMutableRawPointer, _ count: Int, _ open: OpenBuffer) -> Arrival? {
        if open.role == .unicast { counters.unicastDatagramsReceived &+= 1 }
        switch verifier.verify(bytes, count: count) {
        case .refused(let reason):
            counters[reason] &+= 1
            return nil
        case .control(let kind, let from, let bodyBytes):
            counters.controlDatagramsReceived &+= 1
            counters.controlBytesReceived &+= UInt64(count)
            let body = UnsafeRawBufferPointer(start: bytes + Limits.datagramHeaderBytes, count: bodyBytes)
            guard kind.rawValue < DatagramKind.status.rawValue else { return .control(kind, from: from, body: body) }
            answer(kind, body, from)
            return nil
        case .batch(let batch, let from):
            counters.batchDatagramsReceived &+= 1
            counters.batchBytesReceived &+= UInt64(count)
            noteArrival(bytes, count, from, open.arrivedAt)
            if open.role == .data, !pieces {
                current = nil
                provided[open.number] = nil
                return .batch(batch, from: from, buffer: UInt32(open.number), frame: bytes)
            }
            guard let buffer = free.pop() else {
                counters[.noBuffer] &+= 1
                return nil
            }
            counters.batchesCopied &+= 1
            buffer.address.copyMemory(from: bytes, byteCount: count)
            return hand(up: buffer, batch, from)
        case .fragment(let fragment, _):
            counters.batchDatagramsReceived &+= 1
            counters.batchBytesReceived &+= UInt64(count)
            counters.fragmentsReceived &+= 1
            return assemble(fragment, bytes + WireFormat.fragmentHeaderBytes, open.arrivedAt)
        }
    }

    private mutating func noteArrival(
        _ frame: UnsafeRawPointer, _ bytes: Int, _ from: ReplicaID, _ arrivedAt: UInt64
    ) {
        guard paces else { return }
        advisor.arrived(
            from: from, bytes: bytes, sentAt: BatchHeader.sentAt(frame), arrivedAt: arrivedAt, now: now)
    }

    private mutating func assemble(
        _ fragment: FragmentHeader, _ slice: UnsafeMutableRawPointer, _ arrivedAt: UInt64
    ) -> Arrival? {
        guard let (buffer, frameBytes) = assembler.accept(fragment, slice: slice, free: &free, counters: &counters)
        else { return nil }
        switch verifier.verify(buffer.address, count: frameBytes) {
        case .batch(let batch, let from)
        where batch.lane == fragment.lane && batch.generation == fragment.generation
            && batch.sequence == fragment.sequence:
            counters.batchesCopied &+= 1
            noteArrival(buffer.address, frameBytes, from, arrivedAt)
            return hand(up: buffer, batch, from)
        case .refused(let reason):
            counters[reason] &+= 1
        default:
            counters.contradictingFragments &+= 1
        }
        free.push(buffer)
        return nil
    }

    private mutating func hand(up buffer: ProvidedBuffer, _ batch: BatchDescriptor, _ from: ReplicaID) -> Arrival {
        provided[Int(buffer.number)] = nil
        return .batch(batch, from: from, buffer: buffer.number, frame: buffer.address)
    }

    private mutating func answer(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, _ from: ReplicaID) {
        if kind == .probe, let probe = Probe(reading: body) {
            counters.probesReceived &+= 1
            probes.received(probe, from: from, now: now)
        } else if kind == .probeReply, let reply = ProbeReply(reading: body) {
            probes.received(reply, from: from, now: now)
        } else if kind == .rateAdvice, let advice = RateAdvice(reading: body) {
            pacer.advised(advice.rates[options.origin.me.index], by: from, now: now)
        } else {
            counters[.malformed] &+= 1
        }
    }
}
