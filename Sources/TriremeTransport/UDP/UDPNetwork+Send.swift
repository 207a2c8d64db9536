// The way out: from a call to datagrams in the kernel's hands. Slots are preallocated; what finds none is dropped and
// counted, as the wire itself might have dropped it.
import CTrireme
import Glibc
import TriremeCore

extension UDPNetwork {
    package mutating func multicast(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer) {
        sendControl(kind, body, to: destinations)
    }

    package mutating func send(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, to peer: ReplicaID) {
        sendControl(kind, body, to: others & 1 << UInt16(peer.rawValue))
    }

    package mutating func multicast(_ batch: BatchDescriptor, payload: UnsafeRawPointer, token: UInt32) {
        begin(batch, payload, token, to: destinations)
    }

    package mutating func send(_ batch: BatchDescriptor, payload: UnsafeRawPointer, to peer: ReplicaID, token: UInt32) {
        begin(batch, payload, token, to: others & 1 << UInt16(peer.rawValue))
    }

    /// Where "all other members" are: the group, if anybody hears it, and those by name that do not.
    private var destinations: UInt16 {
        guard !options.unicastOnly else { return others }
        return probes.unicastMembers | (probes.multicastMembers != 0 ? Transmission.multicastBit : 0)
    }

    /// Members that a datagram for one destination is meant for.
    private func copies(of destination: UInt16) -> UInt64 {
        destination == Transmission.multicastBit ? UInt64(probes.multicastMembers.nonzeroBitCount) : 1
    }

    // MARK: control messages

    private mutating func sendControl(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, to destinations: UInt16) {
        precondition(body.count <= Limits.controlBodyBytes)
        var rest = destinations
        var first: UnsafeMutableRawPointer?
        while rest != 0 {
            let bit = rest.trailingZeroBitCount
            rest &= rest - 1
            let byMulticast = 1 << UInt16(bit) == Transmission.multicastBit
            let address = byMulticast ? options.multicastAddress + 16 + UInt32(options.origin.me.index) : addresses[bit]
            let port = byMulticast ? options.port + 1 : options.port + 2 + UInt16(bit)
            guard let sealed = sendControl(kind, body, address: address, port: port, like: first) else { continue }
            counters.copiesSent &+= copies(of: 1 << UInt16(bit))
            first = sealed
        }
    }

    /// Sends one control message. `like` is the same message as an earlier slot holds it, sealed.
    @discardableResult
    private mutating func sendControl(
        _ kind: DatagramKind, _ body: UnsafeRawBufferPointer, address: UInt32, port: UInt16,
        like earlier: UnsafeMutableRawPointer? = nil
    ) -> UnsafeMutableRawPointer? {
        guard let slot = controlSlots.take(to: address, port: port, note: 0) else {
            counters.controlSendsDropped &+= 1
            return nil
        }
        let bytes = controlSlots.bytes(slot)
        let count = Limits.datagramHeaderBytes + body.count
        if let earlier {
            bytes.copyMemory(from: earlier, byteCount: count)
        } else {
            DatagramHeader.write(
                to: bytes, kind, from: options.origin, lane: options.origin.me, payloadBytes: body.count)
            if let base = body.baseAddress {
                (bytes + Limits.datagramHeaderBytes).copyMemory(from: base, byteCount: body.count)
            }
            DatagramHeader.seal(bytes, count: count)
        }
        controlSlots.append(slot, bytes, count)
        let file = options.firstFile + UInt32(Sockets.Role.unicast.rawValue)
        let token = TransportToken.make(.sendControl, slot)
        guard trm_ring_sendmsg(ring, file, controlSlots.header(slot), 0, token) == 0 else {
            controlSlots.release(slot)
            counters.controlSendsDropped &+= 1
            return nil
        }
        counters.controlDatagramsSent &+= 1
        counters.controlBytesSent &+= UInt64(count)
        return bytes
    }

    // MARK: batches

    private mutating func begin(
        _ batch: BatchDescriptor, _ payload: UnsafeRawPointer, _ token: UInt32, to destinations: UInt16
    ) {
        let transmission = Transmission(batch: batch, payload: payload, token: token, destinations: destinations)
        precondition(transmission.frameBytes <= options.batchBytes)
        guard destinations != 0 else {
            // A cluster of one, or a peer that is no member.
            return sent.push(token)
        }
        guard transmissions.begin(transmission, from: options.origin) else {
            counters.batchSendsDropped &+= 1
            return sent.push(token)
        }
        pump()
    }

    /// Hands datagrams to the kernel, oldest batch first, until none waits, the slots are used up or the ring is full.
    mutating func pump() {
        while let index = transmissions.waiting.first {
            // Only between frames: a frame's fragments arrive together or not at all.
            guard transmissions[index].offset > 0 || pacer.mayLeave(now: now) else { return }
            guard issueOne(index) else { return }
            if transmissions[index].destinations == 0 { _ = transmissions.waiting.pop() }
        }
    }

    /// Hands one datagram, or one run of fragments, of a transmission to the kernel. False if that is not possible now.
    private mutating func issueOne(_ index: Int) -> Bool {
        var transmission = transmissions[index]
        let bit = transmission.destinations.trailingZeroBitCount
        let byMulticast = 1 << UInt16(bit) == Transmission.multicastBit
        let address = byMulticast ? options.multicastAddress + UInt32(options.origin.me.index) : addresses[bit]
        let port = byMulticast ? options.port : options.port + 2 + UInt16(bit)
        guard let slot = batchSlots.take(to: address, port: port, note: index) else { return false }
        if paces, !transmission.isStamped {
            // Later copies of the frame carry the time of the first: the kernel may be reading it.
            BatchHeader.stamp(transmissions.header(index), sentAt: trm_realtime_nanoseconds())
            transmission.isStamped = true
        }
        let (bytes, fragments) = fill(slot, index, &transmission)
        let file = options.firstFile + UInt32(Sockets.Role.transmit.rawValue)
        let token = TransportToken.make(.sendBatch, slot)
        guard trm_ring_sendmsg(ring, file, batchSlots.header(slot), 0, token) == 0 else {
            batchSlots.release(slot)
            return false
        }
        if transmission.offset == transmission.frameBytes, transmission.destinations.nonzeroBitCount == 1 {
            pacer.left(bytes: transmission.frameBytes, now: now)
        }
        transmission.inFlight += 1
        let destination = transmission.destinations & (0 &- transmission.destinations)
        let meant = UInt64(max(fragments, 1)) * copies(of: destination)
        counters.copiesSent &+= meant
        counters.batchDeliveriesMeant &+= meant
        if transmission.offset == transmission.frameBytes {
            transmission.destinations &= transmission.destinations - 1
            transmission.offset = 0
        }
        transmissions[index] = transmission
        counters.batchDatagramsSent &+= UInt64(max(fragments, 1))
        counters.fragmentsSent &+= UInt64(fragments)
        counters.batchBytesSent &+= UInt64(bytes)
        return true
    }

    /// Makes the message of a slot from where the transmission stands and moves that on.
    private func fill(_ slot: Int, _ index: Int, _ transmission: inout Transmission) -> (bytes: Int, fragments: Int) {
        let frameBytes = transmission.frameBytes
        let header = transmissions.header(index)
        guard !plan.fitsWhole(frameBytes: frameBytes) else {
            batchSlots.append(slot, header, Limits.headerBytes)
            if transmission.batch.payloadBytes > 0 {
                batchSlots.append(slot, transmission.payload, Int(transmission.batch.payloadBytes))
            }
            transmission.offset = frameBytes
            return (frameBytes, 0)
        }
        var bytes = 0
        var fragments = 0
        while transmission.offset < frameBytes, fragments < plan.fragmentsPerSend {
            let slice = min(plan.sliceBytes, frameBytes - transmission.offset)
            let prefix = batchSlots.bytes(slot) + fragments * WireFormat.fragmentHeaderBytes
            FragmentHeader(
                lane: transmission.batch.lane, generation: transmission.batch.generation,
                sequence: transmission.batch.sequence, offset: transmission.offset, sliceBytes: slice,
                frameBytes: frameBytes
            ).write(to: prefix, from: options.origin)
            batchSlots.append(slot, prefix, WireFormat.fragmentHeaderBytes)
            let ofHeader = max(0, min(Limits.headerBytes - transmission.offset, slice))
            if ofHeader > 0 { batchSlots.append(slot, header + transmission.offset, ofHeader) }
            if slice > ofHeader {
                let start = transmission.offset + ofHeader - Limits.headerBytes
                batchSlots.append(slot, transmission.payload + start, slice - ofHeader)
            }
            transmission.offset += slice
            fragments += 1
            bytes += WireFormat.fragmentHeaderBytes + slice
        }
        return (bytes, fragments)
    }

    mutating func finishSend(slot: Int) {
        let index = batchSlots.note(slot)
        batchSlots.release(slot)
        var transmission = transmissions[index]
        transmission.inFlight -= 1
        transmissions[index] = transmission
        if transmission.inFlight == 0, transmission.destinations == 0 { sent.push(transmissions.end(index)) }
    }

    /// A send that failed (EPERM of a firewall, ENETUNREACH, ENOBUFS …) is a lost datagram.
    mutating func account(sendResult: Int32) {
        guard sendResult < 0 else { return }
        counters.sendErrors &+= 1
        counters.lastSendError = UInt64(-Int64(sendResult))
    }

    /// Cuts frames here from now on: the kernel answers EIO where a path's device leaves the cutting to no one (no
    /// checksum offload, before Linux 6.11; a tunnel). It costs speed only.
    package mutating func stopOffloading() {
        guard plan.fragmentsPerSend > 1 else { return }
        plan = FragmentPlan(mtuBytes: mtuBytes, segmentationOffload: false)
        counters.segmentationOffloadsRefused &+= 1
    }

    // MARK: pacing

    mutating func send(_ advice: RateAdvice) {
        counters.advicesSent &+= 1
        withUnsafeTemporaryAllocation(byteCount: RateAdvice.bytes, alignment: 8) { body in
            advice.write(to: body.baseAddress!)
            multicast(.rateAdvice, UnsafeRawBufferPointer(body))
        }
    }

    // MARK: probes

    mutating func sendProbes() {
        guard probes.deadline <= now else { return }
        if let (boot, number) = probes.probeDue(now: now) {
            let me = UInt32(options.origin.me.index)
            sendProbe(
                Probe(boot: boot, number: number, way: .controlMulticast), options.multicastAddress + 16 + me,
                options.port + 1)
            sendProbe(
                Probe(boot: boot, number: number, way: .dataMulticast), options.multicastAddress + me, options.port)
            for peer in 0..<Limits.members where others & 1 << UInt16(peer) != 0 {
                sendProbe(
                    Probe(boot: boot, number: number, way: .unicast), addresses[peer], options.port + 2 + UInt16(peer))
            }
        }
        while let (peer, reply) = probes.replyDue(now: now) {
            counters.probeRepliesSent &+= 1
            withUnsafeTemporaryAllocation(byteCount: ProbeReply.bytes, alignment: 8) { body in
                reply.write(to: body.baseAddress!)
                send(.probeReply, UnsafeRawBufferPointer(body), to: peer)
            }
        }
    }

    private mutating func sendProbe(_ probe: Probe, _ address: UInt32, _ port: UInt16) {
        counters.probesSent &+= 1
        withUnsafeTemporaryAllocation(byteCount: Probe.bytes, alignment: 8) { body in
            probe.write(to: body.baseAddress!)
            _ = sendControl(.probe, UnsafeRawBufferPointer(body), address: address, port: port)
        }
    }
}
